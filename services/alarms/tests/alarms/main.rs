//! Alarms against a real database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod apply;
mod backtests;
mod contact_watch;
mod harness;
mod revisions;
mod rules;
mod storms;
mod strange;
