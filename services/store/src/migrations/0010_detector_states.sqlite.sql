-- What rules that learn have learned of machines: large, written every few minutes. Where their
-- alarms stand is in rule_states.
CREATE TABLE detector_states (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    rule_id BLOB NOT NULL REFERENCES rules (id),
    rule_version INTEGER NOT NULL,
    -- The newest sample that is in it, in microseconds of the machine's clock.
    through_ts INTEGER NOT NULL,
    state BLOB NOT NULL,
    -- Receive time, in microseconds.
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (machine_id, rule_id)
) STRICT;
-- From when on a machine's samples are learned, in microseconds; NULL: all of them.
ALTER TABLE machines ADD COLUMN learned_since INTEGER;
