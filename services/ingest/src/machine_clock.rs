//! What is known of a machine's clock: whether it is ahead of ours, and by how much. Pure.
//!
//! A clock that is ahead of ours by more than a tolerance is gone by once a few messages in a row, over some
//! minutes, were ahead by about the same; a single wrong time isn't. It is left again when so many messages
//! were less ahead. All is decided by the messages' order, their times and their receipt, and what is known
//! is stored with the samples: in any batching, over restarts and retries the decision is the same.

use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::telemetry::clocks::{ClockRow, DoubtRow};

use crate::limits::{
    CLOCK_DOUBT_HELD_US, CLOCK_DOUBT_MAX_US, CLOCK_KNOWN_MESSAGES, CLOCK_KNOWN_US,
};

/// A machine's clock. A machine has one for all of its streams and those who speak for it: so the states of
/// its rules never go by two clocks at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MachineClock {
    /// By so much it is known to be ahead; 0: it is right, as far as is known.
    ahead_us: i64,
    /// When it was known to be another one, by that clock.
    begins_ts: Option<i64>,
    /// Its last messages by another clock.
    doubt: Option<DoubtRow>,
    changed: bool,
}

/// It is another clock from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// When, by the new clock: nothing older is seen by rules.
    pub(crate) at: i64,
    /// Whether it is less ahead than the one before: what rules have seen is of a time that is still to come.
    pub(crate) back: bool,
}

impl MachineClock {
    /// As it was stored.
    pub(crate) const fn stored(row: &ClockRow) -> Self {
        let ClockRow { ahead_us, begins_ts, doubt, .. } = *row;
        Self { ahead_us, begins_ts, doubt, changed: false }
    }

    /// What is to be stored, if it has changed; it counts as stored then.
    pub(crate) fn take_changed(&mut self, machine: MachineId) -> Option<ClockRow> {
        let Self { ahead_us, begins_ts, doubt, .. } = *self;
        let row = ClockRow { machine, ahead_us, begins_ts, doubt };
        std::mem::take(&mut self.changed).then_some(row)
    }

    /// Whether a time is ahead of its receipt by more than the clock is known to be: rules don't go by it.
    pub(crate) fn is_ahead(&self, ts: Timestamp, received_at: Timestamp) -> bool {
        ts.micros_since(received_at) > self.ahead_us.saturating_add(AHEAD_TOLERANCE_US)
    }

    /// Rules see nothing of this time or older.
    pub(crate) fn begins_ts(&self) -> i64 {
        self.begins_ts.unwrap_or(i64::MIN)
    }

    /// A message has come; `told`: the newest time that it tells.
    pub(crate) fn hear(&mut self, told: i64, received_at: i64) -> Option<Turn> {
        let offset_us = told.saturating_sub(received_at);
        // A message that waited says nothing of the clock.
        if offset_us < -AHEAD_TOLERANCE_US {
            return None;
        }
        if is_about(offset_us, self.ahead_us) {
            // The right time wins: of two clocks that take turns it is the one that is less ahead.
            if self.doubt.is_some_and(|doubt| doubt.offset_us > self.ahead_us) {
                (self.doubt, self.changed) = (None, true);
            }
            return None;
        }
        let known = self.doubt.filter(|doubt| is_about(offset_us, doubt.offset_us));
        if known.is_some_and(|doubt| told <= doubt.newest_ts) {
            // One that came before, or none that goes on.
            return None;
        }
        if known.is_none() && self.doubt.is_some_and(|it| wins(it, offset_us, received_at)) {
            return None;
        }
        let known =
            known.filter(|doubt| received_at.saturating_sub(doubt.since) <= CLOCK_DOUBT_MAX_US);
        self.changed = true;
        let Some(doubt) = known else {
            let first = DoubtRow { offset_us, messages: 1, since: received_at, newest_ts: told };
            self.doubt = Some(first);
            return None;
        };
        let messages = doubt.messages.saturating_add(1);
        let lasted_us = received_at.saturating_sub(doubt.since);
        if messages < CLOCK_KNOWN_MESSAGES || lasted_us < CLOCK_KNOWN_US {
            self.doubt = Some(DoubtRow { messages, newest_ts: told, ..doubt });
            return None;
        }
        let ahead_us = if doubt.offset_us > AHEAD_TOLERANCE_US { doubt.offset_us } else { 0 };
        let turn = Turn { at: doubt.newest_ts, back: ahead_us < self.ahead_us };
        (self.ahead_us, self.begins_ts, self.doubt) = (ahead_us, Some(turn.at), None);
        Some(turn)
    }
}

/// Whether a clock that isn't known yet wins over one that is further ahead: it does as long as it is heard. So
/// neither keeps the other from ever being known, and a single wrong time doesn't for long.
fn wins(doubt: DoubtRow, offset_us: i64, received_at: i64) -> bool {
    let heard_at = doubt.newest_ts.saturating_sub(doubt.offset_us);
    offset_us > doubt.offset_us
        && received_at.abs_diff(heard_at) <= CLOCK_DOUBT_HELD_US.unsigned_abs()
}

/// Whether two offsets may be those of one clock.
const fn is_about(a: i64, b: i64) -> bool {
    a.abs_diff(b) <= AHEAD_TOLERANCE_US.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;
    const HOUR: i64 = 3_600;

    /// Hears a message received at `s` whose newest time is ahead by so much, in seconds.
    fn hear(clock: &mut MachineClock, s: i64, ahead: i64) -> Option<Turn> {
        clock.hear((s + ahead) * S, s * S)
    }

    /// One that is known to be ahead by so much at 300 seconds.
    fn known(ahead: i64) -> MachineClock {
        let mut clock = MachineClock::default();
        assert_eq!(hear(&mut clock, 0, ahead), None);
        assert_eq!(hear(&mut clock, 150, ahead), None);
        let turn = Turn { at: (150 + ahead) * S, back: false };
        assert_eq!(hear(&mut clock, 300, ahead), Some(turn));
        clock
    }

    fn goes_by(clock: &MachineClock, ahead: i64) -> bool {
        let at = Timestamp::from_micros;
        !clock.is_ahead(at(ahead * S), at(0))
    }

    #[test]
    fn one_that_is_constantly_ahead_is_known() {
        let clock = known(2 * HOUR);
        assert!(goes_by(&clock, 2 * HOUR + 600) && !goes_by(&clock, 2 * HOUR + 601));
        assert_eq!(clock.begins_ts(), (150 + 2 * HOUR) * S);
    }

    #[test]
    fn one_wrong_time_says_nothing() {
        let mut clock = MachineClock::default();
        for s in 0..100 {
            let ahead = if s % 3 == 2 { 2 * HOUR } else { 0 };
            assert_eq!(hear(&mut clock, s * 100, ahead), None);
        }
        assert!(!goes_by(&clock, 601));
    }

    #[test]
    fn neither_few_messages_nor_a_short_while_make_it_known() {
        let mut clock = MachineClock::default();
        assert_eq!(hear(&mut clock, 0, HOUR), None);
        assert_eq!(hear(&mut clock, 299, HOUR), None);
        let mut clock = MachineClock::default();
        for s in 0..300 {
            assert_eq!(hear(&mut clock, s, HOUR), None);
        }
        assert!(hear(&mut clock, 300, HOUR).is_some());
    }

    #[test]
    fn a_message_that_comes_again_counts_once() {
        let mut clock = MachineClock::default();
        for s in [0, 100, 300, 400, 500] {
            assert_eq!(clock.hear(2 * HOUR * S, s * S), None, "a wrong time that comes again");
        }
        let mut clock = known(HOUR);
        assert_eq!(hear(&mut clock, 310, 5 * HOUR), None);
        for s in [400, 700] {
            assert_eq!(clock.hear((310 + 5 * HOUR) * S, s * S), None);
        }
    }

    #[test]
    fn one_that_is_set_right_is_known_to_be_right() {
        let mut clock = known(2 * HOUR);
        assert_eq!(hear(&mut clock, 400, 0), None);
        assert_eq!(hear(&mut clock, 500, -3), None);
        assert!(goes_by(&clock, 2 * HOUR));
        assert_eq!(hear(&mut clock, 700, 1), Some(Turn { at: 497 * S, back: true }));
        assert!(!goes_by(&clock, 601) && goes_by(&clock, 600));
    }

    #[test]
    fn messages_that_waited_say_nothing() {
        let mut clock = known(2 * HOUR);
        for s in 0..10 {
            assert_eq!(hear(&mut clock, 400 + s * 100, -HOUR), None);
        }
        assert!(goes_by(&clock, 2 * HOUR));
        // A backlog that comes in a minute passes all times in between.
        for s in 0..60 {
            assert_eq!(hear(&mut clock, 2_000 + s, -HOUR + s * 180), None);
        }
        assert!(goes_by(&clock, 2 * HOUR));
    }

    #[test]
    fn of_two_clocks_that_take_turns_the_right_one_is_gone_by() {
        let mut clock = known(2 * HOUR);
        let mut turns = Vec::new();
        for s in 1..100 {
            turns.extend(hear(&mut clock, 300 + s * 60, if s % 2 == 0 { 0 } else { 2 * HOUR }));
        }
        assert_eq!(turns.len(), 1);
        assert!(turns.iter().all(|turn| turn.back) && !goes_by(&clock, 601));
    }

    #[test]
    fn of_two_clocks_that_are_both_ahead_the_one_that_is_less_is_gone_by() {
        // How many messages the other one sends in between.
        for more in [1, 4] {
            let mut clock = MachineClock::default();
            let mut turns = Vec::new();
            for s in 0..100 {
                let ahead = if s % (more + 1) == 0 { 2 * HOUR } else { 3 * HOUR };
                turns.extend(hear(&mut clock, s * 60, ahead));
            }
            assert_eq!(turns.len(), 1, "{turns:?}");
            assert!(!turns[0].back && goes_by(&clock, 2 * HOUR) && !goes_by(&clock, 3 * HOUR));
        }
    }

    #[test]
    fn one_time_that_is_less_ahead_holds_up_for_ten_minutes_at_most() {
        let mut clock = MachineClock::default();
        assert_eq!(hear(&mut clock, 0, HOUR), None);
        let found = (1_i64..100).find(|s| hear(&mut clock, *s * 60, 2 * HOUR).is_some());
        assert_eq!(found, Some(16), "ten minutes, then five of its own");
        assert!(goes_by(&clock, 2 * HOUR));
    }

    #[test]
    fn a_right_time_now_and_then_says_nothing() {
        let mut clock = known(2 * HOUR);
        for s in 1..100 {
            let ahead = if s % 10 == 0 { 0 } else { 2 * HOUR };
            assert_eq!(hear(&mut clock, s * 360, ahead), None);
        }
        assert!(goes_by(&clock, 2 * HOUR));
    }

    #[test]
    fn what_is_stored_is_all_that_is_known() {
        let machine = MachineId(uuid::Uuid::nil());
        let mut clock = MachineClock::default();
        assert_eq!(clock.take_changed(machine), None, "most machines have none");
        for (s, ahead) in [(0, 0), (10, HOUR), (200, HOUR), (310, HOUR), (320, 0), (330, HOUR)] {
            hear(&mut clock, s, ahead);
            let before = clock;
            if let Some(row) = clock.take_changed(machine) {
                assert_eq!(MachineClock::stored(&row), MachineClock { changed: false, ..before });
            }
            assert_eq!(clock.take_changed(machine), None);
        }
    }
}
