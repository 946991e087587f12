-- When its maintenance mode ended last: the machines that it connects have time to come back since.
ALTER TABLE machines ADD COLUMN maintenance_ended_at BIGINT;

-- A backtest that was asked for while a rule is edited: it isn't listed, and kept for an hour only.
ALTER TABLE backtests ADD COLUMN preview BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX backtests_previews ON backtests (created_at) WHERE preview;
