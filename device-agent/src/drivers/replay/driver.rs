//! The replay's shell: reads ahead in a blocking thread, waits until a reading is due.

use std::time::Duration;

use async_trait::async_trait;
use millwright_schemas::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::config::{ReplayConfig, TimeMode};
use super::position::ReplayPosition;
use super::recording::Recording;
use super::stamps::scaled;
use crate::driver::{Driver, DriverError, Reading};
use crate::drivers::check::wrong;
use crate::drivers::clock;
use crate::drivers::worker::Worker;

/// Longest wait that is computed with: beyond it, timers overflow.
const WAIT_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Replays a recording; ends with `None`.
pub struct ReplayDriver {
    name: String,
    time: TimeMode,
    speed: f64,
    recording: Worker<Recording, Result<Option<Batch>, String>>,
    /// Read, but not due yet, and when it is.
    ready: Option<(Batch, Instant)>,
    /// The moment that replayed time is counted from, and the time it stands for.
    anchor: Option<(Instant, Timestamp)>,
}

impl ReplayDriver {
    /// Opens the files and goes to the checkpoint.
    ///
    /// # Errors
    /// [`DriverError::Configuration`] for a file that is missing, lacks a column or is shorter
    /// than what was read of it, and for a checkpoint that can't be read.
    pub fn new(config: &ReplayConfig, checkpoint: Option<&[u8]>) -> Result<Self, DriverError> {
        let because = |reason| wrong(&config.name, reason);
        let mut recording = Recording::open(config).map_err(because)?;
        if let Some(checkpoint) = checkpoint {
            let position: ReplayPosition = serde_json::from_slice(checkpoint)
                .map_err(|error| because(format!("its checkpoint can't be read: {error}")))?;
            recording.go_to(position).map_err(because)?;
        }
        Ok(Self {
            name: config.name.clone(),
            time: config.time,
            speed: config.speed,
            recording: Worker::new(recording),
            ready: None,
            anchor: None,
        })
    }

    fn failed(&self, reason: String) -> DriverError {
        DriverError::Read { driver: self.name.clone(), reason }
    }

    /// When a batch is due. Original times count from the first reading after a start; those of
    /// `now` are times of the clock on the wall.
    fn due(&mut self, batch: &Batch) -> Instant {
        let now = Instant::now();
        let (Some((first, last)), Some(stamped)) = (batch.recorded, batch.stamped) else {
            return now;
        };
        if self.speed == 0.0 {
            return now;
        }
        let wait_us = |us: i64| Duration::from_micros(us.max(0).unsigned_abs()).min(WAIT_MAX);
        match self.time {
            TimeMode::Original => {
                let (start, zero) = *self.anchor.get_or_insert((now, first));
                start + wait_us(scaled(last.micros_since(zero), self.speed))
            }
            TimeMode::Now => now + wait_us(stamped.micros_since(clock::now())),
        }
    }
}

#[async_trait]
impl Driver for ReplayDriver {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next(&mut self) -> Result<Option<Reading>, DriverError> {
        if self.ready.is_none() {
            let collected = self.recording.run(|recording| recording.collect(clock::now())).await;
            let batch = collected.map_err(|error| self.failed(error.to_string()))?;
            let Some(batch) = batch.map_err(|reason| self.failed(reason))? else {
                return Ok(None);
            };
            let due = self.due(&batch);
            self.ready = Some((batch, due));
        }
        if let Some((_, due)) = &self.ready {
            sleep_until(*due).await;
        }
        Ok(self.ready.take().map(|(batch, _)| batch.reading))
    }
}
