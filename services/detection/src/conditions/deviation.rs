//! How far two signals are apart.
//!
//! Each value counts until the next one of its signal. While one of the two has no usable value
//! (none so far, null, or of bad quality) nothing is known, which interrupts a hold. In percent of
//! 0 every other value is infinitely far away: that is beyond every limit. A signal that stops
//! keeps its last value: watch that with `missing`.

use serde::{Deserialize, Serialize};

use crate::bound::Bound;
use crate::hold::Verdict;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deviation {
    pub(crate) bound: Bound,
    pub(crate) percent: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviationMemory {
    pub(crate) value: Option<f64>,
    pub(crate) from: Option<f64>,
}

impl Deviation {
    pub(crate) fn verdict(&self, memory: DeviationMemory) -> Verdict {
        self.bound.verdict(memory.value.zip(memory.from).map(|(value, from)| {
            let distance = (value - from).abs().min(f64::MAX);
            match self.percent {
                false => distance,
                true if distance == 0.0 => 0.0,
                true => (distance / from.abs() * 100.0).min(f64::MAX),
            }
        }))
    }
}
