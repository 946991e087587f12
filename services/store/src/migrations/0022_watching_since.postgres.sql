-- Since when all that a rule has learned of a machine watches, receive time in microseconds; NULL: it
-- still learns, or it isn't known.
ALTER TABLE detector_states ADD COLUMN watching_since BIGINT;
