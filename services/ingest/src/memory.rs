//! The machines that are remembered between batches. Bounded; beyond the bounds some are forgotten and
//! read again when they are heard. Pure.

use std::collections::HashMap;

use millwright_schemas::MachineId;

use crate::limits::LEARNED_BYTES_MAX;
use crate::machine::MachineState;

/// Machines by id, with bounds on their number and on what they hold together.
///
/// Who is forgotten is chosen by lot: the one of two that was not heard for longer. Machines send in turn,
/// so with a few more of them than there is room for, each would be forgotten just before its turn if
/// always the longest unused one were.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) states: HashMap<MachineId, MachineState>,
    /// All of them but those that came in this batch; each knows its place.
    places: Vec<MachineId>,
    /// Signals, gaps and rules of all of them.
    entries: usize,
    machines_max: usize,
    entries_max: usize,
    /// Bytes of what rules may learn of all machines.
    pub(crate) learned_bytes_max: usize,
    lots: Lots,
}

/// Numbers that look like chance (xorshift); always the same ones, and nobody gains by knowing them.
#[derive(Debug)]
struct Lots(u64);

impl Lots {
    /// Below `bound`, which isn't 0.
    fn draw(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }
}

impl Memory {
    pub(crate) fn new(machines_max: usize, entries_max: usize) -> Self {
        Self {
            states: HashMap::new(),
            places: Vec::new(),
            entries: 0,
            machines_max,
            entries_max,
            learned_bytes_max: LEARNED_BYTES_MAX,
            lots: Lots(0x9E37_79B9_7F4A_7C15),
        }
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
            if let Some(state) = self.states.remove(machine) {
                self.leave(state.place);
            }
        }
    }

    /// After a batch of these machines, which had so many entries `before` it: counts what they
    /// have now, and forgets as many machines as are too many.
    pub(crate) fn settle(&mut self, machines: &[MachineId], before: usize) {
        self.entries = (self.entries + self.entries_of(machines)).saturating_sub(before);
        for machine in machines {
            if let Some(state) = self.states.get_mut(machine)
                && state.place.is_none()
            {
                state.place = Some(self.places.len());
                self.places.push(*machine);
            }
        }
        for _ in 0..self.places.len() {
            let too_many = self.states.len() > self.machines_max;
            if !too_many && self.entries <= self.entries_max {
                return;
            }
            let Some(machine) = self.one_to_forget() else { return };
            self.entries = self.entries.saturating_sub(self.entries_of(&[machine]));
            self.forget(&[machine]);
        }
    }

    /// Of two by lot the one that was not heard for longer.
    fn one_to_forget(&mut self) -> Option<MachineId> {
        let count = self.places.len();
        let first = match count {
            0 => return None,
            1 => return self.places.first().copied(),
            _ => self.lots.draw(count),
        };
        let second = (first + 1 + self.lots.draw(count - 1)) % count;
        let two = [first, second].map(|place| self.places.get(place).copied());
        let used = |machine: &MachineId| self.states.get(machine).map(|state| state.used_in);
        two.into_iter().flatten().min_by_key(used)
    }

    /// Gives up a place; the last one takes it.
    fn leave(&mut self, place: Option<usize>) {
        let Some(place) = place.filter(|place| *place < self.places.len()) else { return };
        self.places.swap_remove(place);
        if let Some(moved) = self.places.get(place)
            && let Some(state) = self.states.get_mut(moved)
        {
            state.place = Some(place);
        }
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

    /// Each has its place, and what is counted is there.
    fn check(memory: &Memory) {
        assert_eq!(memory.places.len(), memory.states.len());
        for (place, machine) in memory.places.iter().enumerate() {
            assert_eq!(memory.states[machine].place, Some(place));
        }
        let entries: usize = memory.states.values().map(MachineState::entries).sum();
        assert_eq!(memory.entries, entries);
    }

    #[test]
    fn beyond_the_number_of_machines_one_is_forgotten_for_each_that_comes() {
        let mut memory = Memory::new(4, 1_000);
        for n in 1..=4 {
            batch(&mut memory, n, n, 1);
        }
        batch(&mut memory, 5, 1, 1);
        assert_eq!((remembered(&memory), memory.entries), (vec![1, 2, 3, 4], 4));
        for n in 5..=20 {
            batch(&mut memory, n + 1, n, 1);
            assert_eq!((remembered(&memory).len(), memory.entries), (4, 4));
            assert!(memory.states.contains_key(&machine(n)), "the one that is heard stays");
            check(&memory);
        }
    }

    #[test]
    fn beyond_the_number_of_signals_no_more_are_forgotten_than_are_too_many() {
        let mut memory = Memory::new(100, 100);
        batch(&mut memory, 1, 1, 60);
        batch(&mut memory, 2, 2, 30);
        batch(&mut memory, 3, 3, 10);
        batch(&mut memory, 4, 3, 10);
        assert_eq!((remembered(&memory), memory.entries), (vec![1, 2, 3], 100));
        batch(&mut memory, 5, 3, 11);
        assert_eq!(remembered(&memory).len(), 2, "one is enough");
        assert!(memory.states.contains_key(&machine(3)), "not the one that is heard");
        check(&memory);
        // One that has more than there may be is not kept.
        batch(&mut memory, 6, 4, 101);
        assert_eq!((remembered(&memory), memory.entries), (vec![], 0));
        check(&memory);
    }

    #[test]
    fn machines_that_send_in_turn_are_mostly_remembered_when_they_are_a_few_too_many() {
        let mut memory = Memory::new(1_000, 1_000_000);
        let (mut number, mut read) = (0, 0);
        for round in 0..10 {
            for n in 1..=1_100 {
                number += 1;
                read += usize::from(round >= 6 && !memory.states.contains_key(&machine(n)));
                batch(&mut memory, number, n, 1);
            }
        }
        // Of 4,400; some have to be.
        assert!((400..1_760).contains(&read), "{read}");
    }

    #[test]
    fn what_is_forgotten_after_an_error_no_longer_counts() {
        let mut memory = Memory::new(100, 100);
        batch(&mut memory, 1, 1, 60);
        batch(&mut memory, 2, 3, 1);
        let ids = [machine(1), machine(2)];
        let before = memory.entries_of(&ids);
        memory.forget(&ids);
        memory.settle(&ids, before);
        assert_eq!((remembered(&memory), memory.entries), (vec![3], 1));
        check(&memory);
    }
}
