//! The wall clock as drivers use it: whole milliseconds, backwards only after a clock
//! that was wrong.

use chrono::Utc;
use millwright_schemas::Timestamp;

use crate::clock::is_set_back;

/// The time now.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(Utc::now().timestamp_millis())
}

/// Stamps samples strictly increasing, also when the computer's clock goes back a little. After a
/// larger step it starts anew from the clock: counting on would misdate everything to come.
#[derive(Debug, Default)]
pub(super) struct SampleClock {
    last: Option<Timestamp>,
}

impl SampleClock {
    /// A stamp for what was measured at `now`: `now`, or a millisecond after the last stamp.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        let stamp = match self.last {
            Some(last) if is_set_back(last, now) => {
                tracing::warn!(%last, %now, "the clock was set back: samples are dated anew");
                now
            }
            Some(last) => now.max(last.plus_micros(1_000)),
            None => now,
        };
        self.last = Some(stamp);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_a_little_never_shows_in_the_stamps() {
        let mut clock = SampleClock::default();
        let stamps: Vec<i64> = [1_000, 2_000, 500, 500, 3_000]
            .map(|ms| clock.stamp(Timestamp::from_millis(ms)).millis())
            .to_vec();
        assert_eq!(stamps, [1_000, 2_000, 2_001, 2_002, 3_000]);
    }

    #[test]
    fn a_clock_that_was_far_ahead_spoils_no_later_stamps() {
        for ahead_s in [6, 3_600, 20 * 365 * 86_400] {
            let mut clock = SampleClock::default();
            let ahead = 1_000 + ahead_s * 1_000;
            let stamps: Vec<i64> = [1_000, ahead, 1_000, 1_500, 1_500]
                .map(|ms| clock.stamp(Timestamp::from_millis(ms)).millis())
                .to_vec();
            assert_eq!(stamps, [1_000, ahead, 1_000, 1_500, 1_501]);
        }
    }

    #[test]
    fn a_step_of_exactly_the_limit_still_increases() {
        let mut clock = SampleClock::default();
        let stamps =
            [9_000, 4_000, 3_999].map(|ms| clock.stamp(Timestamp::from_millis(ms)).millis());
        assert_eq!(stamps, [9_000, 9_001, 3_999]);
    }
}
