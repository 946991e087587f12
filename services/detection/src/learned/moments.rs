//! Mean and variance of a stream, with a memory that ends.

use serde::{Deserialize, Serialize};

use super::packed::packed_fields;

/// Running mean and variance. All samples count alike until the memory is full; from then on what
/// is old is forgotten exponentially, which is how drift is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    /// Samples so far.
    pub(super) n: f64,
    /// Their mean.
    pub(super) mean: f64,
    /// Their variance.
    pub(super) variance: f64,
}

packed_fields!(Moments { n, mean, variance });

impl Moments {
    /// One more sample; `memory`: how many count.
    pub(super) fn push(&mut self, value: f64, memory: f64) {
        self.n += 1.0;
        let share = (1.0 / self.n).max(1.0 / memory);
        let delta = value - self.mean;
        self.mean += share * delta;
        self.variance += share * (delta * delta * (1.0 - share) - self.variance);
    }

    /// The standard deviation.
    pub(super) fn deviation(&self) -> f64 {
        self.variance.max(0.0).sqrt()
    }
}
