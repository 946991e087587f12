//! All SQL of the platform: entities, migrations, repositories, telemetry, events, jobs, audit.

pub mod alarms;
pub mod audit;
pub mod backtests;
pub mod backup;
pub mod changes;
pub mod commands;
mod conn;
mod engine;
pub mod entities;
mod error;
pub mod events;
pub mod jobs;
mod lock;
pub mod machines;
mod migrations;
pub mod names;
pub mod page;
pub mod people;
pub mod policies;
pub mod processes;
pub mod revisions;
pub mod rules;
mod scope;
pub mod sequencer;
mod store;
pub mod telemetry;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
pub mod tickets;
pub mod upkeep;
pub mod work;

pub use conn::Conn;
pub use engine::Engine;
pub use error::{StoreError, is_unavailable};
pub use lock::{DataFolderLock, LockError};
pub use scope::Scope;
pub use store::{DATABASE_FILE, Location, Store, Tx};
