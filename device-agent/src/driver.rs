//! What a driver is: a source of samples and faults.

use async_trait::async_trait;
use millwright_schemas::wire::events::{FaultCleared, FaultRaised};
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, SignalName, Timestamp};
use serde_json::{Map, Value};

/// Values of several signals at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When they were measured, by the machine's clock.
    pub ts: Timestamp,
    /// Signal, value, quality.
    pub values: Vec<(SignalName, SampleValue, Quality)>,
}

/// A change of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultChange {
    /// Active from this time on.
    Raised(Timestamp, FaultRaised),
    /// Over at this time.
    Cleared(Timestamp, FaultCleared),
}

/// What a driver delivers at once. The agent commits all of it to its outbox in one
/// transaction, the checkpoint included: after a crash the driver goes on from there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Samples, oldest first.
    pub samples: Vec<Sample>,
    /// Faults, oldest first.
    pub faults: Vec<FaultChange>,
    /// The driver's state to go on from, in its own form; `None` leaves the last one.
    pub checkpoint: Option<Vec<u8>>,
}

/// Why a driver can't deliver.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Its configuration is wrong; trying again doesn't help.
    #[error("driver {driver}: {reason}")]
    Configuration {
        /// The driver's name in the configuration.
        driver: String,
        /// What is wrong, with the value.
        reason: String,
    },
    /// Reading failed; the agent tries again with back-off.
    #[error("driver {driver} can't read: {reason}")]
    Read {
        /// The driver's name in the configuration.
        driver: String,
        /// What went wrong.
        reason: String,
    },
}

/// Why an operation isn't carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The driver has no such operation.
    #[error("driver {driver} has no operation {operation:?}")]
    Unknown {
        /// The driver's name in the configuration.
        driver: String,
        /// What was asked for.
        operation: String,
    },
    /// An argument is missing or breaks a rule.
    #[error("{argument}: {rule}")]
    Argument {
        /// Its name.
        argument: &'static str,
        /// The rule, with the value.
        rule: String,
    },
    /// The state of the machine doesn't allow it.
    #[error("{0}")]
    Refused(String),
    /// The driver doesn't run now.
    #[error("driver {driver} doesn't run: {reason}")]
    NotRunning {
        /// The driver's name in the configuration.
        driver: String,
        /// Why.
        reason: String,
    },
}

/// A source of samples and faults, and what can be done to the machine behind it. Which operations
/// there are is said by its configuration, [`crate::drivers::DriverConfig::commands`], so that it
/// is known before the driver runs.
#[async_trait]
pub trait Driver: Send {
    /// The driver's name in the configuration.
    fn name(&self) -> &str;

    /// Waits for the next reading. `None`: nothing more will come (a replay has ended).
    /// Dropping the future must lose nothing.
    ///
    /// # Errors
    /// See [`DriverError`].
    async fn next(&mut self) -> Result<Option<Reading>, DriverError>;

    /// Carries out an operation on the machine. Called between two readings, never during one; what
    /// it changes shows from the next reading on, and so does the checkpoint.
    ///
    /// # Errors
    /// See [`OperateError`].
    async fn operate(
        &mut self,
        name: &str,
        _args: &Map<String, Value>,
    ) -> Result<Value, OperateError> {
        Err(OperateError::Unknown { driver: self.name().to_owned(), operation: name.to_owned() })
    }
}
