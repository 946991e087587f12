//! The connection to the platform: sends the outbox, removes what is acknowledged, comes back
//! after every failure, by another way if need be.

mod backoff;
mod in_flight;
mod keeper;
mod link;
mod probe;
mod session;
mod way_memory;
mod ways;
mod websocket;

pub use keeper::{Connection, ConnectionSettings};
pub use ways::{TransportSetting, Way};
