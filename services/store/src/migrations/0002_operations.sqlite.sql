-- Rules, alarms, tickets, commands. Times are microseconds since 1970 (UTC).

ALTER TABLE machines ADD COLUMN criticality TEXT NOT NULL DEFAULT 'normal'
    CHECK (criticality IN ('high', 'normal', 'low'));
-- Maintenance mode: NULL when it is off.
ALTER TABLE machines ADD COLUMN maintenance_since INTEGER;
ALTER TABLE machines ADD COLUMN maintenance_until INTEGER;
ALTER TABLE machines ADD COLUMN maintenance_reason TEXT;
ALTER TABLE machines ADD COLUMN maintenance_by TEXT;
CREATE INDEX machines_model ON machines (model) WHERE model IS NOT NULL;
CREATE INDEX machines_maintenance ON machines (maintenance_until) WHERE maintenance_until IS NOT NULL;

-- Values that came after the detection had passed their time.
ALTER TABLE machine_counters ADD COLUMN late INTEGER NOT NULL DEFAULT 0;

CREATE INDEX machine_status_lost ON machine_status (disconnected_at) WHERE connected = 0;

-- How often something has changed, for those who keep a copy of it in memory.
CREATE TABLE revisions (
    name TEXT PRIMARY KEY NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO revisions (name, revision) VALUES ('rules', 0);

CREATE TABLE rules (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    machine_id BLOB REFERENCES machines (id),
    model TEXT,
    condition TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- A deleted rule's row stays: its alarms name it.
    deleted_at INTEGER,
    CHECK ((machine_id IS NULL) <> (model IS NULL))
) STRICT;
CREATE INDEX rules_organization ON rules (organization_id, id);
CREATE INDEX rules_machine ON rules (machine_id) WHERE machine_id IS NOT NULL;
CREATE INDEX rules_model ON rules (model) WHERE model IS NOT NULL;

-- All that a rule was, for alarms raised by an earlier version.
CREATE TABLE rule_versions (
    rule_id BLOB NOT NULL REFERENCES rules (id),
    version INTEGER NOT NULL,
    rule TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (rule_id, version)
) STRICT, WITHOUT ROWID;

-- Where a rule stands with a machine; written in the transaction of the samples that changed it.
CREATE TABLE rule_states (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    rule_id BLOB NOT NULL REFERENCES rules (id),
    rule_version INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (machine_id, rule_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarms (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    machine_id BLOB NOT NULL REFERENCES machines (id),
    origin TEXT NOT NULL CHECK (origin IN ('fault', 'rule', 'contact')),
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    rule_id BLOB REFERENCES rules (id),
    rule_version INTEGER,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    context TEXT NOT NULL,
    active INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at INTEGER,
    shelved_until INTEGER,
    suppressed_by TEXT,
    out_of_service INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    cleared_at INTEGER,
    clear_reason TEXT,
    received_at INTEGER NOT NULL,
    ticket_id BLOB REFERENCES tickets (id),
    version INTEGER NOT NULL
) STRICT;
-- At most one active alarm per key, however many processes raise it.
CREATE UNIQUE INDEX alarms_active ON alarms (machine_id, origin, source, code) WHERE active = 1;
CREATE INDEX alarms_key ON alarms (machine_id, origin, source, code, id);
CREATE INDEX alarms_machine ON alarms (machine_id, id);
CREATE INDEX alarms_organization ON alarms (organization_id, id);
CREATE INDEX alarms_ticket ON alarms (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX alarms_shelved ON alarms (shelved_until) WHERE shelved_until IS NOT NULL;
CREATE INDEX alarms_orphans ON alarms (id) WHERE suppressed_by = 'parent_lost';
CREATE INDEX alarms_rule ON alarms (rule_id) WHERE rule_id IS NOT NULL AND active = 1;

CREATE TABLE tickets (
    id BLOB PRIMARY KEY NOT NULL,
    number INTEGER NOT NULL UNIQUE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    machine_id BLOB NOT NULL REFERENCES machines (id),
    -- What it is about, for the platform: NULL for one that was opened by hand.
    cause TEXT,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('new', 'in_progress', 'on_hold', 'resolved', 'closed', 'canceled')),
    hold_reason TEXT,
    resolution_code TEXT,
    resolution TEXT,
    priority TEXT NOT NULL,
    -- Worst severity of its alarms since it was opened or reopened.
    worst TEXT,
    assignee_id BLOB REFERENCES users (id),
    opened_by TEXT NOT NULL,
    reopened INTEGER NOT NULL DEFAULT 0,
    external_ids TEXT NOT NULL DEFAULT '{}',
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    resolved_at INTEGER,
    closed_at INTEGER,
    -- When it is closed, if it is resolved and nothing reopens it.
    close_at INTEGER
) STRICT;
-- One open ticket per cause.
CREATE UNIQUE INDEX tickets_cause ON tickets (cause)
    WHERE cause IS NOT NULL AND state IN ('new', 'in_progress', 'on_hold');
CREATE INDEX tickets_cause_any ON tickets (cause, id) WHERE cause IS NOT NULL;
CREATE INDEX tickets_closing ON tickets (close_at) WHERE close_at IS NOT NULL;
CREATE INDEX tickets_organization ON tickets (organization_id, id);
CREATE INDEX tickets_machine ON tickets (machine_id, id);

CREATE TABLE ticket_comments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    ticket_id BLOB NOT NULL REFERENCES tickets (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    written_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    note TEXT,
    text TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_comments_ticket ON ticket_comments (ticket_id, seq);

CREATE TABLE ticket_evidence (
    ticket_id BLOB NOT NULL REFERENCES tickets (id),
    alarm_id BLOB NOT NULL REFERENCES alarms (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    taken_at INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (ticket_id, alarm_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    machine_id BLOB NOT NULL REFERENCES machines (id),
    ord INTEGER NOT NULL,
    name TEXT NOT NULL,
    args TEXT NOT NULL,
    class TEXT,
    state TEXT NOT NULL,
    ticket_id BLOB REFERENCES tickets (id),
    purpose TEXT,
    issued_by TEXT NOT NULL,
    -- The name that the operator on site reads.
    issued_by_name TEXT NOT NULL,
    approved_by TEXT,
    expires_at INTEGER NOT NULL,
    deadline_s INTEGER NOT NULL,
    -- The ledger it was signed for; NULL until it is handed over.
    ledger BLOB,
    reason TEXT,
    exit_code INTEGER,
    result TEXT,
    error TEXT,
    output TEXT,
    -- Parts of output received so far.
    output_parts INTEGER NOT NULL DEFAULT 0,
    output_cut INTEGER NOT NULL DEFAULT 0,
    cancel_requested_at INTEGER,
    cancel_by_name TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sent_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    UNIQUE (machine_id, ord)
) STRICT;
CREATE INDEX commands_organization ON commands (organization_id, id);
CREATE INDEX commands_machine ON commands (machine_id, id);
CREATE INDEX commands_ticket ON commands (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX commands_open ON commands (machine_id, ord) WHERE state IN
    ('awaiting_approval', 'queued', 'sent', 'received', 'awaiting_consent', 'running', 'unconfirmed');
CREATE INDEX commands_expiry ON commands (expires_at) WHERE state IN
    ('awaiting_approval', 'queued', 'sent');

-- What a machine's agent has told of itself.
CREATE TABLE machine_capabilities (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    agent_version TEXT NOT NULL,
    ledger BLOB NOT NULL,
    last_ord INTEGER NOT NULL,
    commands TEXT NOT NULL,
    reported_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
    organization_id BLOB PRIMARY KEY NOT NULL REFERENCES organizations (id),
    policy TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
