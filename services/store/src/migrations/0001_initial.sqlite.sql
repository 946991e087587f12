-- Millwright, first schema, SQLite.
-- Times are microseconds since 1970 (UTC). Ids are UUIDs as 16 bytes.

CREATE TABLE organizations (
    id BLOB PRIMARY KEY NOT NULL,
    parent_id BLOB REFERENCES organizations (id),
    name TEXT NOT NULL,
    external_ids TEXT NOT NULL DEFAULT '{}',
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Every pair of an organization and one at or below it: what a caller's scope is read from.
CREATE TABLE organization_tree (
    ancestor_id BLOB NOT NULL REFERENCES organizations (id),
    descendant_id BLOB NOT NULL REFERENCES organizations (id),
    depth INTEGER NOT NULL,
    PRIMARY KEY (ancestor_id, descendant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sites (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    external_ids TEXT NOT NULL DEFAULT '{}',
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sites_organization ON sites (organization_id, name);

CREATE TABLE machines (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    site_id BLOB REFERENCES sites (id),
    parent_id BLOB REFERENCES machines (id),
    name TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    model TEXT,
    external_ids TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL CHECK (state IN ('registered', 'commissioned', 'decommissioned')),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    commissioned_at INTEGER,
    decommissioned_at INTEGER,
    UNIQUE (organization_id, serial_number)
) STRICT;
CREATE INDEX machines_parent ON machines (parent_id) WHERE parent_id IS NOT NULL;

-- One row a machine: its connection and its clock.
CREATE TABLE machine_status (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    generation INTEGER NOT NULL DEFAULT 0,
    connected INTEGER NOT NULL DEFAULT 0,
    gateway TEXT,
    client_id TEXT,
    protocol TEXT,
    remote_address TEXT,
    connected_at INTEGER,
    disconnected_at INTEGER,
    disconnect_reason TEXT,
    last_seen_at INTEGER,
    clock_offset_us INTEGER,
    through_ts INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    disabled_at INTEGER,
    -- Name and address are erased then; the row stays, because the audit log names its id.
    deleted_at INTEGER
) STRICT;

-- A refresh token is used once; using it again ends its whole family (stolen).
CREATE TABLE refresh_tokens (
    token_hash BLOB PRIMARY KEY NOT NULL,
    family_id BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE api_tokens (
    id BLOB PRIMARY KEY NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE enrollment_codes (
    code_hash BLOB PRIMARY KEY NOT NULL,
    machine_id BLOB NOT NULL REFERENCES machines (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    -- SHA-256 of the public key that used it, and what was answered.
    key_fingerprint BLOB,
    certificate_serial TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX enrollment_codes_machine ON enrollment_codes (machine_id);

CREATE TABLE certificates (
    serial TEXT PRIMARY KEY NOT NULL,
    machine_id BLOB NOT NULL REFERENCES machines (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    certificate TEXT NOT NULL,
    key_fingerprint BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revocation_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_machine ON certificates (machine_id);
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE device_tokens (
    id BLOB PRIMARY KEY NOT NULL,
    machine_id BLOB NOT NULL REFERENCES machines (id),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX device_tokens_machine ON device_tokens (machine_id);
CREATE INDEX device_tokens_revoked ON device_tokens (revoked_at) WHERE revoked_at IS NOT NULL;

-- Signed trust bundles, the whole chain: version n + 1 is signed by a key of version n.
CREATE TABLE trust_bundles (
    version INTEGER PRIMARY KEY NOT NULL,
    jws TEXT NOT NULL,
    bundle TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Subscriptions of MQTT sessions that clients may continue.
CREATE TABLE mqtt_sessions (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    client_id TEXT NOT NULL,
    filters TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    -- NULL while the machine is connected.
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER,
    response TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_caller ON idempotency_keys (caller, created_at);

-- kind is NULL until the signal's first sample that isn't null.
CREATE TABLE series (
    id INTEGER PRIMARY KEY NOT NULL,
    machine_id BLOB NOT NULL REFERENCES machines (id),
    signal TEXT NOT NULL,
    kind TEXT CHECK (kind IN ('number', 'boolean', 'text')),
    unit TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (machine_id, signal)
) STRICT;

-- Numbers and booleans (0, 1); NULL: the signal had no value. quality: 0 good, 1 uncertain, 2 bad.
CREATE TABLE points (
    series_id INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    value REAL,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE points_text (
    series_id INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    value TEXT,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest (
    series_id INTEGER PRIMARY KEY NOT NULL,
    ts INTEGER NOT NULL,
    value REAL,
    text TEXT,
    quality INTEGER NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE TABLE stream_cursors (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    outbox BLOB NOT NULL,
    topic TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    through_ts INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (machine_id, outbox, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    outbox BLOB NOT NULL,
    topic TEXT NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL,
    detected_at INTEGER NOT NULL,
    PRIMARY KEY (machine_id, outbox, topic, from_seq)
) STRICT, WITHOUT ROWID;

-- What can't be told from the rows: how often something was refused or doubled.
CREATE TABLE machine_counters (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    duplicates INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    quarantine_dropped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE machine_events (
    machine_id BLOB NOT NULL REFERENCES machines (id),
    id BLOB NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    ts INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    type TEXT NOT NULL,
    outbox BLOB,
    seq INTEGER,
    data TEXT NOT NULL,
    PRIMARY KEY (machine_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_events_time ON machine_events (machine_id, ts);

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    machine_id BLOB NOT NULL REFERENCES machines (id),
    received_at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX quarantine_machine ON quarantine (machine_id, id);

-- Domain events. position is given after commit, without gaps, by the sequencer.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    position INTEGER UNIQUE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    type TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    version INTEGER,
    actor TEXT NOT NULL,
    origin TEXT,
    data TEXT NOT NULL,
    occurred_at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_without_position ON events (seq) WHERE position IS NULL;

-- Only the oldest unfinished job of an ordering key runs. Finished jobs are deleted; what fails
-- for good stays as 'dead'.
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    organization_id BLOB REFERENCES organizations (id),
    kind TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'running', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    run_at INTEGER NOT NULL,
    leased_until INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_key ON jobs (ordering_key, seq);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state <> 'dead';

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id BLOB NOT NULL UNIQUE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    -- The canonical bytes (RFC 8785): what is verified. The other columns only find it.
    record BLOB NOT NULL
) STRICT;
CREATE INDEX audit_organization ON audit (organization_id, seq);
