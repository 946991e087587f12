//! Configuration of the simulator.

use serde::{Deserialize, Serialize};

use super::plant::Model;
use crate::driver::DriverError;
use crate::drivers::check::{range, wrong};
use crate::drivers::limits::{
    SIMULATOR_INTERVAL_MS, SIMULATOR_TIME_TO_FAULT_S, SIMULATOR_WEAR_PER_HOUR,
};

/// Wear per hour of a machine that is asked for nothing else: a fault after some 20 days.
const DEFAULT_WEAR_PER_HOUR: f64 = 0.002;

/// `kind = "simulator"`: a machine that exists only here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatorConfig {
    /// The driver's name, 1 to 64 bytes. Default: `simulator`.
    #[serde(default = "default_name")]
    pub name: String,
    /// `cnc_mill`, `compressor` or `elevator`.
    pub model: Model,
    /// Makes a machine's behaviour repeatable; give each machine its own. Default: 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Milliseconds between two measurements, 100 to 60,000. Default: 1,000.
    #[serde(default = "default_interval_ms")]
    pub interval_ms: u64,
    /// Wear per hour of running at full speed, as a share of the machine's life, 0 to 360; at 1
    /// the fault comes. Default: 0.002, unless `time_to_fault_s` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear_per_hour: Option<f64>,
    /// Instead of `wear_per_hour`: a new machine at full speed has its fault after at most this
    /// many seconds, 10 to 31,536,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_fault_s: Option<f64>,
}

fn default_name() -> String {
    "simulator".to_owned()
}

const fn default_seed() -> u64 {
    1
}

const fn default_interval_ms() -> u64 {
    1_000
}

impl SimulatorConfig {
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        let name = &self.name;
        range(name, "interval_ms", self.interval_ms, &SIMULATOR_INTERVAL_MS)?;
        if let Some(wear) = self.wear_per_hour {
            range(name, "wear_per_hour", wear, &SIMULATOR_WEAR_PER_HOUR)?;
        }
        if let Some(time) = self.time_to_fault_s {
            range(name, "time_to_fault_s", time, &SIMULATOR_TIME_TO_FAULT_S)?;
            if let Some(wear) = self.wear_per_hour {
                return Err(wrong(
                    name,
                    format!("wear_per_hour = {wear} and time_to_fault_s = {time}: give only one"),
                ));
            }
        }
        Ok(())
    }

    /// Wear per second of running at full speed.
    pub(crate) fn wear_per_s(&self) -> f64 {
        self.time_to_fault_s.map_or_else(
            || self.wear_per_hour.unwrap_or(DEFAULT_WEAR_PER_HOUR) / 3_600.0,
            |time| 1.0 / time,
        )
    }
}
