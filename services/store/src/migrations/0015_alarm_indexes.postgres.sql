-- Alarms of a ticket: counted without reading them, and whether one of them comes and goes found at
-- once, however many there are.
DROP INDEX alarms_ticket;
CREATE INDEX alarms_ticket ON alarms (ticket_id, flapping_until, active, id)
    WHERE ticket_id IS NOT NULL;
-- Alarms of machines whose clocks were ahead began when they were received.
CREATE INDEX alarms_ahead ON alarms (organization_id, received_at) WHERE raised_at > received_at;
