//! The daily and weekly course of a signal: what is usual at this hour, and on this weekday.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::packed;

const HOURS: usize = 24;
const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// Parts of a day for which each weekday has its own offset.
const PARTS: usize = 8;

/// What is usual by hour (UTC), and how weekdays differ from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    /// Per hour: samples, mean, variance.
    #[serde(with = "packed")]
    hours: Vec<f64>,
    /// Per weekday and part of the day: samples, mean of what the hour doesn't explain.
    #[serde(with = "packed")]
    week: Vec<f64>,
}

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
        Self { hours: vec![0.0; HOURS * 3], week: vec![0.0; 7 * PARTS * 2] }
    }
}

impl Season {
    /// Whether it was read as it can have been written.
    pub(super) fn is_sound(&self) -> bool {
        self.hours.len() == HOURS * 3 && self.week.len() == 7 * PARTS * 2
    }

    /// What is usual at this time; `None`: this hour is hardly known yet.
    pub(super) fn usual(&self, at: Timestamp, least: f64) -> Option<Usual> {
        let (hour, part) = slots(at);
        let &[n, mean, variance] = &self.hours[hour * 3..hour * 3 + 3] else { return None };
        if n < least {
            return None;
        }
        let &[days, offset] = &self.week[part * 2..part * 2 + 2] else { return None };
        // A weekday that was seen little says little: its offset is drawn towards none.
        let trust = days / (days + n / 7.0 + 1.0);
        Some(Usual { value: mean + trust * offset, deviation: variance.max(0.0).sqrt() })
    }

    /// Learns a value.
    pub(super) fn push(&mut self, at: Timestamp, value: f64, memory: f64) {
        let (hour, part) = slots(at);
        if let [days, offset] = &mut self.week[part * 2..part * 2 + 2] {
            let known = self.hours[hour * 3] > 0.0;
            if known {
                *days += 1.0;
                let share = (1.0 / *days).max(1.0 / memory);
                *offset += share * (value - self.hours[hour * 3 + 1] - *offset);
            }
        }
        if let [n, mean, variance] = &mut self.hours[hour * 3..hour * 3 + 3] {
            *n += 1.0;
            let share = (1.0 / *n).max(1.0 / memory);
            let delta = value - *mean;
            *mean += share * delta;
            *variance += share * (delta * delta * (1.0 - share) - *variance);
        }
    }
}

/// The hour's number, and that of the weekday's part.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn slots(at: Timestamp) -> (usize, usize) {
    let day = at.micros().div_euclid(DAY_US);
    let hour = (at.micros().rem_euclid(DAY_US) / HOUR_US) as usize;
    let weekday = day.rem_euclid(7) as usize;
    (hour, weekday * PARTS + hour * PARTS / HOURS)
}
