//! How improbable a distance is, judged by the distances seen before.
//!
//! Beyond its 95 % quantile a distance is taken as exponentially distributed (peaks over threshold);
//! quantile and mean excess follow the stream. So each aspect of each signal is calibrated by
//! itself: a noisy one must deviate more than a quiet one to say the same.

use std::f64::consts::LOG10_E;

use super::packed::Packed;

/// The share of distances that counts as the tail.
const TAIL: f64 = 0.05;

/// The surprise of a distance at the tail's begin: what is beyond it is more than usual variation.
pub(super) const USUAL: f64 = 1.301_029_995_663_981_2;

/// Distances after which the first estimate is made; before, nothing is surprising.
const FIRST: f64 = 40.0;
/// Of these, a [`TAIL`].
const FIRST_BEYOND: f32 = 2.0;

/// The mean excess is at least this share of the distances' root mean square, so that a signal
/// that hardly ever moves isn't infinitely surprising whenever it does.
const FLOOR: f64 = 0.1;

/// Excesses above this many mean excesses are learned as this many, the first time: what is far out
/// is reported, and doesn't become the measure of the next. What comes again is learned as it is.
const CLIP: f64 = 8.0;

/// The learned distribution of a distance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tail {
    /// Distances so far; beyond sixteen million it stays.
    n: f32,
    mean_square: f64,
    /// Where the tail begins; the mean until the first estimate.
    quantile: f64,
    excess: f64,
    /// How many distances were in the tail.
    beyond: f32,
    /// The largest distance within memory.
    largest: f64,
}

impl Packed for Tail {
    fn write(&self, bytes: &mut Vec<u8>) {
        let Self { n, mean_square, quantile, excess, beyond, largest } = *self;
        [n, beyond].write(bytes);
        [mean_square, quantile, excess, largest].write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [n, beyond] = Packed::read(bytes)?;
        let [mean_square, quantile, excess, largest] = Packed::read(bytes)?;
        Some(Self { n, mean_square, quantile, excess, beyond, largest })
    }
}

/// How a tail learns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Learning {
    /// Samples that are needed before anything is surprising.
    pub(super) warm_up: f64,
    /// Samples that count; what is older is forgotten.
    pub(super) memory: f64,
    /// Neighbouring distances share this many samples, so that many distances say only as much as
    /// one that is independent.
    pub(super) overlap: f64,
    /// How many standard errors the estimate is taken to the safe side.
    pub(super) caution: f64,
    /// The least mean excess that means something.
    pub(super) least: f64,
}

impl Tail {
    /// The surprise of a distance, `-log10` of its probability, 0 within the usual; then learns it.
    pub(super) fn push(&mut self, distance: f64, learning: Learning) -> f64 {
        self.n += 1.0;
        let n = f64::from(self.n);
        if n <= FIRST {
            self.quantile += (distance - self.quantile) / n;
            self.mean_square += (distance * distance - self.mean_square) / n;
            if n >= FIRST {
                let mean = self.quantile;
                let spread = (self.mean_square - mean * mean).max(0.0).sqrt();
                self.quantile = mean + 1.7 * spread;
                self.excess = 0.5 * spread;
                self.beyond = FIRST_BEYOND;
            }
            return 0.0;
        }
        let floor = (FLOOR * self.mean_square.sqrt()).max(learning.least).max(1e-200);
        let surprise =
            if n > learning.warm_up { self.surprise(distance, floor, learning) } else { 0.0 };
        self.learn(distance, floor, learning);
        surprise
    }

    fn surprise(&self, distance: f64, floor: f64, learning: Learning) -> f64 {
        if distance <= self.quantile {
            return 0.0;
        }
        let independent = f64::from(self.n).min(learning.memory) * TAIL / learning.overlap;
        let scale = self.excess.max(floor) * (1.0 + learning.caution / independent.sqrt());
        USUAL + (distance - self.quantile) / scale * LOG10_E
    }

    fn learn(&mut self, distance: f64, floor: f64, learning: Learning) {
        let n = f64::from(self.n);
        let share = (1.0 / n).max(1.0 / learning.memory);
        let scale = self.excess.max(floor);
        let learned = if n > learning.warm_up {
            distance.min(self.largest.max(self.quantile + CLIP * scale))
        } else {
            distance
        };
        self.largest = distance.max(self.largest * (1.0 - 1.0 / learning.memory));
        self.mean_square += share * (learned * learned - self.mean_square);
        // A step of a stochastic quantile estimate: up and down balance at the quantile.
        let step = 10.0 * share * scale;
        if distance > self.quantile {
            self.beyond += 1.0;
            let rate = (1.0 / f64::from(self.beyond)).max(1.0 / (learning.memory * TAIL));
            self.excess += rate * (learned - self.quantile - self.excess);
            self.quantile += step * (1.0 - TAIL);
        } else {
            self.quantile = (self.quantile - step * TAIL).max(0.0);
        }
    }
}
