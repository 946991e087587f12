//! A plausible machine of one of three models, with wear that ends in a fault.
//!
//! The machine is pure: it gets the time that passed and randomness, and returns what it
//! measures. What can be done to it (`reset_fault`, `lubricate`, `set_speed`) changes what it
//! measures afterwards.

mod compressor;
mod config;
mod driver;
mod elevator;
mod machine;
mod mill;
mod operations;
mod physics;
mod plant;
mod simulation;

pub use config::SimulatorConfig;
pub use driver::SimulatorDriver;
pub use machine::{Change, Machine, OperationError, Step};
pub use operations::commands;
pub(crate) use operations::{SIMULATE_FAIL, SIMULATE_WEAR};
pub use plant::Model;
pub use simulation::Simulation;

/// The unit of a model's signal; `None` for what has none, such as a count.
#[must_use]
pub fn unit(model: Model, signal: &str) -> Option<&'static str> {
    let known = model.units().iter().find(|(name, _)| *name == signal);
    known.map(|(_, unit)| *unit)
}
