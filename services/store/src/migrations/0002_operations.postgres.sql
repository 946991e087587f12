-- Rules, alarms, tickets, commands. Times are microseconds since 1970 (UTC).

ALTER TABLE machines ADD COLUMN criticality TEXT COLLATE "C" NOT NULL DEFAULT 'normal'
    CHECK (criticality IN ('high', 'normal', 'low'));
-- Maintenance mode: NULL when it is off.
ALTER TABLE machines ADD COLUMN maintenance_since BIGINT;
ALTER TABLE machines ADD COLUMN maintenance_until BIGINT;
ALTER TABLE machines ADD COLUMN maintenance_reason TEXT COLLATE "C";
ALTER TABLE machines ADD COLUMN maintenance_by TEXT COLLATE "C";
CREATE INDEX machines_model ON machines (model) WHERE model IS NOT NULL;
CREATE INDEX machines_maintenance ON machines (maintenance_until) WHERE maintenance_until IS NOT NULL;

-- Values that came after the detection had passed their time.
ALTER TABLE machine_counters ADD COLUMN late BIGINT NOT NULL DEFAULT 0;

CREATE INDEX machine_status_lost ON machine_status (disconnected_at) WHERE NOT connected;

-- How often something has changed, for those who keep a copy of it in memory.
CREATE TABLE revisions (
    name TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO revisions (name, revision) VALUES ('rules', 0);

CREATE TABLE rules (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    machine_id UUID REFERENCES machines (id),
    model TEXT COLLATE "C",
    condition TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C",
    enabled BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- A deleted rule's row stays: its alarms name it.
    deleted_at BIGINT,
    CHECK ((machine_id IS NULL) <> (model IS NULL))
);
CREATE INDEX rules_organization ON rules (organization_id, id);
CREATE INDEX rules_machine ON rules (machine_id) WHERE machine_id IS NOT NULL;
CREATE INDEX rules_model ON rules (model) WHERE model IS NOT NULL;

-- All that a rule was, for alarms raised by an earlier version.
CREATE TABLE rule_versions (
    rule_id UUID NOT NULL REFERENCES rules (id),
    version BIGINT NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (rule_id, version)
);

-- Where a rule stands with a machine; written in the transaction of the samples that changed it.
CREATE TABLE rule_states (
    machine_id UUID NOT NULL REFERENCES machines (id),
    rule_id UUID NOT NULL REFERENCES rules (id),
    rule_version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (machine_id, rule_id)
);

CREATE TABLE alarms (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    machine_id UUID NOT NULL REFERENCES machines (id),
    origin TEXT COLLATE "C" NOT NULL CHECK (origin IN ('fault', 'rule', 'contact')),
    source TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    rule_id UUID REFERENCES rules (id),
    rule_version BIGINT,
    severity TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    context TEXT COLLATE "C" NOT NULL,
    active BOOLEAN NOT NULL,
    acknowledged_by TEXT COLLATE "C",
    acknowledged_at BIGINT,
    shelved_until BIGINT,
    suppressed_by TEXT COLLATE "C",
    out_of_service BOOLEAN NOT NULL DEFAULT FALSE,
    count BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    cleared_at BIGINT,
    clear_reason TEXT COLLATE "C",
    received_at BIGINT NOT NULL,
    ticket_id UUID,
    version BIGINT NOT NULL
);
-- At most one active alarm per key, however many processes raise it.
CREATE UNIQUE INDEX alarms_active ON alarms (machine_id, origin, source, code) WHERE active;
CREATE INDEX alarms_key ON alarms (machine_id, origin, source, code, id);
CREATE INDEX alarms_machine ON alarms (machine_id, id);
CREATE INDEX alarms_organization ON alarms (organization_id, id);
CREATE INDEX alarms_ticket ON alarms (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX alarms_shelved ON alarms (shelved_until) WHERE shelved_until IS NOT NULL;
CREATE INDEX alarms_orphans ON alarms (id) WHERE suppressed_by = 'parent_lost';
CREATE INDEX alarms_rule ON alarms (rule_id) WHERE rule_id IS NOT NULL AND active;

CREATE TABLE tickets (
    id UUID PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    machine_id UUID NOT NULL REFERENCES machines (id),
    -- What it is about, for the platform: NULL for one that was opened by hand.
    cause TEXT COLLATE "C",
    title TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('new', 'in_progress', 'on_hold', 'resolved', 'closed', 'canceled')),
    hold_reason TEXT COLLATE "C",
    resolution_code TEXT COLLATE "C",
    resolution TEXT COLLATE "C",
    priority TEXT COLLATE "C" NOT NULL,
    -- Worst severity of its alarms since it was opened or reopened.
    worst TEXT COLLATE "C",
    assignee_id UUID REFERENCES users (id),
    opened_by TEXT COLLATE "C" NOT NULL,
    reopened BIGINT NOT NULL DEFAULT 0,
    external_ids TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT,
    closed_at BIGINT,
    -- When it is closed, if it is resolved and nothing reopens it.
    close_at BIGINT
);
ALTER TABLE alarms ADD FOREIGN KEY (ticket_id) REFERENCES tickets (id);
-- One open ticket per cause.
CREATE UNIQUE INDEX tickets_cause ON tickets (cause)
    WHERE cause IS NOT NULL AND state IN ('new', 'in_progress', 'on_hold');
CREATE INDEX tickets_cause_any ON tickets (cause, id) WHERE cause IS NOT NULL;
CREATE INDEX tickets_closing ON tickets (close_at) WHERE close_at IS NOT NULL;
CREATE INDEX tickets_organization ON tickets (organization_id, id);
CREATE INDEX tickets_machine ON tickets (machine_id, id);

CREATE TABLE ticket_comments (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    written_by TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    note TEXT COLLATE "C",
    text TEXT COLLATE "C" NOT NULL,
    data TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ticket_comments_ticket ON ticket_comments (ticket_id, seq);

CREATE TABLE ticket_evidence (
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    alarm_id UUID NOT NULL REFERENCES alarms (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    taken_at BIGINT NOT NULL,
    evidence TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (ticket_id, alarm_id)
);

CREATE TABLE commands (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    machine_id UUID NOT NULL REFERENCES machines (id),
    ord BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    args TEXT COLLATE "C" NOT NULL,
    class TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    ticket_id UUID REFERENCES tickets (id),
    purpose TEXT COLLATE "C",
    issued_by TEXT COLLATE "C" NOT NULL,
    -- The name that the operator on site reads.
    issued_by_name TEXT COLLATE "C" NOT NULL,
    approved_by TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    deadline_s BIGINT NOT NULL,
    -- The ledger it was signed for; NULL until it is handed over.
    ledger UUID,
    reason TEXT COLLATE "C",
    exit_code BIGINT,
    result TEXT COLLATE "C",
    error TEXT COLLATE "C",
    output TEXT COLLATE "C",
    -- Parts of output received so far.
    output_parts BIGINT NOT NULL DEFAULT 0,
    output_cut BOOLEAN NOT NULL DEFAULT FALSE,
    cancel_requested_at BIGINT,
    cancel_by_name TEXT COLLATE "C",
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    sent_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    UNIQUE (machine_id, ord)
);
CREATE INDEX commands_organization ON commands (organization_id, id);
CREATE INDEX commands_machine ON commands (machine_id, id);
CREATE INDEX commands_ticket ON commands (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX commands_open ON commands (machine_id, ord) WHERE state IN
    ('awaiting_approval', 'queued', 'sent', 'received', 'awaiting_consent', 'running', 'unconfirmed');
CREATE INDEX commands_expiry ON commands (expires_at) WHERE state IN
    ('awaiting_approval', 'queued', 'sent');

-- What a machine's agent has told of itself.
CREATE TABLE machine_capabilities (
    machine_id UUID PRIMARY KEY REFERENCES machines (id),
    agent_version TEXT COLLATE "C" NOT NULL,
    ledger UUID NOT NULL,
    last_ord BIGINT NOT NULL,
    commands TEXT COLLATE "C" NOT NULL,
    reported_at BIGINT NOT NULL
);

CREATE TABLE policies (
    organization_id UUID PRIMARY KEY REFERENCES organizations (id),
    policy TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
