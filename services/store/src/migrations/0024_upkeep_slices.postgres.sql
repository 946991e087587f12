-- The work on stored telemetry in slices. Times are microseconds since 1970 (UTC).

-- When something came late into the hour for the first time since it was made, by the database's clock.
ALTER TABLE rollup_dirty ADD COLUMN marked_at BIGINT NOT NULL DEFAULT 0;
-- When the round began that isn't at its end yet.
ALTER TABLE upkeep ADD COLUMN begun_at BIGINT;
