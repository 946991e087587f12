-- What a machine's agent has told of its signals last, also of those that have no series yet. A
-- series keeps the unit it had when its signal is no longer told.
CREATE TABLE signal_units (
    machine_id UUID NOT NULL REFERENCES machines (id),
    signal TEXT COLLATE "C" NOT NULL,
    unit TEXT COLLATE "C",
    PRIMARY KEY (machine_id, signal)
);
