//! Signals that count: they only rise, and start again at nothing, or wrap.

use serde::{Deserialize, Serialize};

use super::packed::packed_fields;

/// Steps after which it is decided whether a signal counts.
const DECIDE: u32 = 100;
/// Rises that make a counter of a signal that has never fallen.
const RISES_ONLY: u32 = 20;
/// Rises that make a counter of one that wraps or is reset now and then,
const RISES: u32 = 50;
/// and at least so many a fall.
const RISES_A_FALL: u32 = 25;
/// So many falls are none yet that say something.
const FALLS: u32 = 2;

/// Whether a signal counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counter {
    last: Option<f64>,
    rises: u32,
    falls: u32,
    steps: u32,
    decided: bool,
    counts: bool,
}

packed_fields!(Counter { last, rises, falls, steps, decided, counts });

/// What to look at, for a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Looked {
    /// The value itself.
    Value(f64),
    /// By how much the counter rose.
    Rise(f64),
    /// The counter began anew: how much was counted since isn't known.
    Wrapped,
    /// It turned out that the signal counts, or doesn't: what was learned so far is of no use.
    Changed,
}

impl Counter {
    /// Whether the signal counts.
    pub(super) const fn counts(&self) -> bool {
        self.counts
    }

    /// Takes a value.
    pub(super) fn push(&mut self, value: f64) -> Looked {
        let Some(last) = self.last.replace(value) else {
            return if self.counts { Looked::Wrapped } else { Looked::Value(value) };
        };
        self.steps += 1;
        self.rises += u32::from(value > last);
        self.falls += u32::from(value < last);
        if self.steps >= DECIDE {
            let counts = self.decide();
            if counts != self.counts {
                self.counts = counts;
                return Looked::Changed;
            }
        }
        match self.counts {
            false => Looked::Value(value),
            true if value < last => Looked::Wrapped,
            true => Looked::Rise(value - last),
        }
    }

    /// Whether it counts, by what was seen so far. It is decided once, in commissioning; a signal that
    /// stands still may be a counter, so that waits. What falls often later was none.
    fn decide(&mut self) -> bool {
        self.steps = 0;
        let rises_only = self.falls == 0 && self.rises >= RISES_ONLY;
        let wraps = self.rises >= RISES && self.falls * RISES_A_FALL <= self.rises;
        let (counts, decided) = match (self.decided, self.counts) {
            (false, _) if rises_only || wraps => (true, true),
            (false, _) => (false, self.falls > FALLS && self.falls * RISES_A_FALL > self.rises),
            (true, counts) => (counts && self.falls <= DECIDE / 20, true),
        };
        if decided {
            (self.rises, self.falls) = (0, 0);
        }
        self.decided = decided;
        counts
    }
}
