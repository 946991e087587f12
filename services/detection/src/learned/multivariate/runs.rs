//! Sensors that are stuck: how often a signal has said the very same in a row.

use serde::{Deserialize, Serialize};

use super::super::packed::{self, packed_fields};

/// So many times the longest run of commissioning is a stuck sensor.
const LONGER: u32 = 10;
/// A run counts as this at least: a signal of noise hardly ever says the same twice.
const RUN_LEAST: u32 = 5;

/// By signal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runs {
    #[serde(with = "packed")]
    last: Vec<f64>,
    /// Rows in which it has said this.
    #[serde(with = "packed")]
    run: Vec<u32>,
    /// The most that is normal; 0: it isn't judged.
    #[serde(with = "packed")]
    longest: Vec<u32>,
}

packed_fields!(Runs { last, run, longest });

/// A signal that is stuck.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stuck {
    pub(super) signal: usize,
    pub(super) rows: u32,
    pub(super) longest: u32,
    /// How long, in limits.
    pub(super) ratio: f64,
}

impl Runs {
    pub(super) fn new(signals: usize) -> Self {
        Self { last: vec![0.0; signals], run: vec![0; signals], longest: vec![0; signals] }
    }

    pub(super) fn is_sound(&self, signals: usize) -> bool {
        [self.last.len(), self.run.len(), self.longest.len()] == [signals; 3]
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.last.len() * (8 + 4 + 4)
    }

    fn take(&mut self, row: &[Option<f64>], mut ended: impl FnMut(&mut u32, u32)) {
        for (i, value) in row.iter().enumerate() {
            let Some(value) = *value else { continue };
            #[allow(clippy::float_cmp, reason = "the very same is meant")]
            if self.run[i] > 0 && value == self.last[i] {
                self.run[i] = self.run[i].saturating_add(1);
            } else {
                ended(&mut self.longest[i], self.run[i]);
                (self.last[i], self.run[i]) = (value, 1);
            }
        }
    }

    /// Takes a row of a machine that is taken as healthy.
    pub(super) fn learn(&mut self, row: &[Option<f64>]) {
        self.take(row, |longest, run| *longest = (*longest).max(run));
    }

    /// What was learned in so many rows. A signal that was the same for more than a tenth of them is
    /// one that stands still now and then.
    pub(super) fn learned(&self, rows: f64, is_judged: impl Fn(usize) -> bool) -> Self {
        let mut runs = self.clone();
        for (i, longest) in runs.longest.iter_mut().enumerate() {
            let most = (*longest).max(runs.run[i]);
            let varies = f64::from(most) * f64::from(LONGER) <= rows && is_judged(i);
            *longest = if varies { most.max(RUN_LEAST) } else { 0 };
        }
        runs
    }

    /// Takes a row; the signal that is stuck most, `None` when as many as half of those that vary are
    /// still: then it is the machine that stands. When a run has ended it is more usual than before.
    pub(super) fn judge(&mut self, row: &[Option<f64>]) -> Option<Stuck> {
        self.take(row, |longest, run| {
            if *longest > 0 {
                *longest = (*longest).max(run / 2);
            }
        });
        let judged = self.longest.iter().filter(|longest| **longest > 0).count();
        let still = (0..row.len())
            .filter(|i| self.longest[*i] > 0 && self.run[*i] > 2 * self.longest[*i])
            .count();
        if still * 2 > judged {
            return None;
        }
        (0..row.len())
            .filter(|i| self.longest[*i] > 0 && row[*i].is_some())
            .map(|i| self.of(i))
            .max_by(|a, b| a.ratio.total_cmp(&b.ratio))
    }

    /// How one that is judged stands.
    pub(super) fn of(&self, signal: usize) -> Stuck {
        let (rows, longest) = (self.run[signal], self.longest[signal]);
        let ratio = f64::from(rows) / (f64::from(LONGER) * f64::from(longest.max(1)));
        Stuck { signal, rows, longest, ratio }
    }
}
