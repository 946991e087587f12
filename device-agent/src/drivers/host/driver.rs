//! The host driver: measures every interval, in a blocking thread.

use std::time::Duration;

use async_trait::async_trait;
use millwright_schemas::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::config::HostConfig;
use super::os::{Computer, Snapshot};
use super::signals::Selection;
use crate::driver::{Driver, DriverError, Reading, Sample};
use crate::drivers::check::wrong;
use crate::drivers::clock::{self, SampleClock};
use crate::drivers::worker::Worker;

/// Measures the computer that the agent runs on. Keeps no checkpoint.
pub struct HostDriver {
    name: String,
    every: Duration,
    /// Made at the first call: it needs the runtime.
    ticks: Option<Interval>,
    /// A tick has come and its measurement isn't delivered yet.
    due: bool,
    computer: Worker<Computer, (Timestamp, Snapshot)>,
    selection: Selection,
    clock: SampleClock,
}

impl HostDriver {
    /// Opens what the operating system offers.
    ///
    /// # Errors
    /// [`DriverError::Configuration`] when this system can't be measured.
    pub fn new(config: HostConfig) -> Result<Self, DriverError> {
        let computer = Computer::new()
            .map_err(|error| wrong(&config.name, format!("this computer: {error}")))?;
        Ok(Self {
            every: Duration::from_millis(config.interval_ms),
            ticks: None,
            due: false,
            computer: Worker::new(computer),
            selection: Selection::new(&config),
            clock: SampleClock::default(),
            name: config.name,
        })
    }
}

#[async_trait]
impl Driver for HostDriver {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next(&mut self) -> Result<Option<Reading>, DriverError> {
        if !self.due {
            let ticks = self.ticks.get_or_insert_with(|| {
                let mut ticks = interval(self.every);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                ticks
            });
            ticks.tick().await;
            self.due = true;
        }
        let measured = self.computer.run(|computer| (clock::now(), computer.measure())).await;
        let (at, snapshot) = measured.map_err(|error| DriverError::Read {
            driver: self.name.clone(),
            reason: error.to_string(),
        })?;
        self.due = false;
        let values = self.selection.values(&snapshot);
        let sample = Sample { ts: self.clock.stamp(at), values };
        Ok(Some(Reading { samples: vec![sample], faults: Vec::new(), checkpoint: None }))
    }
}
