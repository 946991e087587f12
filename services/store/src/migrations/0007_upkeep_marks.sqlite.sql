-- How far the work on stored telemetry has ever gone. Times are microseconds since 1970 (UTC).

-- raw_removed_before, minutes_removed_before: before this time some values as received, or by minute,
-- may have been removed. Written before they are; never lowered.
CREATE TABLE upkeep_marks (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
