//! Where samples and faults come from: this computer, a simulated machine, a recording.
//!
//! Each driver is one folder: its configuration, what it knows, and a thin shell that waits and
//! delivers. The simulated machine is pure; the operating system is asked in `host/os.rs` only.

mod check;
mod clock;
mod commands;
mod config;
pub mod host;
pub mod limits;
pub mod replay;
mod sampling;
pub mod simulator;
mod worker;

pub use commands::{DriverCommands, DriverOrder, DriverOrders, SET_SAMPLING, Simulated};
pub use config::{DriverConfig, create};
