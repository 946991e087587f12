-- What rules that learn have learned of machines: large, written every few minutes. Where their
-- alarms stand is in rule_states.
CREATE TABLE detector_states (
    machine_id UUID NOT NULL REFERENCES machines (id),
    rule_id UUID NOT NULL REFERENCES rules (id),
    rule_version BIGINT NOT NULL,
    -- The newest sample that is in it, in microseconds of the machine's clock.
    through_ts BIGINT NOT NULL,
    state BYTEA NOT NULL,
    -- Receive time, in microseconds.
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (machine_id, rule_id)
);
-- Packed already: the database needn't try.
ALTER TABLE detector_states ALTER COLUMN state SET STORAGE EXTERNAL;
-- From when on a machine's samples are learned, in microseconds; NULL: all of them.
ALTER TABLE machines ADD COLUMN learned_since BIGINT;
