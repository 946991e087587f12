-- Storage over years, and several processes on one database. Times are microseconds since 1970 (UTC).

-- Processes of the platform: one that hasn't been seen for a while is gone.
CREATE TABLE processes (
    name TEXT COLLATE "C" PRIMARY KEY,
    roles TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
-- The run of a process that wrote the machine's samples last: others have forgotten what they knew.
ALTER TABLE machine_status ADD COLUMN writer UUID;
CREATE INDEX machine_status_gateway ON machine_status (gateway) WHERE connected;

-- Numbers and booleans by minute and by hour (bucket: where it starts). count, min, max, sum: of what
-- isn't null. Recomputed from what they are made of, never added to.
CREATE TABLE rollups_1m (
    series_id BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    min DOUBLE PRECISION,
    max DOUBLE PRECISION,
    sum DOUBLE PRECISION,
    last DOUBLE PRECISION,
    PRIMARY KEY (series_id, bucket)
);
CREATE TABLE rollups_1h (
    series_id BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    count BIGINT NOT NULL,
    min DOUBLE PRECISION,
    max DOUBLE PRECISION,
    sum DOUBLE PRECISION,
    last DOUBLE PRECISION,
    PRIMARY KEY (series_id, bucket)
);
-- All that came in order before this time is in the rollups.
CREATE TABLE rollup_cursors (
    series_id BIGINT PRIMARY KEY,
    through BIGINT NOT NULL
);
-- Hours in which something came out of order; they are made anew.
CREATE TABLE rollup_dirty (
    series_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    PRIMARY KEY (series_id, hour)
);

-- How the work on stored telemetry goes, by kind of work.
CREATE TABLE upkeep (
    task TEXT COLLATE "C" PRIMARY KEY,
    ran_at BIGINT NOT NULL,
    succeeded_at BIGINT,
    error TEXT COLLATE "C",
    done BIGINT NOT NULL
);
