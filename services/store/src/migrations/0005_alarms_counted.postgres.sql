-- A machine's active alarms are counted by severity, without walking through those that are over.
CREATE INDEX alarms_counted ON alarms (machine_id, severity) WHERE active;
