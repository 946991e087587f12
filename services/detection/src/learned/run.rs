//! How often a signal has said the very same in a row: by that a stuck sensor is known.

use serde::{Deserialize, Serialize};

use super::packed::packed_fields;

/// So many times the longest run that is normal is a stuck sensor.
const LONGER: u32 = 10;
/// A run counts as this at least: a signal of noise hardly ever says the same twice.
const RUN_LEAST: u32 = 5;

/// The newest run of a signal, and the longest that is normal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    value: f64,
    /// How often it was said.
    pub(super) length: u32,
    longest: u32,
}

packed_fields!(Run { value, length, longest });

impl Run {
    /// Takes a value. A run that has ended is normal while it is `learned`; later it is more usual than
    /// it was.
    pub(super) fn push(&mut self, value: f64, learned: bool) {
        #[allow(clippy::float_cmp, reason = "the very same is meant")]
        if self.length > 0 && value == self.value {
            self.length = self.length.saturating_add(1);
            return;
        }
        let ended = if learned { self.length } else { self.length / 2 };
        *self = Self { value, length: 1, longest: self.longest.max(ended) };
    }

    /// The longest run that is normal.
    pub(super) fn normal(&self) -> u32 {
        self.longest.max(RUN_LEAST)
    }

    /// What lasts is normal too.
    pub(super) fn settle(&mut self) {
        self.longest = self.longest.max(self.length);
    }

    /// Whether the signal varies enough to be judged, by so many values: one that was the same for more
    /// than a tenth of them stands still now and then.
    pub(super) fn varies(&self, values: f64) -> bool {
        f64::from(self.normal()) * f64::from(LONGER) <= values
    }

    /// How long the newest run is; from 1 on the sensor is stuck.
    pub(super) fn ratio(&self) -> f64 {
        f64::from(self.length) / (f64::from(LONGER) * f64::from(self.normal()))
    }
}
