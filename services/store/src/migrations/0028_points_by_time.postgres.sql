-- Values by time, where TimescaleDB keeps them: a refresh of continuous aggregates asks for some minutes of all
-- series. Without it each one reads all that came that day. Values come nearly in the order of their times, so that
-- ranges of pages are enough. New pages are summed up by the refresh.
-- Without TimescaleDB `points` is a partitioned table, whose rollups are made series by series.
DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'points'::regclass) = 'r' THEN
        CREATE INDEX IF NOT EXISTS points_ts ON points USING brin (ts) WITH (pages_per_range = 32);
    END IF;
END
$$;
