-- The rules that a machine's agent watches by itself: which document it should have, and which it
-- has. One row for each agent that has said that it can.
CREATE TABLE machine_rules (
    machine_id UUID PRIMARY KEY REFERENCES machines (id),
    -- Of the document; counts up when its content changes. 0: none was made yet.
    version BIGINT NOT NULL,
    -- Names the document's content.
    content UUID NOT NULL,
    -- Rules that watch the machine and found no place in the document.
    left_out BIGINT NOT NULL,
    -- What the agent has said last.
    applied_version BIGINT NOT NULL,
    applied_at BIGINT NOT NULL,
    watching BIGINT NOT NULL,
    -- JSON: rules that don't watch on the machine, with the reasons.
    refused TEXT COLLATE "C" NOT NULL
);
CREATE INDEX machine_rules_waiting ON machine_rules (machine_id) WHERE applied_version <> version;
