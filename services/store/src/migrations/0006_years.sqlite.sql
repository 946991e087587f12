-- Storage over years, and several processes on one database. Times are microseconds since 1970 (UTC).

-- Processes of the platform: one that hasn't been seen for a while is gone.
CREATE TABLE processes (
    name TEXT PRIMARY KEY NOT NULL,
    roles TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The run of a process that wrote the machine's samples last: others have forgotten what they knew.
ALTER TABLE machine_status ADD COLUMN writer BLOB;
CREATE INDEX machine_status_gateway ON machine_status (gateway) WHERE connected;

-- Numbers and booleans by minute and by hour (bucket: where it starts). count, min, max, sum: of what
-- isn't null. Recomputed from what they are made of, never added to.
CREATE TABLE rollups_1m (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    min REAL,
    max REAL,
    sum REAL,
    last REAL,
    PRIMARY KEY (series_id, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollups_1h (
    series_id INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    min REAL,
    max REAL,
    sum REAL,
    last REAL,
    PRIMARY KEY (series_id, bucket)
) STRICT, WITHOUT ROWID;
-- All that came in order before this time is in the rollups.
CREATE TABLE rollup_cursors (
    series_id INTEGER PRIMARY KEY NOT NULL,
    through INTEGER NOT NULL
) STRICT;
-- Hours in which something came out of order; they are made anew.
CREATE TABLE rollup_dirty (
    series_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    PRIMARY KEY (series_id, hour)
) STRICT, WITHOUT ROWID;

-- How the work on stored telemetry goes, by kind of work.
CREATE TABLE upkeep (
    task TEXT PRIMARY KEY NOT NULL,
    ran_at INTEGER NOT NULL,
    succeeded_at INTEGER,
    error TEXT,
    done INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The conditions of these indexes in words that both databases understand: an index is only used by
-- queries that say the same.
DROP INDEX alarms_active;
CREATE UNIQUE INDEX alarms_active ON alarms (machine_id, origin, source, code) WHERE active;
DROP INDEX alarms_rule;
CREATE INDEX alarms_rule ON alarms (rule_id) WHERE rule_id IS NOT NULL AND active;
DROP INDEX alarms_open;
CREATE INDEX alarms_open ON alarms (organization_id, id) WHERE active;
DROP INDEX alarms_counted;
CREATE INDEX alarms_counted ON alarms (machine_id, severity) WHERE active;
DROP INDEX machine_status_lost;
CREATE INDEX machine_status_lost ON machine_status (disconnected_at) WHERE NOT connected;
