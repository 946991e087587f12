//! The wall clock as drivers use it: whole milliseconds, never backwards.

use chrono::Utc;
use millwright_schemas::Timestamp;

/// The time now.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(Utc::now().timestamp_millis())
}

/// Stamps samples strictly increasing, also when the computer's clock is set back.
#[derive(Debug, Default)]
pub(super) struct SampleClock {
    last: Option<Timestamp>,
}

impl SampleClock {
    /// A stamp for what was measured at `now`: `now`, or a millisecond after the last stamp.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        let stamp = self.last.map_or(now, |last| now.max(last.plus_micros(1_000)));
        self.last = Some(stamp);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_never_shows_in_the_stamps() {
        let mut clock = SampleClock::default();
        let stamps: Vec<i64> = [1_000, 2_000, 500, 500, 3_000]
            .map(|ms| clock.stamp(Timestamp::from_millis(ms)).millis())
            .to_vec();
        assert_eq!(stamps, [1_000, 2_000, 2_001, 2_002, 3_000]);
    }
}
