//! The registry on a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod harness;
mod machines;
mod organizations;
mod placement;
mod readings;
