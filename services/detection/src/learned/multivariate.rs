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
//! - Counters are learned by what they count a minute (`meter`), and a sensor that is stuck while the
//!   machine isn't is an alarm (`runs`).
//! - A signal that tells nothing when commissioning begins takes no part ([`Multivariate::missing`]).
//! - With [`Settings::patience`], a machine that is in alarm for too long is learned anew.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::explanation::{Explanation, Finding, deviation, short};
use super::limits::{SIGNALS_MAX, TRAIN_ROWS_MAX, TRAIN_ROWS_MIN};
use super::packed::{Packed, packed_fields};
use super::{LearningStage, Verdict, score};
use commissioning::{Commissioning, Taken};
use meter::Meter;
use model::{Model, QUANTILES};

mod commissioning;
mod meter;
mod model;
mod runs;

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
    /// Where the limit stands among a healthy machine's distances, for each of the two means, as
    /// quantiles of the standard normal distribution.
    pub quantiles: [f64; 2],
    /// Commissioning takes this long at least, in microseconds, however many rows there are.
    pub span_us: i64,
    /// It waits this long for signals that haven't told anything, in microseconds, and for a quarter of
    /// [`Self::train_rows`]; then it begins without them.
    pub wait_us: i64,
    /// How much longer than commissioning, and than a day, alarms may last before the machine is learned
    /// anew; 0: for ever.
    pub patience: f64,
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
            quantiles: QUANTILES,
            span_us: 0,
            wait_us: 0,
            patience: 0.0,
        }
    }
}

impl Settings {
    /// As rules use it. Without a number of rows commissioning takes a day, so that a daily course is
    /// learned, and asks for what is so rare that it isn't seen in months of rows a minute apart.
    #[must_use]
    pub fn live(train_rows: Option<usize>) -> Self {
        let shipped = Self { patience: 1.0, ..Self::default() };
        match train_rows {
            Some(train_rows) => Self { train_rows, ..shipped },
            None => Self {
                span_us: DAY_US,
                wait_us: HOUR_US,
                quantiles: LIVE_QUANTILES,
                caution: LIVE_CAUTION,
                ..shipped
            },
        }
    }
}

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// For the slow mean at 1 in 6,000, of which there are a thousand independent ones in a month of rows a
/// minute apart; the fast one is independent six times as often.
const LIVE_QUANTILES: [f64; 2] = [4.03, 3.59];

/// A day has more rows than the hours for which the shipped one was chosen, and the quantiles do the rest.
const LIVE_CAUTION: f64 = 2.0;

/// Time without an alarm makes good this share of a time with one.
const RECOVERY: i64 = 4;

packed_fields!(Settings {
    train_rows,
    ridge,
    shrink,
    scales,
    caution,
    memory,
    gap,
    quantiles,
    span_us,
    wait_us,
    patience,
});

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
    /// The first row of commissioning.
    since: Option<Timestamp>,
    /// How long commissioning took, in microseconds.
    learned_us: i64,
    /// For how long there were alarms, less what was made good since, in microseconds.
    burden_us: i64,
    /// Of an alarm that lasts for so long that the machine is learned anew: it stands until then.
    standing: Option<Verdict>,
    meters: Vec<Meter>,
    phase: Phase,
    last: Option<Last>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Commissioning(Box<Commissioning>),
    Watching(Box<Model>),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Last {
    at: Timestamp,
    verdict: Verdict,
}

packed_fields!(Multivariate {
    settings,
    signals,
    rows,
    since,
    learned_us,
    burden_us,
    standing,
    meters,
    phase,
    last,
});
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
        Ok(Self {
            settings,
            rows: 0,
            since: None,
            learned_us: 0,
            burden_us: 0,
            standing: None,
            meters: vec![Meter::default(); signals.len()],
            signals,
            phase,
            last: None,
        })
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
                let (since, span_us) = (self.since, self.settings.span_us);
                let until = since.filter(|_| span_us > 0).map(|since| since.plus_micros(span_us));
                Some(LearningStage::Learning { seen, needed, since, until })
            }
            Phase::Commissioning(_) => None,
        }
    }

    /// By signal: whether nothing usable of it has come, so that it doesn't take part.
    #[must_use]
    pub fn missing(&self) -> Vec<bool> {
        match &self.phase {
            Phase::Watching(model) => model.absent.clone(),
            Phase::Commissioning(commissioning) => commissioning.missing(),
        }
    }

    /// Whether an alarm stands, though nothing is said: the machine is learned anew because it lasted so
    /// long.
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        self.standing.is_some()
    }

    /// Whether a row isn't judged because half of its signals, or more, are missing.
    #[must_use]
    pub fn is_mostly_missing(&self, row: &[Option<f64>]) -> bool {
        match &self.phase {
            Phase::Watching(model) => model.is_mostly_missing(row),
            Phase::Commissioning(_) => row.iter().flatten().count() * 2 <= row.len(),
        }
    }

    /// Bytes of what it remembers, in memory.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let names: usize = self.signals.iter().map(|name| size_of::<String>() + name.len()).sum();
        let heap = match &self.phase {
            Phase::Commissioning(commissioning) => {
                size_of::<Commissioning>() + commissioning.heap()
            }
            Phase::Watching(model) => size_of::<Model>() + model.heap(),
        };
        size_of::<Self>() + names + heap + self.meters.len() * size_of::<Meter>()
    }

    /// Forgets all that was learned and starts commissioning, as after a repair.
    pub fn relearn(&mut self) {
        self.meters.fill(Meter::default());
        self.commission(None);
    }

    /// Starts commissioning; `standing`: of an alarm that stands until it is over.
    fn commission(&mut self, standing: Option<Verdict>) {
        (self.rows, self.since, self.burden_us) = (0, None, 0);
        self.standing = standing;
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
        let metered = self.meters.len() == signals;
        metered
            && match &self.phase {
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
        let row = self.read(at, row);
        let verdict = if let Phase::Watching(model) = &mut self.phase {
            let ratio = model.judge(at, &row, &self.settings);
            let verdict = Verdict { score: score(ratio, 1.0), alarm: ratio >= 1.0 };
            self.bear(at, verdict);
            verdict
        } else {
            self.learn(at, &row);
            let score = self.standing.map_or(0.0, |standing| standing.score);
            Verdict { score, alarm: false }
        };
        self.last = Some(Last { at, verdict });
        verdict
    }

    /// The row with counters as what they count. When a signal turns out to be a counter, or none, all is
    /// learned anew.
    fn read(&mut self, at: Timestamp, row: &[Option<f64>]) -> Vec<Option<f64>> {
        let mut changed = false;
        let read = self.meters.iter_mut().zip(row).map(|(meter, value)| {
            let (value, change) = meter.read(at, *value);
            changed |= change;
            value
        });
        let read = read.collect();
        if changed {
            self.commission(self.standing);
        }
        read
    }

    fn learn(&mut self, at: Timestamp, row: &[Option<f64>]) {
        let Phase::Commissioning(commissioning) = &mut self.phase else { return };
        if commissioning.push(at, row, &self.settings) == Taken::Begun {
            (self.rows, self.since) = (0, None);
        }
        self.rows = self.rows.saturating_add(1);
        let learned_us = at.micros_since(*self.since.get_or_insert(at));
        if self.rows < self.settings.train_rows || learned_us < self.settings.span_us {
            return;
        }
        let meters = &self.meters;
        if let Some(model) = commissioning.learned(&self.settings, |i| meters[i].counts()) {
            (self.learned_us, self.standing) = (learned_us, None);
            self.phase = Phase::Watching(Box::new(model));
        }
    }

    /// Counts how long alarms last. When that is too long, it is the machine that has changed.
    fn bear(&mut self, at: Timestamp, verdict: Verdict) {
        let Some(last) = self.last.filter(|_| self.settings.patience > 0.0) else { return };
        let passed_us = at.micros_since(last.at).min(HOUR_US);
        self.burden_us = match verdict.alarm {
            true => self.burden_us.saturating_add(passed_us),
            false => (self.burden_us - passed_us / RECOVERY).max(0),
        };
        #[allow(clippy::cast_precision_loss, reason = "a time needn't be exact")]
        let bound_us = self.settings.patience * self.learned_us.max(DAY_US) as f64;
        #[allow(clippy::cast_precision_loss, reason = "a time needn't be exact")]
        if self.burden_us as f64 >= bound_us {
            self.commission(Some(verdict));
        }
    }

    /// Why the newest row got its score: the signals that contribute most, and how far each is from
    /// what the others give.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let Phase::Watching(model) = &self.phase else { return Explanation::default() };
        if let Some((signal, run, value)) = model.stuck() {
            let signal = &self.signals[signal];
            let (length, normal) = (run.length, run.normal());
            let text = format!(
                "{signal} has said {} for {length} rows, usual are {normal} at the most",
                short(value)
            );
            let (observed, expected) = (f64::from(length), f64::from(normal));
            let aspect = signal.clone();
            let finding = Finding { aspect, share: 1.0, observed, expected, spread: 0.0, text };
            return Explanation { findings: vec![finding] };
        }
        let mut findings: Vec<_> = model
            .contributions()
            .into_iter()
            .zip(self.signals.iter().zip(&self.meters))
            .filter(|(contribution, _)| contribution.share > 0.05)
            .map(|(contribution, (signal, meter))| {
                let model::Contribution { share, observed, expected, spread } = contribution;
                let text = format!(
                    "{signal}{} is {} what the machine's signals normally give ({}, expected {}); {:.0} % of the evidence",
                    if meter.counts() { " a minute" } else { "" },
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
