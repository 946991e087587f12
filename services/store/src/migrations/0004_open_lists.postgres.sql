-- Lists of what is open don't walk through all that is over.
CREATE INDEX alarms_open ON alarms (organization_id, id) WHERE active;
CREATE INDEX tickets_open ON tickets (organization_id, id)
    WHERE state IN ('new', 'in_progress', 'on_hold');

-- What somebody did, and what was done to something.
CREATE INDEX audit_actor ON audit (actor, seq);
CREATE INDEX audit_subject ON audit (subject_id, seq);
