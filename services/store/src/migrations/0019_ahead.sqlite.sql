-- A machine's clock that was ahead: the newest value of a series whose time had come when it was received,
-- as long as `latest` holds one whose time hadn't. A row that `latest` has passed since means nothing.
CREATE TABLE latest_in_time (
    series_id INTEGER PRIMARY KEY NOT NULL,
    ts INTEGER NOT NULL,
    value REAL,
    text TEXT,
    quality INTEGER NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

-- Values whose time hadn't come when they were received.
ALTER TABLE machine_counters ADD COLUMN ahead INTEGER NOT NULL DEFAULT 0;
