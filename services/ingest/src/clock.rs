//! Receive times for messages that carry no time of their own, and times that haven't come.

use std::collections::HashMap;

use millwright_schemas::limits::AHEAD_TOLERANCE_US;
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

/// Whether a time hasn't come when it is received. The machine's clock is ahead then, and rules don't go by
/// it: once they had, all that comes by a right clock would be late for them.
pub(crate) fn is_ahead(ts: Timestamp, received_at: Timestamp) -> bool {
    ts.micros_since(received_at) > AHEAD_TOLERANCE_US
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_a_little_ahead_is_not_ahead() {
        let now = Timestamp::from_micros(1_767_225_600_000_000);
        assert!(!is_ahead(now.plus_micros(-1), now));
        assert!(!is_ahead(now.plus_micros(AHEAD_TOLERANCE_US), now));
        assert!(is_ahead(now.plus_micros(AHEAD_TOLERANCE_US + 1), now));
    }

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
