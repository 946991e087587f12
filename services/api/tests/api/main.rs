//! The API through its real server: a port of its own, a database of its own, a real client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod alarms;
mod api_tokens;
mod auth;
mod backtests;
mod bodies;
mod commands;
mod dashboard;
mod enrollment;
mod groups;
mod harness;
mod idempotency;
mod latest;
mod learning;
mod logs;
mod machines;
mod matrix;
mod names;
mod plant;
mod policies;
mod problems;
mod revisions;
mod rules;
mod server;
mod storage;
mod streams;
mod telemetry;
mod tickets;
mod users;
