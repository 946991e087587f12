//! What is counted per machine in a batch.

use std::collections::BTreeMap;

use millwright_schemas::MachineId;
use millwright_store::telemetry::machines::CounterRow;

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
        })
    }

    /// The rows to write.
    pub(crate) fn rows(&self) -> Vec<CounterRow> {
        self.0.values().copied().collect()
    }

    /// Over all machines: duplicates, conflicts, quarantined.
    pub(crate) fn totals(&self) -> (i64, i64, i64) {
        self.0.values().fold((0, 0, 0), |(duplicates, conflicts, quarantined), row| {
            (duplicates + row.duplicates, conflicts + row.conflicts, quarantined + row.quarantined)
        })
    }
}
