//! Receive times for messages that carry no time of their own.

use std::collections::HashMap;

use millwright_schemas::{MachineId, Timestamp};

use crate::limits::CLOCKED_MACHINES;

/// Gives each such message of a machine a later time than the one before, so that two messages
/// received in the same microsecond don't look like one.
#[derive(Debug, Default)]
pub(crate) struct ReceiveClock {
    last: HashMap<MachineId, i64>,
}

impl ReceiveClock {
    /// Takes the next time of the machine, at or after `received_at`.
    pub(crate) fn next(&mut self, machine: MachineId, received_at: Timestamp) -> Timestamp {
        if self.last.len() >= CLOCKED_MACHINES && !self.last.contains_key(&machine) {
            // Only times that are ahead of the clock matter.
            self.last.retain(|_, last| *last >= received_at.micros());
        }
        let last = self.last.entry(machine).or_insert(i64::MIN);
        *last = received_at.micros().max(last.saturating_add(1));
        Timestamp::from_micros(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_later_than_the_one_before() {
        let machine = MachineId(uuid::Uuid::from_u128(1));
        let at = Timestamp::from_micros;
        let mut clock = ReceiveClock::default();
        assert_eq!(clock.next(machine, at(5)), at(5));
        assert_eq!(clock.next(machine, at(5)), at(6));
        assert_eq!(clock.next(machine, at(3)), at(7));
        assert_eq!(clock.next(machine, at(9)), at(9));
    }
}
