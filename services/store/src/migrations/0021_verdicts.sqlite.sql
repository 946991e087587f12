-- Before this time some of the values as received of a series may have been removed; NULL: none was.
ALTER TABLE series ADD COLUMN raw_removed_before INTEGER;
-- Of what was removed so far it isn't known of which series.
UPDATE series SET raw_removed_before = (SELECT value FROM upkeep_marks WHERE name = 'raw_removed_before')
WHERE EXISTS (SELECT 1 FROM upkeep_marks WHERE name = 'raw_removed_before');

-- Since when what rules take from a machine is as it is: its model, its parameters, its time zone.
-- NULL: since it was made.
ALTER TABLE machines ADD COLUMN surroundings_since INTEGER;
UPDATE machines SET surroundings_since = updated_at;

-- That a rule has failed has no source any more: a signal may be called "rule". What a rule finds has a
-- context.
UPDATE alarms SET source = '' WHERE origin = 'rule' AND source = 'rule' AND context = '{}';

-- Where rules stand with machines that are out of use, and what they have learned of them.
DELETE FROM rule_states WHERE machine_id IN (SELECT id FROM machines WHERE state = 'decommissioned');
DELETE FROM detector_states WHERE machine_id IN (SELECT id FROM machines WHERE state = 'decommissioned');
