-- Trying rules on history, and what people say of alarms. Times are microseconds since 1970 (UTC).

-- request, result: JSON. organization_id: of who asked; created_by: an actor as JSON.
CREATE TABLE backtests (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    created_by TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    -- 0 to 1.
    progress DOUBLE PRECISION NOT NULL DEFAULT 0,
    values_read BIGINT NOT NULL DEFAULT 0,
    cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
    error TEXT COLLATE "C",
    result TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX backtests_own ON backtests (created_by, id);
CREATE INDEX backtests_open ON backtests (organization_id) WHERE state IN ('queued', 'running');
CREATE INDEX backtests_age ON backtests (created_at);

-- What a person has said of an alarm.
ALTER TABLE alarms ADD COLUMN feedback TEXT COLLATE "C" CHECK (feedback IN ('real', 'nuisance', 'expected'));
ALTER TABLE alarms ADD COLUMN feedback_note TEXT COLLATE "C";
ALTER TABLE alarms ADD COLUMN feedback_by TEXT COLLATE "C";
ALTER TABLE alarms ADD COLUMN feedback_at BIGINT;
-- For how good a rule is over a time.
CREATE INDEX alarms_rule_time ON alarms (rule_id, raised_at) WHERE rule_id IS NOT NULL;
