//! What is normal for one signal, and how far it is from it.
//!
//! Six aspects are looked at, each with its own learned distribution of distances ([`Aspect`]).
//! Their surprises are put together; what lies beyond a fixed sum is an incident. An incident alarms
//! once: then the score is damped for [`Settings::rest`] samples, however often it is confirmed.
//!
//! Behaviour that is worth knowing:
//! - A sample without a usable value (null, bad quality) is passed over: score 0, nothing is
//!   learned. One of uncertain quality counts as a good one. A sample that isn't later than the one
//!   before changes nothing: a duplicate gets the same answer, an older one score 0.
//! - Nothing is said in the first [`Settings::warm_up`] samples. The hour's course takes part after
//!   a day, weekdays gain weight with each week.
//! - A constant signal alarms when it changes for the first time. A stuck sensor, whose noise ends,
//!   alarms by its spread. A counter is judged by its increments; a wrap or reset is passed over.
//! - The window counts samples, not time: an uneven rhythm is tolerated. What was remembered of the
//!   course before a gap of [`Settings::gap`] usual intervals is dropped, so that a jump over a gap
//!   isn't taken for one of the signal.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::counter::{Counter, Looked};
use super::explanation::{Explanation, Finding, compared, short};
use super::packed::{self, Packed, packed_fields};
use super::run::Run;
use super::tail::USUAL;
use super::{ALARM_SCORE, LearningStage, Verdict, score};
use baseline::Baseline;

mod baseline;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// The mean of the last two dozen samples, against all.
    Level,
    /// A value beyond all that was seen.
    Range,
    /// The mean difference of the last dozen samples from what is usual at their hour and weekday.
    Season,
    /// The mean of three samples against that of the three before.
    Jump,
    /// The spread of the last four dozen samples, larger or smaller.
    Spread,
    /// The course of the last four dozen samples, against those drawn before.
    Shape,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Level, Self::Range, Self::Season, Self::Jump, Self::Spread, Self::Shape];

    /// Neighbouring distances share this many samples.
    const fn overlap(self) -> f64 {
        match self {
            Self::Level => 24.0,
            Self::Range => 1.0,
            Self::Season | Self::Shape => 12.0,
            Self::Jump => 3.0,
            Self::Spread => 48.0,
        }
    }

    /// The least distance that means something, for a signal with this standard deviation.
    const fn least(self, deviation: f64) -> f64 {
        match self {
            Self::Level => 0.05 * deviation,
            Self::Jump => 0.01 * deviation,
            Self::Range | Self::Season | Self::Spread | Self::Shape => 0.05,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Range => "range",
            Self::Season => "season",
            Self::Jump => "jump",
            Self::Spread => "spread",
            Self::Shape => "shape",
        }
    }
}

/// How a signal is learned and judged. The defaults are what is shipped; others are for experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Samples before anything is said.
    pub warm_up: f64,
    /// Samples that count as the baseline; older ones are forgotten, so drift is followed.
    pub memory: f64,
    /// Evidence at which an alarm is due, in powers of ten of improbability.
    pub due: f64,
    /// How much the other aspects add to the most surprising one, 0 to 1.
    pub agreement: f64,
    /// Samples for which an incident that alarmed isn't told again.
    pub rest: u32,
    /// Standard errors by which estimates are taken to the safe side.
    pub caution: f64,
    /// Usual intervals without a sample after which the remembered course is dropped.
    pub gap: f64,
    /// Which aspects take part.
    pub aspects: [bool; 6],
    /// Nothing is said before this time has passed since the first sample either, in microseconds.
    pub span_us: i64,
    /// The pace for which `due` is meant, in microseconds. Where samples come faster, more evidence is
    /// asked for, so that alarms of a healthy signal are as rare in a month. 0: whatever the pace.
    pub even_us: f64,
    /// The time that is remembered at least, in microseconds, beside `memory` samples; 0: none.
    pub memory_us: f64,
    /// Whether a sensor is stuck that says the very same for much longer than it ever did, whatever its
    /// spread.
    pub stuck: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            warm_up: 150.0,
            memory: 4000.0,
            due: 3.2,
            agreement: 0.5,
            rest: 120,
            caution: 1.0,
            gap: 1000.0,
            aspects: [true; 6],
            span_us: 0,
            even_us: 0.0,
            memory_us: 0.0,
            stuck: false,
        }
    }
}

packed_fields!(Settings {
    warm_up,
    memory,
    due,
    agreement,
    rest,
    caution,
    gap,
    aspects,
    span_us,
    even_us,
    memory_us,
    stuck,
});

/// More samples than this aren't remembered, whatever their time.
const MEMORY_MAX: f64 = 100_000.0;

impl Settings {
    /// As rules use it, with samples half a minute apart or more: a day is seen before anything is said,
    /// two weeks are remembered, as of the data sets on which the others were chosen, and `due` is for
    /// samples half an hour apart: 4 where they come every five minutes, 4.7 every minute.
    #[must_use]
    pub fn live() -> Self {
        Self {
            span_us: DAY_US,
            even_us: 1_800e6,
            memory_us: 1_200e9,
            stuck: true,
            ..Self::default()
        }
    }

    /// What they are for samples with this usual interval, in microseconds (0: not known yet).
    fn at_pace(&self, interval_us: f64) -> Self {
        if interval_us <= 0.0 || self.even_us <= 0.0 {
            return *self;
        }
        let due = self.due + (self.even_us / interval_us).max(1.0).log10();
        let memory = (self.memory_us / interval_us).min(MEMORY_MAX).max(self.memory);
        Self { due, memory, ..*self }
    }

    fn is_shipped(&self) -> bool {
        *self == Self::default()
    }
}

const DAY_US: i64 = 86_400_000_000;

/// Surprises are counted up to this: a millionfold improbability says all.
const SURPRISE_MAX: f64 = 8.0;

/// Values are taken as this at most, so that their squares stay finite.
const VALUE_MAX: f64 = 1e100;

/// A detector for one signal. All it remembers is in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Univariate {
    #[serde(default, skip_serializing_if = "Settings::is_shipped")]
    settings: Settings,
    baseline: Baseline,
    counter: Counter,
    run: Run,
    rest: u32,
    last: Option<Last>,
}

/// The newest sample and what was said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Last {
    at: Timestamp,
    verdict: Verdict,
    /// Whether the evidence alone would be an alarm, told already or not.
    #[serde(default)]
    beyond: bool,
    /// By aspect.
    #[serde(with = "packed")]
    seen: Vec<Seen>,
}

/// What is said of a sample, whether it is beyond the limit, and what was seen of each aspect.
type Judged = (Verdict, bool, [Seen; 6]);

/// Of a sample that says nothing.
const NOTHING: Judged = (
    Verdict { score: 0.0, alarm: false },
    false,
    [Seen { surprise: 0.0, observed: 0.0, expected: 0.0, spread: 0.0 }; 6],
);

/// What was seen of one aspect.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    surprise: f64,
    observed: f64,
    expected: f64,
    spread: f64,
}

impl Packed for Seen {
    fn write(&self, bytes: &mut Vec<u8>) {
        [self.surprise, self.observed, self.expected, self.spread].write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [surprise, observed, expected, spread] = Packed::read(bytes)?;
        Some(Self { surprise, observed, expected, spread })
    }
}

packed_fields!(Univariate { settings, baseline, counter, run, rest, last });
packed_fields!(Last { at, verdict, beyond, seen });

impl Univariate {
    /// A detector that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How it learns.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The samples that it has learned from.
    #[must_use]
    pub const fn learned(&self) -> f64 {
        self.baseline.learned()
    }

    /// Whether it has learned enough to say something.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        let spans = |last: &Last| self.baseline.spans(last.at, &self.settings);
        self.baseline.learned() > self.settings.warm_up && self.last.as_ref().is_some_and(spans)
    }

    /// How far it has come.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
    pub fn stage(&self) -> LearningStage {
        if self.is_watching() {
            return LearningStage::Watching;
        }
        let (seen, needed) = (self.learned() as u64, self.settings.warm_up as u64);
        let (since, span_us) = (self.baseline.first(), self.settings.span_us);
        let until = since.filter(|_| span_us > 0).map(|since| since.plus_micros(span_us));
        LearningStage::Learning { seen, needed, since, until }
    }

    /// Whether the newest sample is so unusual that an alarm would be due, also when it belongs to an
    /// incident that has alarmed already.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.beyond)
    }

    /// Bytes of what it remembers, in memory.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        let seen = self.last.as_ref().map_or(0, |last| last.seen.capacity());
        size_of::<Self>() + self.baseline.heap() + seen * size_of::<Seen>()
    }

    /// Forgets all that was learned, as after a repair that makes the machine another one.
    pub fn relearn(&mut self) {
        *self = Self { settings: self.settings, last: self.last.take(), ..Self::default() };
    }

    /// What comes next isn't compared with the course of what came before, as after a long gap. What
    /// was learned stays.
    pub fn interrupt(&mut self) {
        self.baseline.interrupt();
    }

    /// Whether it was read as it can have been written; otherwise it must be learned again.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.baseline.is_sound()
    }

    /// Takes a sample; `None`: it has no usable value. What isn't later than the one before changes
    /// nothing: at the same time it gets the same answer, if it is older none.
    pub fn step(&mut self, at: Timestamp, value: Option<f64>) -> Verdict {
        if let Some(last) = &self.last
            && at <= last.at
        {
            return if at == last.at { last.verdict } else { Verdict::default() };
        }
        let (verdict, beyond, seen) = match value.filter(|value| value.is_finite()) {
            Some(value) => self.judge(at, value.clamp(-VALUE_MAX, VALUE_MAX)),
            None => NOTHING,
        };
        let mut kept = self.last.take().map(|last| last.seen).unwrap_or_default();
        kept.clear();
        kept.extend(seen);
        self.last = Some(Last { at, verdict, beyond, seen: kept });
        verdict
    }

    fn judge(&mut self, at: Timestamp, value: f64) -> Judged {
        let value = match self.counter.push(value) {
            Looked::Value(value) | Looked::Rise(value) => value,
            Looked::Wrapped => return NOTHING,
            Looked::Changed => {
                self.baseline = Baseline::default();
                return NOTHING;
            }
        };
        let mut settings = self.settings.at_pace(self.baseline.interval_us());
        if !self.baseline.spans(at, &self.settings) {
            settings.warm_up = f64::INFINITY;
        }
        let watches = self.baseline.learned() > settings.warm_up;
        self.run.push(value, !watches);
        let mut seen = self.baseline.look(at, value, &settings);
        if settings.stuck && watches {
            self.look_at_run(value, &mut seen[Aspect::Spread as usize]);
        }
        let (verdict, beyond) = self.decide(&seen, settings.due);
        (verdict, beyond, seen)
    }

    /// A run of the same value that is too long. What a counter counts may well be nothing for long.
    fn look_at_run(&self, value: f64, seen: &mut Seen) {
        let (run, ratio) = (self.run, self.run.ratio());
        if ratio >= 1.0 && run.varies(self.baseline.learned()) && !self.counter.counts() {
            let (expected, spread) = (f64::from(run.normal()), f64::from(run.length));
            *seen = Seen { surprise: SURPRISE_MAX, observed: value, expected, spread };
        }
    }

    fn decide(&mut self, seen: &[Seen; 6], due: f64) -> (Verdict, bool) {
        let (mut most, mut excess) = (0.0_f64, 0.0_f64);
        for (seen, _) in
            seen.iter().zip(self.settings.aspects).filter(|(_, takes_part)| *takes_part)
        {
            let surprise = seen.surprise.min(SURPRISE_MAX);
            most = most.max(surprise);
            excess += (surprise - USUAL).max(0.0);
        }
        // The most surprising aspect counts in full, of the others what is beyond the usual.
        let others = excess - (most - USUAL).max(0.0);
        let evidence = most + self.settings.agreement * others;
        let score = score(evidence, due);
        let beyond = score >= ALARM_SCORE;
        if self.rest > 0 {
            self.rest -= 1;
            return (Verdict { score: score * ALARM_SCORE, alarm: false }, beyond);
        }
        if beyond {
            self.rest = self.settings.rest;
        }
        (Verdict { score, alarm: beyond }, beyond)
    }

    /// Why the newest sample got its score.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let Some(last) = &self.last else { return Explanation::default() };
        let sum: f64 = last.seen.iter().map(|seen| seen.surprise.min(SURPRISE_MAX)).sum();
        let mut findings: Vec<_> = Aspect::ALL
            .iter()
            .zip(&last.seen)
            .filter(|(_, seen)| seen.surprise > 0.0)
            .map(|(aspect, seen)| finding(*aspect, seen, sum))
            .collect();
        findings.sort_by(|a, b| b.share.total_cmp(&a.share));
        Explanation { findings }
    }
}

fn finding(aspect: Aspect, seen: &Seen, sum: f64) -> Finding {
    let &Seen { surprise, observed, expected, spread } = seen;
    let compared = compared(observed, expected, spread);
    let text = match aspect {
        Aspect::Level => format!("level: the mean of the last 24 samples is {compared}"),
        Aspect::Range => {
            let (side, limit) =
                if observed > expected { ("highest", expected) } else { ("lowest", expected) };
            format!("range: {} is beyond the {side} seen so far, {}", short(observed), short(limit))
        }
        Aspect::Season => {
            format!(
                "season: {} at an hour and weekday when usual is {} ± {}",
                short(observed),
                short(expected),
                short(spread)
            )
        }
        Aspect::Jump => format!(
            "jump: the mean of the last 3 samples is {}, {} in the 3 before",
            short(observed),
            short(expected)
        ),
        Aspect::Spread if spread > 0.0 => {
            format!(
                "spread: it has said {} for {spread} samples, usual are {expected} at the most",
                short(observed)
            )
        }
        Aspect::Spread => {
            format!(
                "spread: the last 48 samples vary by {} where {} is usual",
                short(observed),
                short(expected)
            )
        }
        Aspect::Shape => format!(
            "shape: the course of the last 48 samples is {} σ from the nearest one known, usual is {}",
            short(observed),
            short(expected)
        ),
    };
    Finding {
        aspect: aspect.as_str().to_owned(),
        share: surprise.min(SURPRISE_MAX) / sum,
        observed,
        expected,
        spread,
        text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_wrap)]
mod tests;
