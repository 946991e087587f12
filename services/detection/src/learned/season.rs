//! The daily and weekly course of a signal: what is usual at this hour, and on this weekday.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::packed::{self, packed_fields};

const HOURS: usize = 24;
const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// Parts of a day for which each weekday has its own offset.
const PARTS: usize = 4;

/// What is usual by hour (UTC), and how weekdays differ from it. By hour and by weekday's part: how
/// often it was seen, and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Season {
    #[serde(with = "packed")]
    hour_seen: Vec<f32>,
    #[serde(with = "packed")]
    hour_mean: Vec<f64>,
    #[serde(with = "packed")]
    hour_deviation: Vec<f32>,
    #[serde(with = "packed")]
    part_seen: Vec<f32>,
    /// What the hour doesn't explain.
    #[serde(with = "packed")]
    part_offset: Vec<f32>,
}

packed_fields!(Season { hour_seen, hour_mean, hour_deviation, part_seen, part_offset });

/// What is usual now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    /// The value.
    pub(super) value: f64,
    /// Its standard deviation.
    pub(super) deviation: f64,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            hour_seen: vec![0.0; HOURS],
            hour_mean: vec![0.0; HOURS],
            hour_deviation: vec![0.0; HOURS],
            part_seen: vec![0.0; 7 * PARTS],
            part_offset: vec![0.0; 7 * PARTS],
        }
    }
}

impl Season {
    /// Whether it was read as it can have been written.
    pub(super) fn is_sound(&self) -> bool {
        [self.hour_seen.len(), self.hour_mean.len(), self.hour_deviation.len()] == [HOURS; 3]
            && [self.part_seen.len(), self.part_offset.len()] == [7 * PARTS; 2]
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        HOURS * (4 + 8 + 4) + 7 * PARTS * (4 + 4)
    }

    /// What is usual at this time; `None`: this hour is hardly known yet.
    pub(super) fn usual(&self, at: Timestamp, least: f64) -> Option<Usual> {
        let (hour, part) = slots(at);
        let (n, days) = (f64::from(self.hour_seen[hour]), f64::from(self.part_seen[part]));
        if n < least {
            return None;
        }
        let deviation = f64::from(self.hour_deviation[hour]);
        // A weekday that was seen little says little: its offset is drawn towards none.
        let trust = days / (days + n / 7.0 + 1.0);
        let value = self.hour_mean[hour] + trust * f64::from(self.part_offset[part]);
        Some(Usual { value, deviation })
    }

    /// Learns a value.
    pub(super) fn push(&mut self, at: Timestamp, value: f64, memory: f64) {
        let (hour, part) = slots(at);
        let deviation = f64::from(self.hour_deviation[hour]);
        let delta = value - self.hour_mean[hour];
        if self.hour_seen[hour] > 0.0 {
            self.part_seen[part] += 1.0;
            let share = (1.0 / f64::from(self.part_seen[part])).max(1.0 / memory);
            let offset = f64::from(self.part_offset[part]);
            self.part_offset[part] = single(offset + share * (delta - offset));
        }
        self.hour_seen[hour] += 1.0;
        let share = (1.0 / f64::from(self.hour_seen[hour])).max(1.0 / memory);
        self.hour_mean[hour] += share * delta;
        let variance = deviation * deviation;
        let variance = variance + share * (delta * delta * (1.0 - share) - variance);
        self.hour_deviation[hour] = single(variance.max(0.0).sqrt());
    }
}

/// With fewer digits, which suffice for differences.
#[allow(clippy::cast_possible_truncation, reason = "it is what is wanted")]
fn single(number: f64) -> f32 {
    number.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// The hour's number, and that of the weekday's part.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn slots(at: Timestamp) -> (usize, usize) {
    let day = at.micros().div_euclid(DAY_US);
    let hour = (at.micros().rem_euclid(DAY_US) / HOUR_US) as usize;
    let weekday = day.rem_euclid(7) as usize;
    (hour, weekday * PARTS + hour * PARTS / HOURS)
}
