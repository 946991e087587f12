//! Machines' identity on a real database, with real keys and real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod connections;
mod credentials;
mod enrollment;
mod harness;
mod proof;
mod renewal;
mod tls;
mod trust;
