//! How fast a signal changes.
//!
//! - The rate is the difference to the newest value that is at least a window old, by the time
//!   between the two; so values that come more rarely than the window are compared with the one
//!   before. Before there is such a value nothing is known.
//! - A sample without a usable value interrupts a hold; the values before and after it are still
//!   compared. A constant signal has the rate 0.
//! - A counter that wraps counts on, see [`Rate::unwrapped`].
//! - One value is remembered for each 1/32 of the window, the first of it.

use std::collections::VecDeque;

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::leaf::Heard;
use crate::bound::Bound;
use crate::hold::Verdict;

/// Parts of a window of which one value each is remembered.
const PARTS: i64 = 32;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rate {
    pub(crate) bound: Bound,
    pub(crate) window_us: i64,
    /// Microseconds of the time that the rate is given for.
    pub(crate) per_us: f64,
    pub(crate) wraps_at: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RateMemory {
    /// Times and values, oldest first; at most one older than the window.
    points: VecDeque<(i64, f64)>,
    /// The last value of a counter, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<f64>,
    /// What a counter's wraps add to its values.
    #[serde(default)]
    turned: f64,
}

impl Rate {
    pub(crate) fn sample(
        &self,
        memory: &mut RateMemory,
        at: Timestamp,
        value: Option<f64>,
    ) -> Heard {
        let Some(value) = value else {
            return Heard { verdict: Some(Verdict::Unknown), remembers: false };
        };
        let at = at.micros();
        let (value, turned) = self.unwrapped(memory, value);
        let remembers = self.remember(memory, at, value) || turned;
        let base = memory.points.front().filter(|(then, _)| at - then >= self.window_us);
        let rate = base.map(|(then, was)| (value - was) / span(at - then) * self.per_us);
        // Two numbers at the ends of their range have no difference.
        let verdict = Some(self.bound.verdict(rate.filter(|rate| rate.is_finite())));
        Heard { verdict, remembers }
    }

    /// A counter's value with its wraps counted. A fall by more than half of its range is a wrap;
    /// by less it is a reset: the device began anew, and so does measuring. Whether that is to be
    /// remembered, too.
    fn unwrapped(&self, memory: &mut RateMemory, value: f64) -> (f64, bool) {
        let Some(range) = self.wraps_at else { return (value, false) };
        let last = memory.last.replace(value);
        if let Some(last) = last
            && value < last
        {
            if last - value > range / 2.0 {
                memory.turned += range;
            } else {
                *memory = RateMemory { last: Some(value), ..RateMemory::default() };
            }
        }
        (value + memory.turned, last != Some(value))
    }

    fn remember(&self, memory: &mut RateMemory, at: i64, value: f64) -> bool {
        let part = (self.window_us / PARTS).max(1);
        let points = &mut memory.points;
        let same_part = |then: i64| then.div_euclid(part) == at.div_euclid(part);
        let remembers = match points.back_mut() {
            // A value that was there when watching began, and another one with it.
            Some(last) if last.0 == at => {
                last.1 = value;
                true
            }
            Some(last) if same_part(last.0) => false,
            _ => {
                points.push_back((at, value));
                true
            }
        };
        let before = points.len();
        // What is older than the newest value that is a window old is needed no more.
        while points.get(1).is_some_and(|(then, _)| at - then >= self.window_us) {
            points.pop_front();
        }
        remembers || points.len() < before
    }
}

#[allow(clippy::cast_precision_loss, reason = "a time in microseconds")]
fn span(us: i64) -> f64 {
    us as f64
}
