//! Gateway: the machines' MQTT endpoint. Checks identity and topic, hands messages to `ingest`,
//! acknowledges after commit.
//!
//! Three layers, each testable without the one above it: `wire` (bytes to packets, and what
//! the codec lets pass), `session` (the rules of MQTT and of our topics; no I/O, no clock), and
//! the shell around them (`connection`, `listener`, `registry`, `gateway`).

pub mod connection;
pub mod directory;
pub mod directory_store;
mod event_pace;
pub mod gateway;
pub mod limits;
pub mod listener;
pub mod mailbox;
pub mod metrics;
pub mod presence;
pub mod registry;
pub mod review;
pub mod session;
pub mod settings;
pub mod tls;
mod wills;
pub mod wire;

pub use directory::{Directory, Unavailable};
pub use directory_store::StoreDirectory;
pub use gateway::{Gateway, Parts};
pub use metrics::Metrics;
pub use settings::Settings;
