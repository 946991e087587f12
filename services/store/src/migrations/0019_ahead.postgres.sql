-- A machine's clock that was ahead: the newest value of a series whose time had come when it was received,
-- as long as `latest` holds one whose time hadn't. A row that `latest` has passed since means nothing.
CREATE TABLE latest_in_time (
    series_id BIGINT PRIMARY KEY,
    ts BIGINT NOT NULL,
    value DOUBLE PRECISION,
    text TEXT COLLATE "C",
    quality BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

-- Values whose time hadn't come when they were received.
ALTER TABLE machine_counters ADD COLUMN ahead BIGINT NOT NULL DEFAULT 0;
