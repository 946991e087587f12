-- The rules that a machine's agent watches by itself: which document it should have, and which it
-- has. One row for each agent that has said that it can.
CREATE TABLE machine_rules (
    machine_id BLOB PRIMARY KEY NOT NULL REFERENCES machines (id),
    -- Of the document; counts up when its content changes. 0: none was made yet.
    version INTEGER NOT NULL,
    -- Names the document's content.
    content BLOB NOT NULL,
    -- Rules that watch the machine and found no place in the document.
    left_out INTEGER NOT NULL,
    -- What the agent has said last.
    applied_version INTEGER NOT NULL,
    applied_at INTEGER NOT NULL,
    watching INTEGER NOT NULL,
    -- JSON: rules that don't watch on the machine, with the reasons.
    refused TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_rules_waiting ON machine_rules (machine_id) WHERE applied_version <> version;
