//! The machines that are remembered between batches. Bounded; the longest unused are forgotten
//! and read again when they are heard. Pure.

use std::collections::HashMap;

use millwright_schemas::MachineId;

use crate::machine::MachineState;

/// Machines by id, with bounds on their number and on what they hold together.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) states: HashMap<MachineId, MachineState>,
    /// Signals and gaps of all of them.
    entries: usize,
    machines_max: usize,
    entries_max: usize,
}

impl Memory {
    pub(crate) fn new(machines_max: usize, entries_max: usize) -> Self {
        Self { states: HashMap::new(), entries: 0, machines_max, entries_max }
    }

    /// Signals and gaps of these machines.
    pub(crate) fn entries_of(&self, machines: &[MachineId]) -> usize {
        machines.iter().filter_map(|id| self.states.get(id)).map(MachineState::entries).sum()
    }

    /// Bytes of what rules have learned of all machines.
    pub(crate) fn learned_bytes(&self) -> usize {
        self.states.values().map(|state| state.watch.learned_bytes()).sum()
    }

    pub(crate) fn forget(&mut self, machines: &[MachineId]) {
        for machine in machines {
            self.states.remove(machine);
        }
    }

    /// After a batch of these machines, which had so many entries `before` it: counts what they
    /// have now, and forgets the longest unused machines when there is too much.
    pub(crate) fn settle(&mut self, machines: &[MachineId], before: usize) {
        self.entries = (self.entries + self.entries_of(machines)).saturating_sub(before);
        if self.states.len() > self.machines_max || self.entries > self.entries_max {
            self.forget_unused();
        }
    }

    /// Down to half of the bounds, so that it is seldom done.
    fn forget_unused(&mut self) {
        let mut used: Vec<_> = self.states.values().map(|s| (s.used_in, s.entries())).collect();
        used.sort_unstable_by(|a, b| b.cmp(a));
        let (mut machines, mut entries) = (0, 0);
        let too_much = used.iter().find(|(_, held)| {
            machines += 1;
            entries += held;
            machines > self.machines_max / 2 || entries > self.entries_max / 2
        });
        let Some(&(last, _)) = too_much else { return };
        self.states.retain(|_, state| state.used_in > last);
        self.entries = self.states.values().map(MachineState::entries).sum();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::machine::Series;

    fn machine(n: u64) -> MachineId {
        MachineId(Uuid::from_u128(n.into()))
    }

    /// A batch of one machine after which it has so many signals.
    fn batch(memory: &mut Memory, number: u64, n: u64, signals: usize) {
        let ids = [machine(n)];
        let before = memory.entries_of(&ids);
        let state = memory.states.entry(machine(n)).or_default();
        state.used_in = number;
        for signal in 0..signals {
            let series = Series { id: 1, kind: None, stored_ts: 0, latest_ts: 0, slot: (0, 0) };
            state.series.insert(signal.to_string(), series);
        }
        memory.settle(&ids, before);
    }

    fn remembered(memory: &Memory) -> Vec<u64> {
        (1..=20).filter(|n| memory.states.contains_key(&machine(*n))).collect()
    }

    #[test]
    fn the_longest_unused_are_forgotten_beyond_the_number_of_machines() {
        let mut memory = Memory::new(4, 1_000);
        for n in 1..=4 {
            batch(&mut memory, n, n, 1);
        }
        batch(&mut memory, 5, 1, 1);
        assert_eq!((remembered(&memory), memory.entries), (vec![1, 2, 3, 4], 4));
        batch(&mut memory, 6, 5, 1);
        assert_eq!((remembered(&memory), memory.entries), (vec![1, 5], 2));
    }

    #[test]
    fn the_longest_unused_are_forgotten_beyond_the_number_of_signals() {
        let mut memory = Memory::new(100, 100);
        batch(&mut memory, 1, 1, 60);
        batch(&mut memory, 2, 2, 30);
        batch(&mut memory, 3, 3, 10);
        batch(&mut memory, 4, 3, 10);
        assert_eq!((remembered(&memory), memory.entries), (vec![1, 2, 3], 100));
        batch(&mut memory, 5, 3, 11);
        assert_eq!((remembered(&memory), memory.entries), (vec![2, 3], 41));
        // One that has more than there may be is not kept.
        batch(&mut memory, 6, 4, 101);
        assert_eq!((remembered(&memory), memory.entries), (vec![], 0));
    }

    #[test]
    fn what_is_forgotten_after_an_error_no_longer_counts() {
        let mut memory = Memory::new(100, 100);
        batch(&mut memory, 1, 1, 60);
        let ids = [machine(1), machine(2)];
        let before = memory.entries_of(&ids);
        memory.forget(&ids);
        memory.settle(&ids, before);
        assert_eq!(memory.entries, 0);
    }
}
