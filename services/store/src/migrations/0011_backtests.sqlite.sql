-- Trying rules on history, and what people say of alarms. Times are microseconds since 1970 (UTC).

-- request, result: JSON. organization_id: of who asked; created_by: an actor as JSON.
CREATE TABLE backtests (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    created_by TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    -- 0 to 1.
    progress REAL NOT NULL DEFAULT 0,
    values_read INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    result TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX backtests_own ON backtests (created_by, id);
CREATE INDEX backtests_open ON backtests (organization_id) WHERE state IN ('queued', 'running');
CREATE INDEX backtests_age ON backtests (created_at);

-- What a person has said of an alarm.
ALTER TABLE alarms ADD COLUMN feedback TEXT CHECK (feedback IN ('real', 'nuisance', 'expected'));
ALTER TABLE alarms ADD COLUMN feedback_note TEXT;
ALTER TABLE alarms ADD COLUMN feedback_by TEXT;
ALTER TABLE alarms ADD COLUMN feedback_at INTEGER;
-- For how good a rule is over a time.
CREATE INDEX alarms_rule_time ON alarms (rule_id, raised_at) WHERE rule_id IS NOT NULL;
