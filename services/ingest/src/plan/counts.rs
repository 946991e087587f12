//! What is counted per machine in a batch.

use std::collections::BTreeMap;

use millwright_schemas::MachineId;
use millwright_store::telemetry::machines::CounterRow;

/// Sums over all machines of a batch.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) duplicates: i64,
    pub(crate) conflicts: i64,
    pub(crate) quarantined: i64,
    pub(crate) late: i64,
    pub(crate) ahead: i64,
}

/// Counts of a batch, by machine.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<MachineId, CounterRow>);

impl Counts {
    /// The counters of a machine, to be added to.
    pub(crate) fn of(&mut self, machine: MachineId) -> &mut CounterRow {
        self.0.entry(machine).or_insert(CounterRow {
            machine,
            duplicates: 0,
            conflicts: 0,
            quarantined: 0,
            quarantine_dropped: 0,
            late: 0,
            ahead: 0,
        })
    }

    /// The rows to write.
    pub(crate) fn rows(&self) -> Vec<CounterRow> {
        self.0.values().copied().collect()
    }

    /// Over all machines.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for row in self.0.values() {
            totals.duplicates += row.duplicates;
            totals.conflicts += row.conflicts;
            totals.quarantined += row.quarantined;
            totals.late += row.late;
            totals.ahead += row.ahead;
        }
        totals
    }
}
