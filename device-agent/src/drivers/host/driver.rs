//! The host driver: measures every interval, in a blocking thread.

use std::time::Duration;

use async_trait::async_trait;
use millwright_schemas::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::Interval;

use super::config::HostConfig;
use super::os::{Computer, Snapshot};
use super::signals::Selection;
use crate::driver::{Driver, DriverError, OperateError, Reading, Sample};
use crate::drivers::SET_SAMPLING;
use crate::drivers::check::wrong;
use crate::drivers::clock::{self, SampleClock};
use crate::drivers::limits::HOST_INTERVAL_MS;
use crate::drivers::sampling::{self, sampling_interval_ms};
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
            self.ticks.get_or_insert_with(|| sampling::ticks(self.every)).tick().await;
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

    async fn operate(
        &mut self,
        name: &str,
        args: &Map<String, Value>,
    ) -> Result<Value, OperateError> {
        if name != SET_SAMPLING {
            let (driver, operation) = (self.name.clone(), name.to_owned());
            return Err(OperateError::Unknown { driver, operation });
        }
        let interval_ms = sampling_interval_ms(args, &HOST_INTERVAL_MS)?;
        self.every = Duration::from_millis(interval_ms);
        self.ticks = Some(sampling::ticks_after(self.every));
        Ok(json!({ "interval_ms": interval_ms }))
    }
}
