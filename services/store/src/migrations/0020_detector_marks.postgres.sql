-- Of rules that learn and catch up: up to when they have judged each of their signals, as JSON. What was stored
-- since is judged by whoever goes on, also after the process has ended.
CREATE TABLE detector_marks (
    machine_id UUID NOT NULL REFERENCES machines (id),
    rule_id UUID NOT NULL REFERENCES rules (id),
    rule_version BIGINT NOT NULL,
    judged TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (machine_id, rule_id)
);
