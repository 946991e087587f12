//! The simulator's shell: waits, lets the machine live on, stamps what it shows.

use std::time::Duration;

use async_trait::async_trait;
use millwright_schemas::{Quality, SignalName, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::Interval;

use super::config::SimulatorConfig;
use super::machine::{Change, Machine, Step};
use super::operations;
use super::simulation::Simulation;
use crate::driver::{Driver, DriverError, FaultChange, OperateError, Reading, Sample};
use crate::drivers::SET_SAMPLING;
use crate::drivers::check::wrong;
use crate::drivers::clock::{self, SampleClock};
use crate::drivers::limits::SIMULATOR_INTERVAL_MS;
use crate::drivers::sampling::{self, sampling_interval_ms};

/// Drives a simulated machine.
pub struct SimulatorDriver {
    name: String,
    every: Duration,
    /// Made at the first call: it needs the runtime.
    ticks: Option<Interval>,
    simulation: Simulation,
    /// Of a machine of another model that was here before.
    leftover: Option<Change>,
    clock: SampleClock,
}

impl SimulatorDriver {
    /// A new machine, or the one of the checkpoint with its wear, counters and fault. The rate
    /// of wear is the configuration's; so is the model: for another one a new machine begins,
    /// and the old one's fault is cleared.
    ///
    /// # Errors
    /// [`DriverError::Configuration`] for a checkpoint that can't be read.
    pub fn new(config: &SimulatorConfig, checkpoint: Option<&[u8]>) -> Result<Self, DriverError> {
        let fresh = || Simulation::new(config.model, config.seed, config.wear_per_s());
        let mut leftover = None;
        let simulation = match checkpoint.map(serde_json::from_slice::<Simulation>) {
            None => fresh(),
            Some(Ok(mut saved)) if saved.machine.model() == config.model => {
                saved.machine.set_wear_per_s(config.wear_per_s());
                saved
            }
            Some(Ok(other)) => {
                tracing::warn!(driver = config.name, "another model than before: a new machine");
                leftover = other
                    .machine
                    .has_reported_fault()
                    .then(|| Change::Cleared(other.machine.fault_cleared()));
                fresh()
            }
            Some(Err(error)) => {
                return Err(wrong(&config.name, format!("its checkpoint can't be read: {error}")));
            }
        };
        Ok(Self {
            name: config.name.clone(),
            every: Duration::from_millis(config.interval_ms),
            ticks: None,
            simulation,
            leftover,
            clock: SampleClock::default(),
        })
    }

    /// The machine, for commands. What they change shows from the next reading on.
    pub const fn machine_mut(&mut self) -> &mut Machine {
        &mut self.simulation.machine
    }

    fn reading(&mut self) -> Result<Reading, DriverError> {
        let step = self.simulation.advance(self.every.as_secs_f64());
        let checkpoint = serde_json::to_vec(&self.simulation).map_err(|error| {
            DriverError::Read { driver: self.name.clone(), reason: format!("checkpoint: {error}") }
        })?;
        let ts = self.clock.stamp(clock::now());
        let (sample, mut faults) = stamped(step, ts);
        if let Some(change) = self.leftover.take() {
            faults.insert(0, fault_change(change, ts));
        }
        Ok(Reading { samples: vec![sample], faults, checkpoint: Some(checkpoint) })
    }
}

fn stamped(step: Step, ts: Timestamp) -> (Sample, Vec<FaultChange>) {
    let values = step
        .values
        .into_iter()
        // The names are constants that a test checks; none is lost here.
        .filter_map(|(name, value)| Some((name.parse::<SignalName>().ok()?, value, Quality::Good)))
        .collect();
    let faults = step.changes.into_iter().map(|change| fault_change(change, ts)).collect();
    (Sample { ts, values }, faults)
}

fn fault_change(change: Change, ts: Timestamp) -> FaultChange {
    match change {
        Change::Raised(fault) => FaultChange::Raised(ts, fault),
        Change::Cleared(fault) => FaultChange::Cleared(ts, fault),
    }
}

#[async_trait]
impl Driver for SimulatorDriver {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next(&mut self) -> Result<Option<Reading>, DriverError> {
        self.ticks.get_or_insert_with(|| sampling::ticks(self.every)).tick().await;
        // No wait from here on, so that a dropped future never holds a step of the machine.
        self.reading().map(Some)
    }

    async fn operate(
        &mut self,
        name: &str,
        args: &Map<String, Value>,
    ) -> Result<Value, OperateError> {
        if name == SET_SAMPLING {
            let interval_ms = sampling_interval_ms(args, &SIMULATOR_INTERVAL_MS)?;
            self.every = Duration::from_millis(interval_ms);
            self.ticks = Some(sampling::ticks_after(self.every));
            return Ok(json!({ "interval_ms": interval_ms }));
        }
        operations::operate(&self.name, &mut self.simulation.machine, name, args)
    }
}
