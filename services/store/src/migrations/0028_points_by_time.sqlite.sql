-- Values by time, for TimescaleDB. Nothing is needed here: rollups are made series by series.
SELECT 1;
