//! At which pace a rule looks at a signal: at most about once a minute.
//!
//! Every look is a chance of a false alarm, and what is remembered is counted in looks. So samples that
//! come faster are put together, and what a machine costs its people doesn't grow with its sampling.
//!
//! - A sample that comes half a minute or more after the one before is looked at as it is, at once.
//! - Others are gathered. The first one of a new minute (of the machine's clock) ends them, and is one of
//!   them; their mean is looked at. Of a signal that hardly ever falls it is the last value, so that
//!   counters stay counters.

use millwright_schemas::Timestamp;

use crate::learned::packed::packed_fields;

/// The shipped pace, in microseconds.
pub(super) const PACE_US: i64 = 60_000_000;

/// Steps after which older ones weigh half as much.
const STEPS: u16 = 200;

/// One signal on its way to be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pace {
    /// The newest sample.
    latest: Option<Timestamp>,
    /// When it was looked at last.
    looked: Option<Timestamp>,
    last: f64,
    mean: f64,
    n: u32,
    steps: u16,
    falls: u16,
}

packed_fields!(Pace { latest, looked, last, mean, n, steps, falls });

impl Pace {
    /// Takes a sample (`None`: nothing usable) that is later than all before. What is to be looked at
    /// now; `None`: nothing, it is gathered.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        value: Option<f64>,
        every_us: i64,
    ) -> Option<Option<f64>> {
        let before = self.latest.replace(at);
        let is_slow = before.is_none_or(|before| at.micros_since(before) >= every_us / 2);
        if is_slow {
            (self.n, self.looked) = (0, Some(at));
            self.last = value.unwrap_or(self.last);
            return Some(value);
        }
        if let Some(value) = value {
            self.gather(value);
        }
        let slot = |at: Timestamp| at.micros().div_euclid(every_us);
        if self.looked.is_some_and(|looked| slot(at) <= slot(looked)) {
            return None;
        }
        self.looked = Some(at);
        let rises = self.falls.saturating_mul(20) <= self.steps;
        let looked = if rises { self.last } else { self.mean };
        Some((std::mem::take(&mut self.n) > 0).then_some(looked))
    }

    fn gather(&mut self, value: f64) {
        self.n = self.n.saturating_add(1);
        // Of values that are the same, it is exactly that value.
        self.mean = match self.n {
            1 => value,
            n => self.mean + (value - self.mean) / f64::from(n),
        };
        if self.steps >= STEPS {
            (self.steps, self.falls) = (self.steps / 2, self.falls / 2);
        }
        self.steps += 1;
        self.falls += u16::from(value < self.last);
        self.last = value;
    }

    /// What comes next has nothing to do with what was gathered.
    pub(super) fn interrupt(&mut self) {
        (self.latest, self.n) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values `step_s` seconds apart; which are looked at, with their seconds.
    fn looked(step_s: i64, values: impl IntoIterator<Item = f64>) -> Vec<(i64, f64)> {
        let mut pace = Pace::default();
        let samples = (0_i64..).zip(values);
        let looked = samples.filter_map(|(n, value)| {
            let second = n * step_s;
            let at = Timestamp::from_micros(second * 1_000_000);
            Some((second, pace.take(at, Some(value), PACE_US)??))
        });
        looked.collect()
    }

    #[test]
    fn slow_samples_are_looked_at_as_they_come_and_fast_ones_as_the_mean_of_a_minute() {
        let slow = [5.0, 3.0, 7.0];
        assert_eq!(looked(61, slow), [(0, 5.0), (61, 3.0), (122, 7.0)]);
        let seesaw = (0..13).map(|n| if n % 2 == 0 { 1.0 } else { 3.0 });
        let found = looked(10, seesaw);
        assert_eq!(found, [(0, 1.0), (60, 2.0), (120, 2.0)]);
        let stuck = looked(7, std::iter::repeat_n(0.1, 500));
        assert!(stuck.len() > 50 && stuck.iter().all(|(_, value)| *value == 0.1), "{stuck:?}");
    }

    #[test]
    fn a_counter_is_looked_at_as_it_stands_also_behind_its_wrap() {
        let count = (0..120).map(|n| f64::from((n * 7) % 400));
        let found = looked(10, count);
        assert_eq!(found[1..4], [(60, 42.0), (120, 84.0), (180, 126.0)]);
        // 57 · 7 = 399, 58 · 7 = 406: it wraps within the minute.
        assert_eq!(found[9..11], [(540, 378.0), (600, 20.0)]);
    }

    #[test]
    fn what_was_gathered_before_a_pause_is_dropped_and_nothing_usable_is_told_as_that() {
        let mut pace = Pace::default();
        let mut take = |second: i64, value: Option<f64>| {
            pace.take(Timestamp::from_micros(second * 1_000_000), value, PACE_US)
        };
        assert_eq!(take(0, Some(1.0)), Some(Some(1.0)));
        assert_eq!(take(10, Some(100.0)), None);
        assert_eq!(take(200, Some(2.0)), Some(Some(2.0)));
        assert_eq!(take(210, None), None);
        assert_eq!(take(240, None), Some(None));
        assert_eq!(take(250, Some(4.0)), None);
        assert_eq!(take(260, None), None);
        assert_eq!(take(280, None), None);
        assert_eq!(take(300, None), Some(Some(4.0)));
        assert_eq!(take(400, None), Some(None));
    }
}
