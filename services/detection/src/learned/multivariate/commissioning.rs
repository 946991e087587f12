//! What is gathered while a machine is taken as healthy: sums only, no rows.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::linear::{inverse, product, transposed};
use super::super::moments::Moments;
use super::super::packed::{self, packed_fields};
use super::Settings;
use super::model::{Model, Scale, VALUE_MAX};
use super::runs::Runs;
use crate::learned::limits::TRAIN_ROWS_MIN;

/// A commissioning phase under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commissioning {
    /// The last values, while it waits for a value of each signal.
    #[serde(with = "packed")]
    known: Vec<Option<f64>>,
    /// Rows that it has waited, and since when.
    waited: usize,
    first: Option<Timestamp>,
    /// The first row; sums are of differences from it.
    #[serde(with = "packed")]
    origin: Vec<f64>,
    /// Signals that haven't told anything, and don't take part.
    #[serde(with = "packed")]
    absent: Vec<bool>,
    runs: Runs,
    latest: Option<Timestamp>,
    interval: Moments,
    /// Of the rows themselves, and of their means on both scales.
    sums: [Sums; 3],
}

/// Sums over rows and the rows before them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    /// Weight of the newest row in what is summed.
    weight: f64,
    n: f64,
    seen: f64,
    #[serde(with = "packed")]
    current: Vec<f64>,
    #[serde(with = "packed")]
    sum: Vec<f64>,
    #[serde(with = "packed")]
    sum_before: Vec<f64>,
    /// now × now, the lower triangle.
    #[serde(with = "packed")]
    now: Vec<f64>,
    /// now × before.
    #[serde(with = "packed")]
    before: Vec<f64>,
}

packed_fields!(Commissioning {
    known,
    waited,
    first,
    origin,
    absent,
    runs,
    latest,
    interval,
    sums,
});

/// What a row was to a commissioning phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// One more.
    Gathered,
    /// The first: it begins with this row.
    Begun,
}

packed_fields!(Sums { weight, n, seen, current, sum, sum_before, now, before });

impl Commissioning {
    pub(super) fn new(signals: usize, settings: &Settings) -> Self {
        let [fast, slow] = settings.scales;
        let sums = [1.0, fast, slow].map(|weight| Sums::new(signals, weight));
        Self {
            known: vec![None; signals],
            waited: 0,
            first: None,
            origin: Vec::new(),
            absent: vec![false; signals],
            runs: Runs::new(signals),
            latest: None,
            interval: Moments::default(),
            sums,
        }
    }

    pub(super) fn is_sound(&self, signals: usize) -> bool {
        (self.origin.is_empty() || self.origin.len() == signals)
            && [self.known.len(), self.absent.len()] == [signals; 2]
            && self.runs.is_sound(signals)
            && self.sums.iter().all(|sums| sums.is_sound(signals))
    }

    /// Whether rows are gathered.
    pub(super) const fn has_begun(&self) -> bool {
        !self.origin.is_empty()
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        let numbers = self.origin.len() + self.sums.iter().map(Sums::numbers).sum::<usize>();
        let a_signal = size_of::<(Option<f64>, bool)>();
        numbers * size_of::<f64>() + self.known.len() * a_signal + self.runs.heap()
    }

    /// By signal: whether it has told nothing yet, or doesn't take part because of that.
    pub(super) fn missing(&self) -> Vec<bool> {
        match self.has_begun() {
            true => self.absent.clone(),
            false => self.known.iter().map(Option::is_none).collect(),
        }
    }

    /// Gathers a row. A value that is missing is taken as the one before. Before all signals have told
    /// one, rows are passed over, for a while; then it begins without the others. When one of these
    /// tells something, it begins again.
    pub(super) fn push(
        &mut self,
        at: Timestamp,
        row: &[Option<f64>],
        settings: &Settings,
    ) -> Taken {
        if let Some(latest) = self.latest.replace(at) {
            #[allow(clippy::cast_precision_loss, reason = "an interval needn't be exact")]
            self.interval.push(at.micros_since(latest) as f64, 1e9);
        }
        let row: Vec<Option<f64>> = row
            .iter()
            .map(|value| value.filter(|v| v.is_finite()).map(|v| v.clamp(-VALUE_MAX, VALUE_MAX)))
            .collect();
        let joins = row.iter().zip(&self.absent).any(|(value, absent)| *absent && value.is_some());
        if joins {
            self.begin_again(settings);
        }
        for (known, value) in self.known.iter_mut().zip(&row) {
            *known = value.or(*known);
        }
        let begins = !self.has_begun();
        if begins && !self.begin(at, settings) {
            return Taken::Gathered;
        }
        let differences: Vec<f64> =
            self.known.iter().zip(&self.origin).map(|(x, o)| x.unwrap_or(*o) - o).collect();
        for sums in &mut self.sums {
            sums.push(&differences);
        }
        self.runs.learn(&row);
        if joins { Taken::Begun } else { Taken::Gathered }
    }

    /// Begins when all signals are known, or when it has waited long enough.
    fn begin(&mut self, at: Timestamp, settings: &Settings) -> bool {
        self.waited = self.waited.saturating_add(1);
        let first = *self.first.get_or_insert(at);
        let all = self.known.iter().all(Option::is_some);
        let overdue = self.waited > settings.train_rows / 4
            && at.micros_since(first) >= settings.wait_us
            && self.known.iter().any(Option::is_some);
        if all || overdue {
            self.origin = self.known.iter().map(|value| value.unwrap_or_default()).collect();
            self.absent = self.known.iter().map(Option::is_none).collect();
        }
        all || overdue
    }

    /// Forgets what was gathered, but not which signals there are.
    fn begin_again(&mut self, settings: &Settings) {
        let (known, latest) = (std::mem::take(&mut self.known), self.latest);
        let (waited, first) = (self.waited, self.first);
        *self = Self { known, latest, waited, first, ..Self::new(self.absent.len(), settings) };
    }

    /// The time to the next row says nothing of the rhythm.
    pub(super) fn interrupt(&mut self) {
        self.latest = None;
    }

    /// What was learned; `None`: not enough yet.
    pub(super) fn learned(
        &self,
        settings: &Settings,
        counts: impl Fn(usize) -> bool,
    ) -> Option<Model> {
        let [rows, scales @ ..] = &self.sums;
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        if rows.n < TRAIN_ROWS_MIN as f64 - 1.0 {
            return None;
        }
        let d = self.origin.len();
        let present = self.absent.iter().filter(|absent| !**absent).count();
        let mean: Vec<f64> = rows.sum.iter().map(|sum| sum / rows.n).collect();
        let covariance = rows.covariance();
        let deviation: Vec<f64> = (0..d)
            .map(|i| {
                let least = 1e-9 * ((self.origin[i] + mean[i]).abs() + 1e-3);
                covariance.now[i * d + i].max(0.0).sqrt().max(least)
            })
            .collect();
        let unit = covariance.scaled(&deviation);
        let mut ridged = unit.now.clone();
        for i in 0..d {
            ridged[i * d + i] += settings.ridge;
        }
        let weights = product(&unit.before, &inverse(&ridged, d)?, d);
        let scales = scales.iter().zip(settings.quantiles).map(|(sums, quantile)| {
            let unexplained = sums.covariance().scaled(&deviation).unexplained(&weights, d);
            Scale::learned(sums.weight, quantile, sums.n, &unexplained, present, settings)
        });
        let scales = scales.collect::<Option<Vec<_>>>()?;
        let mean = mean.iter().zip(&self.origin).map(|(mean, origin)| mean + origin).collect();
        let before = rows.current.iter().zip(&self.origin).map(|(x, origin)| x + origin).collect();
        let runs = self.runs.learned(rows.n, |i| !self.absent[i] && !counts(i));
        let (latest, interval_us, absent) = (self.latest, self.interval.mean, self.absent.clone());
        Some(Model {
            mean,
            deviation,
            weights,
            scales,
            before,
            absent,
            runs,
            latest,
            interval_us,
            loudest: 0,
            stuck: None,
        })
    }
}

impl Sums {
    fn new(signals: usize, weight: f64) -> Self {
        Self {
            weight,
            sum: vec![0.0; signals],
            sum_before: vec![0.0; signals],
            now: vec![0.0; signals * (signals + 1) / 2],
            before: vec![0.0; signals * signals],
            ..Self::default()
        }
    }

    fn is_sound(&self, signals: usize) -> bool {
        (self.current.is_empty() || self.current.len() == signals)
            && self.sum.len() == signals
            && self.sum_before.len() == signals
            && self.now.len() == signals * (signals + 1) / 2
            && self.before.len() == signals * signals
    }

    fn numbers(&self) -> usize {
        [&self.current, &self.sum, &self.sum_before, &self.now, &self.before]
            .iter()
            .map(|part| part.len())
            .sum()
    }

    fn push(&mut self, row: &[f64]) {
        if self.current.is_empty() {
            self.current = row.to_vec();
            return;
        }
        let before = self.current.clone();
        for (current, value) in self.current.iter_mut().zip(row) {
            *current += self.weight * (value - *current);
        }
        self.seen += 1.0;
        // The mean starts as the first row; it counts when that has faded.
        if self.seen < 1.0 / self.weight {
            return;
        }
        self.n += 1.0;
        let d = row.len();
        let mut index = 0;
        for i in 0..d {
            self.sum[i] += self.current[i];
            self.sum_before[i] += before[i];
            for j in 0..=i {
                self.now[index] += self.current[i] * self.current[j];
                index += 1;
            }
            for (sum, before) in self.before[i * d..].iter_mut().zip(&before) {
                *sum += self.current[i] * before;
            }
        }
    }

    fn covariance(&self) -> Covariance {
        let d = self.sum.len();
        let mut covariance = Covariance { now: vec![0.0; d * d], before: vec![0.0; d * d] };
        for i in 0..d {
            let mean = self.sum[i] / self.n;
            for j in 0..d {
                let (high, low) = (i.max(j), i.min(j));
                let now = self.now[high * (high + 1) / 2 + low] / self.n;
                covariance.now[i * d + j] = now - mean * self.sum[j] / self.n;
                covariance.before[i * d + j] =
                    self.before[i * d + j] / self.n - mean * self.sum_before[j] / self.n;
            }
        }
        covariance
    }
}

/// Covariances of rows with themselves, and with the rows before them.
struct Covariance {
    now: Vec<f64>,
    before: Vec<f64>,
}

impl Covariance {
    fn scaled(mut self, deviation: &[f64]) -> Self {
        let d = deviation.len();
        for i in 0..d * d {
            let unit = deviation[i / d] * deviation[i % d];
            self.now[i] /= unit;
            self.before[i] /= unit;
        }
        self
    }

    /// The covariance of what the row before doesn't explain. Rows before are taken to vary as rows.
    fn unexplained(&self, weights: &[f64], d: usize) -> Vec<f64> {
        let explained = product(&self.before, &transposed(weights, d), d);
        let before = product(&product(weights, &self.now, d), &transposed(weights, d), d);
        (0..d * d)
            .map(|i| self.now[i] - explained[i] - explained[(i % d) * d + i / d] + before[i])
            .collect()
    }
}
