-- What late samples show. Times are microseconds since 1970 (UTC).

-- Late samples of signals that a rule watches, not yet looked at: from the oldest to the newest of
-- them, in event time; since, marked_at: when the first and the last of them came.
CREATE TABLE late_spans (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    from_ts INTEGER NOT NULL,
    to_ts INTEGER NOT NULL,
    since INTEGER NOT NULL,
    marked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Spans that are looked at now; attempts: how often it was begun.
CREATE TABLE late_runs (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    from_ts INTEGER NOT NULL,
    to_ts INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    leased_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- rule_id, rule_version, severity: NULL with not_evaluated. alarm_id: with unfounded.
CREATE TABLE alarm_revisions (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    machine_id BLOB NOT NULL REFERENCES machines (id),
    rule_id BLOB REFERENCES rules (id),
    rule_version INTEGER,
    kind TEXT NOT NULL CHECK (kind IN ('missed', 'unfounded', 'not_evaluated')),
    from_ts INTEGER NOT NULL,
    to_ts INTEGER,
    severity TEXT,
    message TEXT NOT NULL,
    context TEXT NOT NULL,
    alarm_id BLOB REFERENCES alarms (id),
    found_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX alarm_revisions_alarm ON alarm_revisions (alarm_id) WHERE alarm_id IS NOT NULL;
CREATE INDEX alarm_revisions_machine ON alarm_revisions (machine_id, id);
CREATE INDEX alarm_revisions_age ON alarm_revisions (organization_id, found_at);
