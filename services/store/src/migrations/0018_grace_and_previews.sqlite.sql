-- When its maintenance mode ended last: the machines that it connects have time to come back since.
ALTER TABLE machines ADD COLUMN maintenance_ended_at INTEGER;

-- A backtest that was asked for while a rule is edited: it isn't listed, and kept for an hour only.
ALTER TABLE backtests ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;
CREATE INDEX backtests_previews ON backtests (created_at) WHERE preview;
