-- What late samples show. Times are microseconds since 1970 (UTC).

-- Late samples of signals that a rule watches, not yet looked at: from the oldest to the newest of
-- them, in event time; since, marked_at: when the first and the last of them came.
CREATE TABLE late_spans (
    machine_id UUID PRIMARY KEY NOT NULL REFERENCES machines (id),
    from_ts BIGINT NOT NULL,
    to_ts BIGINT NOT NULL,
    since BIGINT NOT NULL,
    marked_at BIGINT NOT NULL
);
-- Spans that are looked at now; attempts: how often it was begun.
CREATE TABLE late_runs (
    machine_id UUID PRIMARY KEY NOT NULL REFERENCES machines (id),
    from_ts BIGINT NOT NULL,
    to_ts BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    leased_until BIGINT NOT NULL
);

-- rule_id, rule_version, severity: NULL with not_evaluated. alarm_id: with unfounded.
CREATE TABLE alarm_revisions (
    id UUID PRIMARY KEY NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    machine_id UUID NOT NULL REFERENCES machines (id),
    rule_id UUID REFERENCES rules (id),
    rule_version BIGINT,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('missed', 'unfounded', 'not_evaluated')),
    from_ts BIGINT NOT NULL,
    to_ts BIGINT,
    severity TEXT COLLATE "C",
    message TEXT COLLATE "C" NOT NULL,
    context TEXT COLLATE "C" NOT NULL,
    alarm_id UUID REFERENCES alarms (id),
    found_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX alarm_revisions_alarm ON alarm_revisions (alarm_id) WHERE alarm_id IS NOT NULL;
CREATE INDEX alarm_revisions_machine ON alarm_revisions (machine_id, id);
CREATE INDEX alarm_revisions_age ON alarm_revisions (organization_id, found_at);
