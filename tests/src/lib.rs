//! What the end-to-end tests stand on: the real programs, started on free ports and gone with
//! the test, and clients that speak to them from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
#![allow(clippy::missing_panics_doc, reason = "everything here ends the test when it fails")]

pub mod agent;
pub mod api;
pub mod broker;
pub mod clients;
pub mod clock;
pub mod database;
pub mod datasets;
pub mod device;
pub mod gate;
pub mod https;
pub mod marks;
pub mod orders;
pub mod platform;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod raw_mqtt;
pub mod replay;
pub mod seed;
pub mod wait;
pub mod websocket;

pub use agent::{Agent, Reporter};
pub use api::Api;
pub use broker::Broker;
pub use clock::WrongClock;
pub use database::Database;
pub use device::Device;
pub use marks::Marks;
pub use orders::Signer;
pub use platform::Platform;
pub use postgres::Postgres;
pub use raw_mqtt::{RawMqtt, Version};
pub use wait::eventually;

/// Chooses the TLS provider of the process. Call it first in every test.
pub fn start() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
