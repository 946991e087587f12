//! The bus: MQTT client of the services, and rumqttd as a supervised child process.
//!
//! The bus carries wake-ups and copies, never the only copy of anything. Publishing is best
//! effort and never waits; what is lost is counted, and every consumer also polls the database.
//! What arrives over the bus is not trusted: it says where to look, not what is true.

pub mod backoff;
pub mod broker;
pub mod client;
mod connection;
pub mod endpoint;
pub mod limits;
mod probe;
mod queue;
mod subscriptions;
pub mod supervisor;
pub mod topics;

pub use broker::run_broker;
pub use client::{Bus, BusStats, BusStatus, PublishError, SubscribeError};
pub use endpoint::{Credentials, Endpoint, ExternalBroker, InvalidBroker};
pub use subscriptions::BusMessage;
pub use supervisor::{BrokerHealth, Supervisor};
