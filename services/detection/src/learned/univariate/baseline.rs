//! What was learned of a signal, and how a value is judged by it.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::moments::Moments;
use super::super::packed::{self, packed_fields};
use super::super::season::Season;
use super::super::shape::{self, Shapes};
use super::super::tail::{Learning, Tail};
use super::super::window::Window;
use super::{Aspect, Seen, Settings};

/// Samples of the mean that is the level.
const LEVEL: usize = 24;
/// Samples of each side of a jump.
const JUMP: usize = 3;
/// Samples of the spread.
const SPREAD: usize = 48;
/// Samples that an hour must have been seen before it is judged by.
const HOUR_LEAST: f64 = 6.0;
/// Shapes that must be known before a new one is judged.
const SHAPES_LEAST: usize = 8;
/// Weight of the newest difference in the season's means: about a dozen count.
const SEASON_SHARE: f64 = 0.2;
/// A difference from the season counts as this many standard deviations at most.
const SEASON_MAX: f64 = 30.0;
const DAY_US: i64 = 86_400_000_000;

/// What is learned of a signal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    first: Option<Timestamp>,
    latest: Option<Timestamp>,
    interval: Moments,
    value: Moments,
    spread: Moments,
    off_season: Moments,
    lowest: f64,
    highest: f64,
    window: Window,
    /// Differences from the season, in standard deviations; a mean of the mean, so that one
    /// sample alone weighs little.
    season_difference: [f64; 2],
    season: Season,
    shapes: Shapes,
    #[serde(with = "packed")]
    tails: Vec<Tail>,
}

packed_fields!(Baseline {
    first,
    latest,
    interval,
    value,
    spread,
    off_season,
    lowest,
    highest,
    window,
    season_difference,
    season,
    shapes,
    tails,
});

impl Baseline {
    /// The samples that were learned from.
    pub(super) const fn learned(&self) -> f64 {
        self.value.n
    }

    /// The time of the first sample.
    pub(super) const fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// Whether the time has passed that is to be seen before anything is said.
    pub(super) fn spans(&self, at: Timestamp, settings: &Settings) -> bool {
        let span_us = self.first.map(|first| at.micros_since(first));
        settings.span_us == 0 || span_us.is_some_and(|span_us| span_us >= settings.span_us)
    }

    /// The usual time between two samples, in microseconds; 0: not known yet.
    pub(super) fn interval_us(&self) -> f64 {
        if self.interval.n > 20.0 { self.interval.mean } else { 0.0 }
    }

    /// Whether it was read as it can have been written.
    pub(super) fn is_sound(&self) -> bool {
        self.window.is_sound()
            && self.season.is_sound()
            && self.shapes.is_sound()
            && [0, Aspect::ALL.len()].contains(&self.tails.len())
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        let tails = self.tails.capacity() * size_of::<Tail>();
        self.window.heap() + self.season.heap() + self.shapes.heap() + tails
    }

    /// Judges a value by what was learned, then learns it.
    pub(super) fn look(&mut self, at: Timestamp, value: f64, settings: &Settings) -> [Seen; 6] {
        self.pass(at, settings);
        self.tails.resize(Aspect::ALL.len(), Tail::default());
        let known = self.value;
        let deviation = known.deviation().max(1e-12 * (known.mean.abs() + 1.0));
        self.window.push(value);
        let mut distances = [None; 6];
        let mut seen = [Seen::default(); 6];
        let mut set = |aspect: Aspect, distance: f64, observed: f64, expected: f64, spread: f64| {
            distances[aspect as usize] = Some(distance);
            seen[aspect as usize] = Seen { surprise: 0.0, observed, expected, spread };
        };

        if let Some(mean) = self.window.mean(LEVEL, 0) {
            set(Aspect::Level, (mean - known.mean).abs(), mean, known.mean, deviation);
        }
        if let (Some(now), Some(before)) = (self.window.mean(JUMP, 0), self.window.mean(JUMP, JUMP))
        {
            set(Aspect::Jump, (now - before).abs(), now, before, deviation);
        }
        if let Some(spread) = self.window.deviation(SPREAD) {
            let logarithm = (spread + 0.02 * deviation).ln();
            if self.spread.n > 20.0 {
                let usual = self.spread.mean;
                set(Aspect::Spread, (logarithm - usual).abs(), spread, usual.exp(), 0.0);
            }
            self.spread.push(logarithm, settings.memory);
        }
        self.look_at_season(at, value, settings, &mut set);
        if self.window.len() == SPREAD && known.n > 50.0 {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            if (known.n as u64).is_multiple_of(shape::STEP as u64) {
                self.shapes.look(&self.window, known.mean, deviation);
            }
            if let Some(distance) = self.shapes.distance(SHAPES_LEAST) {
                set(Aspect::Shape, distance, distance, 0.0, 0.0);
            }
        }
        for aspect in Aspect::ALL {
            if let Some(distance) = distances[aspect as usize] {
                let learning = Learning {
                    warm_up: settings.warm_up,
                    memory: settings.memory,
                    overlap: aspect.overlap(),
                    caution: settings.caution,
                    least: aspect.least(deviation),
                };
                seen[aspect as usize].surprise =
                    self.tails[aspect as usize].push(distance, learning);
            }
        }
        // What is far out is learned as six standard deviations, unless it was seen before.
        let learned = if known.n > 50.0 {
            let low = self.lowest.min(known.mean - 6.0 * deviation);
            value.clamp(low, self.highest.max(known.mean + 6.0 * deviation))
        } else {
            value
        };
        seen[Aspect::Range as usize] = self.look_at_range(value, settings);
        self.value.push(learned, settings.memory);
        seen
    }

    /// The remembered course ends.
    pub(super) fn interrupt(&mut self) {
        (self.window, self.latest) = (Window::default(), None);
    }

    /// Time passes: the rhythm is learned, and a long gap ends the remembered course.
    fn pass(&mut self, at: Timestamp, settings: &Settings) {
        self.first.get_or_insert(at);
        let Some(latest) = self.latest.replace(at) else { return };
        #[allow(clippy::cast_precision_loss, reason = "an interval needn't be exact")]
        let interval = at.micros_since(latest) as f64;
        let known = self.interval;
        if known.n > 20.0 && interval > settings.gap * known.mean {
            self.window = Window::default();
            return;
        }
        self.interval.push(interval, settings.memory);
    }

    fn look_at_season(
        &mut self,
        at: Timestamp,
        value: f64,
        settings: &Settings,
        set: &mut impl FnMut(Aspect, f64, f64, f64, f64),
    ) {
        let a_day_old = self.first.is_some_and(|first| at.micros_since(first) > DAY_US);
        match self.season.usual(at, HOUR_LEAST).filter(|_| a_day_old) {
            Some(usual) => {
                let difference = value - usual.value;
                let spread = 0.7 * usual.deviation + 0.3 * self.off_season.deviation() + 1e-9;
                self.off_season.push(difference, settings.memory);
                let scaled = (difference / spread).clamp(-SEASON_MAX, SEASON_MAX);
                let [once, twice] = &mut self.season_difference;
                *once += SEASON_SHARE * (scaled - *once);
                *twice += SEASON_SHARE * (*once - *twice);
                set(Aspect::Season, twice.abs(), value, usual.value, usual.deviation);
            }
            None => self.off_season.push(value - self.value.mean, settings.memory),
        }
        self.season.push(at, value, settings.memory);
    }

    /// A value beyond all seen so far by more than a twentieth of the range is surprising.
    fn look_at_range(&mut self, value: f64, settings: &Settings) -> Seen {
        let mut seen = Seen { observed: value, expected: value, ..Seen::default() };
        if self.value.n == 0.0 {
            (self.lowest, self.highest) = (value, value);
            return seen;
        }
        let range = (self.highest - self.lowest).max(1e-9 * (self.highest.abs() + 1e-3));
        let (limit, over) = if value > self.highest {
            (self.highest, value - self.highest)
        } else {
            (self.lowest, self.lowest - value)
        };
        let over = over / range;
        if over > 0.05 && self.value.n >= settings.warm_up {
            seen.surprise = 2.0 + 4.0 * over;
            (seen.expected, seen.spread) = (limit, range);
        }
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        seen
    }
}
