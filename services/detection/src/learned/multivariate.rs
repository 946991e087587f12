//! How the signals of a machine depend on each other, and how far they are from it.
//!
//! In the commissioning phase it learns, without labels, what each signal's value usually is after
//! the last row of all signals (a ridge regression), and how what that doesn't explain is spread and
//! connected. Afterwards the unexplained part is smoothed, once for a few and once for some dozens of
//! rows, and compared with what commissioning gave (a regularised Mahalanobis distance). The limit
//! comes from the distribution that the distance has for a healthy machine, widened by what a
//! commissioning phase of this length can't know.
//!
//! Behaviour that is worth knowing:
//! - An alarm lasts as long as the distance is beyond its limit.
//! - Nothing is said while commissioning lasts; [`Multivariate::relearn`] starts it again.
//! - Slow drift is followed while there is no alarm ([`Settings::memory`]).
//! - A missing value is taken as the expected one; a signal that stays away for long makes the others
//!   less well explained. A row of which half or more is missing isn't
//!   judged: score 0. After a gap of [`Settings::gap`] usual intervals the smoothing starts again.
//! - A signal that was constant in commissioning weighs heavily when it changes.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::explanation::{Explanation, Finding, deviation, short};
use super::limits::{SIGNALS_MAX, TRAIN_ROWS_MAX, TRAIN_ROWS_MIN};
use super::packed::{Packed, packed_fields};
use super::{LearningStage, Verdict, score};
use commissioning::Commissioning;
use model::Model;

mod commissioning;
mod model;

/// How a machine is learned and judged. The defaults are what is shipped; others are for experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Rows of the commissioning phase.
    pub train_rows: usize,
    /// How strongly the regression is drawn towards none, in variances.
    pub ridge: f64,
    /// How strongly connections of what is unexplained are drawn towards none.
    pub shrink: f64,
    /// Weight of the newest row in each of the two means.
    pub scales: [f64; 2],
    /// How much the limit is widened for what commissioning can't know.
    pub caution: f64,
    /// Rows over which slow drift is followed.
    pub memory: f64,
    /// Usual intervals without a row after which smoothing starts again.
    pub gap: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            train_rows: 400,
            ridge: 0.2,
            shrink: 0.1,
            scales: [0.3, 0.05],
            caution: 3.5,
            memory: 10_000.0,
            gap: 100.0,
        }
    }
}

packed_fields!(Settings { train_rows, ridge, shrink, scales, caution, memory, gap });

/// Why a detector can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too few or too many signals.
    #[error("columns: {0} signals, 2 to {SIGNALS_MAX} are possible")]
    Signals(usize),
    /// A commissioning phase that is too short or too long.
    #[error("train_rows: {0} is not between {TRAIN_ROWS_MIN} and {TRAIN_ROWS_MAX}")]
    TrainRows(usize),
}

/// A detector for the signals of one machine. All it remembers is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multivariate {
    settings: Settings,
    signals: Vec<String>,
    rows: usize,
    phase: Phase,
    last: Option<Last>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Commissioning(Box<Commissioning>),
    Watching(Model),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Last {
    at: Timestamp,
    verdict: Verdict,
}

packed_fields!(Multivariate { settings, signals, rows, phase, last });
packed_fields!(Last { at, verdict });

impl Packed for Phase {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Commissioning(commissioning) => {
                0_u8.write(bytes);
                commissioning.write(bytes);
            }
            Self::Watching(model) => {
                1_u8.write(bytes);
                model.write(bytes);
            }
        }
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Packed::read(bytes).map(Self::Commissioning),
            1 => Packed::read(bytes).map(Self::Watching),
            _ => None,
        }
    }
}

impl Multivariate {
    /// A detector that knows nothing yet.
    ///
    /// # Errors
    /// Fewer than two signals or too many, or a commissioning phase out of bounds.
    pub fn new(signals: Vec<String>, settings: Settings) -> Result<Self, Refused> {
        if !(2..=SIGNALS_MAX).contains(&signals.len()) {
            return Err(Refused::Signals(signals.len()));
        }
        if !(TRAIN_ROWS_MIN..=TRAIN_ROWS_MAX).contains(&settings.train_rows) {
            return Err(Refused::TrainRows(settings.train_rows));
        }
        let phase = Phase::Commissioning(Box::new(Commissioning::new(signals.len(), &settings)));
        Ok(Self { settings, signals, rows: 0, phase, last: None })
    }

    /// How it learns.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its signals, in the order of a row.
    #[must_use]
    pub fn signals(&self) -> &[String] {
        &self.signals
    }

    /// Whether commissioning is over.
    #[must_use]
    pub const fn is_watching(&self) -> bool {
        matches!(self.phase, Phase::Watching(_))
    }

    /// How far it has come; `None`: it waits for a row with a value of each signal.
    #[must_use]
    pub fn stage(&self) -> Option<LearningStage> {
        match &self.phase {
            Phase::Watching(_) => Some(LearningStage::Watching),
            Phase::Commissioning(commissioning) if commissioning.has_begun() => {
                let (seen, needed) = (self.rows as u64, self.settings.train_rows as u64);
                Some(LearningStage::Learning { seen, needed, since: None, until: None })
            }
            Phase::Commissioning(_) => None,
        }
    }

    /// Bytes of what it remembers, in memory.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let names: usize = self.signals.iter().map(|name| size_of::<String>() + name.len()).sum();
        let heap = match &self.phase {
            Phase::Commissioning(commissioning) => {
                size_of::<Commissioning>() + commissioning.numbers() * size_of::<f64>()
            }
            Phase::Watching(model) => model.numbers() * size_of::<f64>(),
        };
        size_of::<Self>() + names + heap
    }

    /// Forgets all that was learned and starts commissioning, as after a repair.
    pub fn relearn(&mut self) {
        self.rows = 0;
        self.phase =
            Phase::Commissioning(Box::new(Commissioning::new(self.signals.len(), &self.settings)));
    }

    /// What comes next isn't compared with the course of what came before, as after a long gap. What
    /// was learned stays.
    pub fn interrupt(&mut self) {
        match &mut self.phase {
            Phase::Commissioning(commissioning) => commissioning.interrupt(),
            Phase::Watching(model) => model.interrupt(),
        }
    }

    /// Whether it was read as it can have been written; otherwise it must be learned again.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let signals = self.signals.len();
        match &self.phase {
            Phase::Commissioning(commissioning) => commissioning.is_sound(signals),
            Phase::Watching(model) => model.is_sound(signals),
        }
    }

    /// Takes a row, with a value for each signal in their order (`None`: no usable one). What isn't
    /// later than the row before changes nothing: at the same time it gets the same answer, if it is
    /// older none. Nor is a row with another number of values judged.
    pub fn step(&mut self, at: Timestamp, row: &[Option<f64>]) -> Verdict {
        if let Some(last) = self.last
            && at <= last.at
        {
            return if at == last.at { last.verdict } else { Verdict::default() };
        }
        if row.len() != self.signals.len() {
            return Verdict::default();
        }
        self.rows = self.rows.saturating_add(1);
        let verdict = match &mut self.phase {
            Phase::Commissioning(commissioning) => {
                commissioning.push(at, row);
                if self.rows >= self.settings.train_rows
                    && let Some(model) = commissioning.learned(&self.settings)
                {
                    self.phase = Phase::Watching(model);
                }
                Verdict::default()
            }
            Phase::Watching(model) => {
                let ratio = model.judge(at, row, &self.settings);
                let score = score(ratio, 1.0);
                Verdict { score, alarm: ratio >= 1.0 }
            }
        };
        self.last = Some(Last { at, verdict });
        verdict
    }

    /// Why the newest row got its score: the signals that contribute most, and how far each is from
    /// what the others give.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let Phase::Watching(model) = &self.phase else { return Explanation::default() };
        let mut findings: Vec<_> = model
            .contributions()
            .into_iter()
            .zip(&self.signals)
            .filter(|(contribution, _)| contribution.share > 0.05)
            .map(|(contribution, signal)| {
                let model::Contribution { share, observed, expected, spread } = contribution;
                let text = format!(
                    "{signal} is {} what the machine's signals normally give ({}, expected {}); {:.0} % of the evidence",
                    deviation(observed, expected, spread),
                    short(observed),
                    short(expected),
                    share * 100.0
                );
                Finding { aspect: signal.clone(), share, observed, expected, spread, text }
            })
            .collect();
        findings.sort_by(|a, b| b.share.total_cmp(&a.share));
        Explanation { findings }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_wrap)]
mod tests;
