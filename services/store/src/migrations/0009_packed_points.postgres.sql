-- Old numbers and booleans, compressed: all of a series' values of a day (UTC, days since 1970) in one row.
-- Times are microseconds since 1970 (UTC). What comes late for such a day lies in points until it is
-- added; of two values of one time that in here counts. Empty with TimescaleDB, which compresses itself.

-- count: values; filled: those of them that aren't null.
CREATE TABLE packed_points (
    series_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    count BIGINT NOT NULL,
    filled BIGINT NOT NULL,
    first_ts BIGINT NOT NULL,
    last_ts BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (series_id, day)
);
-- It is compressed already.
ALTER TABLE packed_points ALTER COLUMN data SET STORAGE EXTERNAL;
