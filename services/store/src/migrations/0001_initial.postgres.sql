-- Millwright, first schema, PostgreSQL. The same tables as on SQLite.
-- Times are microseconds since 1970 (UTC). Texts are compared by their bytes, as on SQLite, so that
-- lists have the same order on both.

CREATE TABLE organizations (
    id UUID PRIMARY KEY,
    parent_id UUID REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    external_ids TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Every pair of an organization and one at or below it: what a caller's scope is read from.
CREATE TABLE organization_tree (
    ancestor_id UUID NOT NULL REFERENCES organizations (id),
    descendant_id UUID NOT NULL REFERENCES organizations (id),
    depth BIGINT NOT NULL,
    PRIMARY KEY (ancestor_id, descendant_id)
);

CREATE TABLE sites (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    time_zone TEXT COLLATE "C" NOT NULL,
    external_ids TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sites_organization ON sites (organization_id, name);

CREATE TABLE machines (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    site_id UUID REFERENCES sites (id),
    parent_id UUID REFERENCES machines (id),
    name TEXT COLLATE "C" NOT NULL,
    serial_number TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C",
    external_ids TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('registered', 'commissioned', 'decommissioned')),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    commissioned_at BIGINT,
    decommissioned_at BIGINT,
    UNIQUE (organization_id, serial_number)
);
CREATE INDEX machines_parent ON machines (parent_id) WHERE parent_id IS NOT NULL;

-- One row a machine: its connection and its clock.
CREATE TABLE machine_status (
    machine_id UUID PRIMARY KEY REFERENCES machines (id),
    generation BIGINT NOT NULL DEFAULT 0,
    connected BOOLEAN NOT NULL DEFAULT FALSE,
    gateway TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    protocol TEXT COLLATE "C",
    remote_address TEXT COLLATE "C",
    connected_at BIGINT,
    disconnected_at BIGINT,
    disconnect_reason TEXT COLLATE "C",
    last_seen_at BIGINT,
    clock_offset_us BIGINT,
    through_ts BIGINT
);

CREATE TABLE users (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    email TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    disabled_at BIGINT,
    -- Name and address are erased then; the row stays, because the audit log names its id.
    deleted_at BIGINT
);
-- An address is one person's, however it is written.
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- A refresh token is used once; using it again ends its whole family (stolen).
CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY,
    family_id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE api_tokens (
    id UUID PRIMARY KEY,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    name TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    scopes TEXT COLLATE "C" NOT NULL,
    created_by UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE enrollment_codes (
    code_hash BYTEA PRIMARY KEY,
    machine_id UUID NOT NULL REFERENCES machines (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    -- SHA-256 of the public key that used it, and what was answered.
    key_fingerprint BYTEA,
    certificate_serial TEXT COLLATE "C"
);
CREATE INDEX enrollment_codes_machine ON enrollment_codes (machine_id);

CREATE TABLE certificates (
    serial TEXT COLLATE "C" PRIMARY KEY,
    machine_id UUID NOT NULL REFERENCES machines (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    certificate TEXT COLLATE "C" NOT NULL,
    key_fingerprint BYTEA NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revocation_reason TEXT COLLATE "C"
);
CREATE INDEX certificates_machine ON certificates (machine_id);
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE device_tokens (
    id UUID PRIMARY KEY,
    machine_id UUID NOT NULL REFERENCES machines (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX device_tokens_machine ON device_tokens (machine_id);
CREATE INDEX device_tokens_revoked ON device_tokens (revoked_at) WHERE revoked_at IS NOT NULL;

-- Signed trust bundles, the whole chain: version n + 1 is signed by a key of version n.
CREATE TABLE trust_bundles (
    version BIGINT PRIMARY KEY,
    jws TEXT COLLATE "C" NOT NULL,
    bundle TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Subscriptions of MQTT sessions that clients may continue.
CREATE TABLE mqtt_sessions (
    machine_id UUID PRIMARY KEY REFERENCES machines (id),
    client_id TEXT COLLATE "C" NOT NULL,
    filters TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    -- NULL while the machine is connected.
    expires_at BIGINT
);

CREATE TABLE idempotency_keys (
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_hash BYTEA NOT NULL,
    status BIGINT,
    response TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_caller ON idempotency_keys (caller, created_at);

-- kind is NULL until the signal's first sample that isn't null.
CREATE TABLE series (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    machine_id UUID NOT NULL REFERENCES machines (id),
    signal TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" CHECK (kind IN ('number', 'boolean', 'text')),
    unit TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    UNIQUE (machine_id, signal)
);

-- One partition a day (UTC), made before the first value of the day is written. With TimescaleDB a
-- later migration makes hypertables of both.
-- Numbers and booleans (0, 1); NULL: the signal had no value. quality: 0 good, 1 uncertain, 2 bad.
CREATE TABLE points (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value DOUBLE PRECISION,
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
) PARTITION BY RANGE (ts);

CREATE TABLE points_text (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value TEXT COLLATE "C",
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
) PARTITION BY RANGE (ts);

CREATE TABLE latest (
    series_id BIGINT PRIMARY KEY,
    ts BIGINT NOT NULL,
    value DOUBLE PRECISION,
    text TEXT COLLATE "C",
    quality BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

CREATE TABLE stream_cursors (
    machine_id UUID NOT NULL REFERENCES machines (id),
    outbox UUID NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    last_seq BIGINT NOT NULL,
    through_ts BIGINT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (machine_id, outbox, topic)
);

CREATE TABLE gaps (
    machine_id UUID NOT NULL REFERENCES machines (id),
    outbox UUID NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    detected_at BIGINT NOT NULL,
    PRIMARY KEY (machine_id, outbox, topic, from_seq)
);

-- What can't be told from the rows: how often something was refused or doubled.
CREATE TABLE machine_counters (
    machine_id UUID PRIMARY KEY REFERENCES machines (id),
    duplicates BIGINT NOT NULL DEFAULT 0,
    conflicts BIGINT NOT NULL DEFAULT 0,
    quarantined BIGINT NOT NULL DEFAULT 0,
    quarantine_dropped BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE machine_events (
    machine_id UUID NOT NULL REFERENCES machines (id),
    id UUID NOT NULL,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    ts BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    outbox UUID,
    seq BIGINT,
    data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (machine_id, id)
);
CREATE INDEX machine_events_time ON machine_events (machine_id, ts);

CREATE TABLE quarantine (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    machine_id UUID NOT NULL REFERENCES machines (id),
    received_at BIGINT NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    payload BYTEA NOT NULL
);
CREATE INDEX quarantine_machine ON quarantine (machine_id, id);

-- Domain events. position is given after commit, without gaps, by the sequencer.
CREATE TABLE events (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    position BIGINT UNIQUE,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    type TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    version BIGINT,
    actor TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C",
    data TEXT COLLATE "C" NOT NULL,
    occurred_at BIGINT NOT NULL
);
CREATE INDEX events_without_position ON events (seq) WHERE position IS NULL;

-- Only the oldest unfinished job of an ordering key runs. Finished jobs are deleted; what fails
-- for good stays as 'dead'.
CREATE TABLE jobs (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    organization_id UUID REFERENCES organizations (id),
    kind TEXT COLLATE "C" NOT NULL,
    ordering_key TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('ready', 'running', 'dead')),
    attempts BIGINT NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    leased_until BIGINT,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_key ON jobs (ordering_key, seq);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state <> 'dead';

CREATE TABLE audit (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    organization_id UUID NOT NULL REFERENCES organizations (id),
    at BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    -- The canonical bytes (RFC 8785): what is verified. The other columns only find it.
    record BYTEA NOT NULL
);
CREATE INDEX audit_organization ON audit (organization_id, seq);
