-- What a machine's agent has told of its signals last, also of those that have no series yet. A
-- series keeps the unit it had when its signal is no longer told.
CREATE TABLE signal_units (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    signal TEXT NOT NULL,
    unit TEXT,
    PRIMARY KEY (machine_id, signal)
) STRICT, WITHOUT ROWID;
