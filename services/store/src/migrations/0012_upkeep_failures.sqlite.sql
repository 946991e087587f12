-- When and why upkeep last failed, also after it went well again. Times are microseconds since 1970
-- (UTC).
ALTER TABLE upkeep ADD COLUMN failed_at INTEGER;
ALTER TABLE upkeep ADD COLUMN failure TEXT;
UPDATE upkeep SET failed_at = ran_at, failure = error WHERE error IS NOT NULL;
