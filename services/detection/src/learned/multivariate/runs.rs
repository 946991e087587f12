//! Sensors that are stuck, while the machine isn't.

use serde::{Deserialize, Serialize};

use super::super::packed::packed_fields;
use super::super::run::Run;

/// By signal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// Which are judged.
    judged: Vec<bool>,
}

packed_fields!(Runs { runs, judged });

impl Runs {
    pub(super) fn new(signals: usize) -> Self {
        Self { runs: vec![Run::default(); signals], judged: vec![false; signals] }
    }

    pub(super) fn is_sound(&self, signals: usize) -> bool {
        [self.runs.len(), self.judged.len()] == [signals; 2]
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.runs.len() * size_of::<(Run, bool)>()
    }

    /// Takes a row of a machine that is taken as healthy.
    pub(super) fn learn(&mut self, row: &[Option<f64>]) {
        self.push(row, true);
    }

    fn push(&mut self, row: &[Option<f64>], learned: bool) {
        for (run, value) in self.runs.iter_mut().zip(row) {
            if let Some(value) = value {
                run.push(*value, learned);
            }
        }
    }

    /// What was learned in so many rows.
    pub(super) fn learned(&self, rows: f64, is_judged: impl Fn(usize) -> bool) -> Self {
        let mut runs = self.runs.clone();
        runs.iter_mut().for_each(Run::settle);
        let judged = runs.iter().enumerate().map(|(i, run)| run.varies(rows) && is_judged(i));
        let judged = judged.collect();
        Self { runs, judged }
    }

    /// Takes a row: the signal that is stuck most, and how much; 1 is the limit. `None` when more than
    /// half of those that vary are still: then it is the machine that stands.
    pub(super) fn judge(&mut self, row: &[Option<f64>]) -> Option<(usize, f64)> {
        self.push(row, false);
        let judged = self.judged.iter().filter(|judged| **judged).count();
        let of_judged = || (0..row.len()).filter(|i| self.judged[*i]);
        let still = of_judged().filter(|i| self.runs[*i].length > 2 * self.runs[*i].normal());
        if still.count() * 2 > judged {
            return None;
        }
        of_judged()
            .filter(|i| row[*i].is_some())
            .map(|i| (i, self.runs[i].ratio()))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// How a signal stands.
    pub(super) fn of(&self, signal: usize) -> Option<&Run> {
        self.runs.get(signal)
    }
}
