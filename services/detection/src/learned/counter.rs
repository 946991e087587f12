//! Signals that count: they only rise, and start again at nothing, or wrap.

use serde::{Deserialize, Serialize};

use super::packed::packed_fields;

/// Steps after which it is decided whether a signal counts.
const DECIDE: u32 = 100;

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
    /// Takes a value.
    pub(super) fn push(&mut self, value: f64) -> Looked {
        let Some(last) = self.last.replace(value) else {
            return if self.counts { Looked::Wrapped } else { Looked::Value(value) };
        };
        self.steps += 1;
        self.rises += u32::from(value > last);
        self.falls += u32::from(value < last);
        if self.steps >= DECIDE {
            // Decided once, in commissioning: it never fell and mostly rose. What falls often later
            // was no counter; what stands still may be one.
            let counts = match self.decided {
                false => self.falls == 0 && self.rises >= DECIDE / 2,
                true => self.counts && self.falls <= DECIDE / 20,
            };
            (self.steps, self.rises, self.falls, self.decided) = (0, 0, 0, true);
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
}
