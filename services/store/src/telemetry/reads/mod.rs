//! What people and systems read of a machine's telemetry. Every call takes the caller's scope;
//! a machine outside of it doesn't exist.

pub mod chart;
pub mod events;
pub mod fleet;
pub mod growth;
pub mod history;
pub(crate) mod kept;
pub mod loss;
pub mod quarantine;
mod raw;
pub(crate) mod received;
mod rolled;
mod scoped;
pub mod signals;
pub mod storage;
mod texts;
