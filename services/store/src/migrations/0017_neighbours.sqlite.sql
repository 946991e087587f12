-- Alarms near another one, by the machines of its site where those are few.
CREATE INDEX machines_site ON machines (site_id) WHERE site_id IS NOT NULL;
CREATE INDEX alarms_machine_raised ON alarms (machine_id, raised_at);
CREATE INDEX alarms_machine_ahead ON alarms (machine_id, received_at) WHERE raised_at > received_at;
-- Without statistics, SQLite takes the last of those that look as good: counting a machine's active alarms
-- mustn't read all it ever had.
DROP INDEX alarms_counted;
CREATE INDEX alarms_counted ON alarms (machine_id, severity) WHERE active;
