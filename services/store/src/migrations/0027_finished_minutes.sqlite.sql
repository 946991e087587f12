-- Last minutes of series, which are rolled up behind the cursor. Times are microseconds since 1970 (UTC).

-- All that came in order up to this time is in the rollups too: the newest value when the last minute was rolled
-- up. NULL: it never was. Counts only from the cursor on.
ALTER TABLE rollup_cursors ADD COLUMN finished INTEGER;
