//! What was learned of a machine, and how a row is judged by it.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::linear::{dot, inverse, product, times};
use super::super::packed::{self, packed_fields};
use super::super::run::Run;
use super::Settings;
use super::runs::Runs;

/// Values are taken as this at most, so that their squares stay finite.
pub(super) const VALUE_MAX: f64 = 1e100;

/// A signal's distance from its mean is taken as this many standard deviations at most.
const DEVIATION_MAX: f64 = 20.0;

/// As with [`DEVIATION_MAX`], for what is unexplained after smoothing.
const UNEXPLAINED_MAX: f64 = 50.0;

/// Where the limit stands among a healthy machine's distances, as quantiles of the standard normal
/// distribution: for the slow mean at 1 in 100. The fast one is independent six times as often, so
/// it gets a sixth of the probability.
pub(super) const QUANTILES: [f64; 2] = [2.935, 2.326];

/// A healthy machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    #[serde(with = "packed")]
    pub(super) mean: Vec<f64>,
    #[serde(with = "packed")]
    pub(super) deviation: Vec<f64>,
    /// What the row before gives for each signal, in standard deviations; row by row.
    #[serde(with = "packed")]
    pub(super) weights: Vec<f64>,
    pub(super) scales: Vec<Scale>,
    /// The last known values.
    #[serde(with = "packed")]
    pub(super) before: Vec<f64>,
    /// Signals that take no part.
    #[serde(with = "packed")]
    pub(super) absent: Vec<bool>,
    pub(super) runs: Runs,
    pub(super) latest: Option<Timestamp>,
    pub(super) interval_us: f64,
    /// The scale that spoke loudest last.
    pub(super) loudest: usize,
    /// The signal whose being stuck was louder than both.
    pub(super) stuck: Option<usize>,
}

/// What is unexplained, smoothed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    weight: f64,
    /// The smoothed unexplained part, in standard deviations of the signals.
    #[serde(with = "packed")]
    smoothed: Vec<f64>,
    /// What it usually is; follows slow drift.
    #[serde(with = "packed")]
    usual: Vec<f64>,
    #[serde(with = "packed")]
    spread: Vec<f64>,
    /// The inverse of its correlations.
    #[serde(with = "packed")]
    precision: Vec<f64>,
    /// The distance beyond which a healthy machine isn't.
    limit: f64,
}

packed_fields!(Model {
    mean,
    deviation,
    weights,
    scales,
    before,
    absent,
    runs,
    latest,
    interval_us,
    loudest,
    stuck,
});
packed_fields!(Scale { weight, smoothed, usual, spread, precision, limit });

/// How much a signal contributes to a row's distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contribution {
    pub(super) share: f64,
    pub(super) observed: f64,
    pub(super) expected: f64,
    pub(super) spread: f64,
}

impl Scale {
    /// From the covariance of the smoothed unexplained part in `n` rows of `present` signals.
    pub(super) fn learned(
        weight: f64,
        quantile: f64,
        n: f64,
        covariance: &[f64],
        present: usize,
        settings: &Settings,
    ) -> Option<Self> {
        let d = (0..=covariance.len()).find(|d| d * d == covariance.len())?;
        let spread: Vec<f64> =
            (0..d).map(|i| covariance[i * d + i].max(0.0).sqrt().max(1e-3)).collect();
        let correlation: Vec<f64> =
            (0..d * d).map(|i| covariance[i] / (spread[i / d] * spread[i % d])).collect();
        let mut shrunk = correlation.clone();
        for i in 0..d {
            shrunk[i * d + i] += settings.shrink;
        }
        let precision = inverse(&shrunk, d)?;
        // The squared distance is about a scaled chi-squared variable with these moments.
        let spread_out = product(&precision, &correlation, d);
        let mean: f64 = (0..d).map(|i| spread_out[i * d + i]).sum();
        let squared = product(&spread_out, &spread_out, d);
        let half_variance: f64 = (0..d).map(|i| squared[i * d + i]).sum();
        let freedom = (mean * mean / half_variance).max(1.0);
        // Wilson and Hilferty.
        let ninth = 2.0 / (9.0 * freedom);
        let usual = (mean * (1.0 - ninth + quantile * ninth.sqrt()).powi(3)).sqrt();
        // Smoothed rows resemble each other: this many of them are independent.
        let independent = n * weight / (2.0 - weight);
        #[allow(clippy::cast_precision_loss, reason = "at most 64")]
        let unknown = settings.caution * (present as f64 / independent).sqrt();
        let limit = usual * (1.0 + unknown);
        let zeros = vec![0.0; d];
        let scale =
            Self { weight, smoothed: zeros.clone(), usual: zeros, spread, precision, limit };
        scale.limit.is_finite().then_some(scale)
    }

    fn is_sound(&self, signals: usize) -> bool {
        [&self.smoothed, &self.usual, &self.spread].iter().all(|part| part.len() == signals)
            && self.precision.len() == signals * signals
    }

    fn standard(&self) -> Vec<f64> {
        (0..self.smoothed.len())
            .map(|i| {
                let distance = (self.smoothed[i] - self.usual[i]) / self.spread[i];
                distance.clamp(-UNEXPLAINED_MAX, UNEXPLAINED_MAX)
            })
            .collect()
    }

    /// The distance, in limits.
    fn push(&mut self, unexplained: &[f64]) -> f64 {
        for (smoothed, new) in self.smoothed.iter_mut().zip(unexplained) {
            *smoothed += self.weight * (new - *smoothed);
        }
        let standard = self.standard();
        dot(&standard, &times(&self.precision, &standard)).max(0.0).sqrt() / self.limit
    }

    fn follow(&mut self, share: f64) {
        for (usual, smoothed) in self.usual.iter_mut().zip(&self.smoothed) {
            *usual += share * (smoothed - *usual);
        }
    }
}

impl Model {
    pub(super) fn is_sound(&self, signals: usize) -> bool {
        [&self.mean, &self.deviation, &self.before].iter().all(|part| part.len() == signals)
            && self.weights.len() == signals * signals
            && self.absent.len() == signals
            && self.runs.is_sound(signals)
            && self.stuck.is_none_or(|stuck| stuck < signals)
            && self.loudest < self.scales.len()
            && self.scales.iter().all(|scale| scale.is_sound(signals))
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        let signals = self.mean.len();
        let of_scale = 3 * signals + signals * signals + size_of::<Scale>() / size_of::<f64>();
        let numbers = 3 * signals + signals * signals + self.scales.len() * of_scale;
        numbers * size_of::<f64>() + signals + self.runs.heap()
    }

    /// How far a row is from what the row before gives, in limits; then learns slow drift.
    pub(super) fn judge(&mut self, at: Timestamp, row: &[Option<f64>], settings: &Settings) -> f64 {
        if self.is_mostly_missing(row) {
            return 0.0;
        }
        let expected = self.expected();
        let now: Vec<Option<f64>> = row
            .iter()
            .zip(&self.absent)
            .map(|(value, absent)| value.filter(|v| v.is_finite() && !absent))
            .map(|value| value.map(|v| v.clamp(-VALUE_MAX, VALUE_MAX)))
            .collect();
        let after_a_gap = self.latest.replace(at).is_some_and(|latest| {
            #[allow(clippy::cast_precision_loss, reason = "an interval needn't be exact")]
            let interval = at.micros_since(latest) as f64;
            self.interval_us > 0.0 && interval > settings.gap * self.interval_us
        });
        for (i, now) in now.iter().enumerate() {
            self.before[i] = now.unwrap_or(self.mean[i] + expected[i] * self.deviation[i]);
        }
        if after_a_gap {
            for scale in &mut self.scales {
                scale.smoothed.clone_from(&scale.usual);
            }
            return 0.0;
        }
        let unexplained: Vec<f64> = now
            .iter()
            .enumerate()
            .map(|(i, value)| value.map_or(0.0, |value| self.standard(i, value) - expected[i]))
            .collect();
        let mut most = 0.0;
        for (index, scale) in self.scales.iter_mut().enumerate() {
            let ratio = scale.push(&unexplained);
            if ratio > most {
                (most, self.loudest) = (ratio, index);
            }
        }
        if most < 1.0 {
            for scale in &mut self.scales {
                scale.follow(1.0 / settings.memory);
            }
        }
        let stuck = self.runs.judge(&now).filter(|(_, ratio)| *ratio > most);
        self.stuck = stuck.map(|(signal, _)| signal);
        stuck.map_or(most, |(_, ratio)| ratio)
    }

    /// Whether half of the signals that take part, or more, tell nothing in a row.
    pub(super) fn is_mostly_missing(&self, row: &[Option<f64>]) -> bool {
        let present = self.absent.iter().filter(|absent| !**absent).count();
        let told = row.iter().zip(&self.absent);
        let told = told.filter(|(value, absent)| !**absent && value.is_some_and(f64::is_finite));
        told.count() * 2 <= present
    }

    /// The signal that is stuck and what it says, if that is what the newest row was judged by.
    pub(super) fn stuck(&self) -> Option<(usize, &Run, f64)> {
        let signal = self.stuck?;
        Some((signal, self.runs.of(signal)?, *self.before.get(signal)?))
    }

    fn standard(&self, signal: usize, value: f64) -> f64 {
        let distance = (value - self.mean[signal]) / self.deviation[signal];
        distance.clamp(-DEVIATION_MAX, DEVIATION_MAX)
    }

    /// What the last row gives for the next, in standard deviations.
    fn expected(&self) -> Vec<f64> {
        let before: Vec<f64> =
            self.before.iter().enumerate().map(|(i, value)| self.standard(i, *value)).collect();
        times(&self.weights, &before)
    }

    /// The next row comes as after the longest gap.
    pub(super) fn interrupt(&mut self) {
        self.latest = Some(Timestamp::from_micros(i64::MIN));
    }

    /// By signal, for the newest row.
    pub(super) fn contributions(&self) -> Vec<Contribution> {
        let Some(scale) = self.scales.get(self.loudest) else { return Vec::new() };
        let standard = scale.standard();
        let weighted = times(&scale.precision, &standard);
        let total = dot(&standard, &weighted).max(f64::MIN_POSITIVE);
        (0..standard.len())
            .map(|i| {
                let observed = self.before[i];
                let off = (scale.smoothed[i] - scale.usual[i]) * self.deviation[i];
                Contribution {
                    share: (standard[i] * weighted[i] / total).max(0.0),
                    observed,
                    expected: observed - off,
                    spread: scale.spread[i] * self.deviation[i],
                }
            })
            .collect()
    }
}
