//! The connection to the platform: sends the outbox, removes what is acknowledged, comes back
//! after every failure.

mod backoff;
mod in_flight;
mod keeper;
mod link;
mod session;

pub use keeper::{Connection, ConnectionSettings};
