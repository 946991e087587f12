//! Signals that count, as what they count a minute.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::counter::{Counter, Looked};
use super::super::packed::packed_fields;

/// What is read of one signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meter {
    counter: Counter,
    at: Option<Timestamp>,
}

packed_fields!(Meter { counter, at });

impl Meter {
    /// Whether the signal counts.
    pub(super) const fn counts(&self) -> bool {
        self.counter.counts()
    }

    /// A row's value as it is learned: itself, or what was counted a minute since the last one; `None`
    /// when the counter has wrapped, or just began. And whether it turned out only now that it counts, or
    /// doesn't: then what was learned so far is of no use.
    pub(super) fn read(&mut self, at: Timestamp, value: Option<f64>) -> (Option<f64>, bool) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return (None, false) };
        let before = self.at.replace(at);
        match self.counter.push(value) {
            Looked::Value(value) => (Some(value), false),
            Looked::Wrapped => (None, false),
            Looked::Changed => ((!self.counts()).then_some(value), true),
            #[allow(clippy::cast_precision_loss, reason = "an interval needn't be exact")]
            Looked::Rise(rise) => {
                let minutes = before.map(|before| at.micros_since(before) as f64 / 60e6);
                (minutes.filter(|minutes| *minutes > 0.0).map(|minutes| rise / minutes), false)
            }
        }
    }
}
