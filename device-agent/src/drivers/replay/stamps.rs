//! Which time a row or fault of a recording carries.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::config::TimeMode;

/// Between two samples that would have the same time.
const STEP_US: i64 = 1_000;

/// What has to be remembered over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct StampState {
    /// When the replay began, and the recorded time that is that moment; only for `now`.
    start: Option<(Timestamp, Timestamp)>,
    /// The time of the last sample.
    last: Option<Timestamp>,
}

/// Turns recorded times into times of samples and faults.
#[derive(Debug, Clone)]
pub(super) struct Stamps {
    mode: TimeMode,
    speed: f64,
    state: StampState,
}

impl Stamps {
    pub(super) fn new(mode: TimeMode, speed: f64) -> Self {
        Self { mode, speed, state: StampState::default() }
    }

    pub(super) const fn state(&self) -> StampState {
        self.state
    }

    pub(super) const fn restore(&mut self, state: StampState) {
        self.state = state;
    }

    /// The time of a fault. `now` counts only the first time: it is when the replay begins.
    pub(super) fn fault(&mut self, recorded: Timestamp, now: Timestamp) -> Timestamp {
        match self.mode {
            TimeMode::Original => recorded,
            TimeMode::Now => {
                let (start, first) = *self.state.start.get_or_insert((now, recorded));
                start.plus_micros(scaled(recorded.micros_since(first), self.speed))
            }
        }
    }

    /// The time of a sample: strictly later than that of the sample before.
    pub(super) fn sample(&mut self, recorded: Timestamp, now: Timestamp) -> Timestamp {
        let wanted = self.fault(recorded, now);
        let stamp = match self.state.last {
            Some(last) if wanted <= last => last.plus_micros(STEP_US),
            _ => wanted,
        };
        self.state.last = Some(stamp);
        stamp
    }
}

/// Recorded microseconds as microseconds of the replay.
pub(super) fn scaled(us: i64, speed: f64) -> i64 {
    #[allow(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let scaled = us as f64 / speed;
    // At speed 1 without the detour, so that no microsecond is lost.
    #[allow(clippy::cast_possible_truncation, reason = "a cast saturates")]
    if (speed - 1.0).abs() < f64::EPSILON { us } else { scaled as i64 }
}
