//! `[[drivers]]` of the agent's configuration, and a driver made from it.

use std::ops::RangeInclusive;

use millwright_schemas::wire::command::CatalogueEntry;
use serde::{Deserialize, Serialize};

use super::check;
use super::host::{self, HostConfig, HostDriver};
use super::limits::{HOST_INTERVAL_MS, SIMULATOR_INTERVAL_MS};
use super::replay::{ReplayConfig, ReplayDriver};
use super::simulator::{self, SimulatorConfig, SimulatorDriver};
use crate::driver::{Driver, DriverError};

/// A driver, chosen by `kind`: `host`, `simulator` or `replay`.
///
/// Unknown keys are refused by the inner types: on an internally tagged enum serde does not
/// look for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "an agent has a handful of them")]
pub enum DriverConfig {
    /// The computer that the agent runs on.
    Host(HostConfig),
    /// A simulated machine that wears and breaks down.
    Simulator(SimulatorConfig),
    /// A recording in CSV files.
    Replay(ReplayConfig),
}

impl DriverConfig {
    /// The driver's name; several drivers of an agent need different ones.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Host(config) => &config.name,
            Self::Simulator(config) => &config.name,
            Self::Replay(config) => &config.name,
        }
    }

    /// What can be done to the machine behind the driver. The same name means the same in all
    /// drivers.
    #[must_use]
    pub fn commands(&self) -> Vec<CatalogueEntry> {
        match self {
            Self::Simulator(config) => simulator::commands(config.model),
            Self::Host(_) | Self::Replay(_) => Vec::new(),
        }
    }

    /// Whether it knows units at all.
    #[must_use]
    pub const fn knows_units(&self) -> bool {
        !matches!(self, Self::Replay(_))
    }

    /// The unit of one of its signals, where it is known.
    #[must_use]
    pub fn unit(&self, signal: &str) -> Option<&'static str> {
        match self {
            Self::Host(_) => host::unit(signal),
            Self::Simulator(config) => simulator::unit(config.model, signal),
            Self::Replay(_) => None,
        }
    }

    /// How often it may measure, in milliseconds. `None`: a recording has its own times.
    #[must_use]
    pub const fn sampling_ms(&self) -> Option<RangeInclusive<u64>> {
        match self {
            Self::Host(_) => Some(HOST_INTERVAL_MS),
            Self::Simulator(_) => Some(SIMULATOR_INTERVAL_MS),
            Self::Replay(_) => None,
        }
    }

    /// Checks all values, without touching files or the operating system.
    ///
    /// # Errors
    /// The first value that breaks a rule, with the rule.
    pub fn check(&self) -> Result<(), DriverError> {
        check::name(self.name())?;
        match self {
            Self::Host(config) => config.check(),
            Self::Simulator(config) => config.check(),
            Self::Replay(config) => config.check(),
        }
    }
}

/// Makes a driver that goes on from `checkpoint`, or starts anew without one.
///
/// # Errors
/// A value that breaks a rule, a checkpoint that can't be read, or a file of a replay that is
/// missing or lacks a column.
#[allow(clippy::needless_pass_by_value, reason = "a checkpoint is for one driver only")]
pub fn create(
    config: &DriverConfig,
    checkpoint: Option<Vec<u8>>,
) -> Result<Box<dyn Driver>, DriverError> {
    config.check()?;
    Ok(match config {
        DriverConfig::Host(config) => Box::new(HostDriver::new(config.clone())?),
        DriverConfig::Simulator(config) => {
            Box::new(SimulatorDriver::new(config, checkpoint.as_deref())?)
        }
        DriverConfig::Replay(config) => Box::new(ReplayDriver::new(config, checkpoint.as_deref())?),
    })
}
