-- What is known of the clocks of machines that were ahead of the platform's. A machine whose clock never was
-- has no row. Times in microseconds.
CREATE TABLE machine_clocks (
    machine_id UUID PRIMARY KEY NOT NULL REFERENCES machines (id),
    -- By so much its clock is known to be ahead; rules go by it. 0: it is right.
    ahead_us BIGINT NOT NULL,
    -- When its clock was known to be another one, by that clock: rules see nothing older.
    begins_ts BIGINT,
    -- Its last messages by another clock: how far that is ahead, how many they were, when the first of them
    -- came, and the newest time of theirs.
    doubt_us BIGINT,
    doubt_messages BIGINT NOT NULL,
    doubt_since BIGINT,
    doubt_ts BIGINT
);

-- Whether rules have not seen it, because it was ahead of its time.
ALTER TABLE latest ADD COLUMN unseen BIGINT NOT NULL DEFAULT 0;
UPDATE latest SET unseen = 1 WHERE ts > received_at + 600000000;
