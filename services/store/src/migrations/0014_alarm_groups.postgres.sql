-- What an alarm is to its ticket; alarms that come and go.

ALTER TABLE alarms ADD COLUMN flapping_since BIGINT;
ALTER TABLE alarms ADD COLUMN flapping_count BIGINT;
ALTER TABLE alarms ADD COLUMN flapping_until BIGINT;
CREATE INDEX alarms_flapping ON alarms (flapping_until) WHERE flapping_until IS NOT NULL;
-- Alarms that began about the same time. Not by organization first: lists of open alarms would be
-- read by it.
CREATE INDEX alarms_raised ON alarms (raised_at, organization_id);
-- Tickets that have alarms of a machine.
CREATE INDEX alarms_ticketed ON alarms (machine_id, ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX alarms_parents_maintained ON alarms (id) WHERE suppressed_by = 'parent_maintenance';

-- When what it is about began, in event time; NULL for one that no alarm has opened.
ALTER TABLE tickets ADD COLUMN began_at BIGINT;

CREATE TABLE ticket_alarms (
    alarm_id UUID PRIMARY KEY NOT NULL REFERENCES alarms (id),
    ticket_id UUID NOT NULL REFERENCES tickets (id),
    organization_id UUID NOT NULL REFERENCES organizations (id),
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('root', 'symptom')),
    reason TEXT COLLATE "C" NOT NULL,
    joined_at BIGINT NOT NULL
);
CREATE INDEX ticket_alarms_ticket ON ticket_alarms (ticket_id, role);

-- So far all alarms of a ticket have had one cause.
INSERT INTO ticket_alarms (alarm_id, ticket_id, organization_id, role, reason, joined_at)
SELECT a.id, a.ticket_id, a.organization_id,
    CASE WHEN b.earlier = 0 THEN 'root' ELSE 'symptom' END,
    CASE WHEN b.earlier = 0 THEN 'earliest' ELSE 'same_cause' END,
    a.received_at
FROM alarms a
JOIN (
    SELECT id, row_number() OVER (PARTITION BY ticket_id ORDER BY id) - 1 AS earlier
    FROM alarms WHERE ticket_id IS NOT NULL
) b ON b.id = a.id;
