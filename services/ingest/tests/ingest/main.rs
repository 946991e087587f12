//! Ingest as a whole, on a real database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod ahead;
mod batching;
mod conditions;
mod detection;
mod edge;
mod events;
mod harness;
mod late;
mod learned;
mod limits;
mod live;
mod outage;
mod poison;
mod rebuilt;
mod reports;
mod values;
