//! The agent on a machine: drivers, outbox, connection to the platform.

pub mod driver;
