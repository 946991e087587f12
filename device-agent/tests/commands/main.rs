//! Orders to the real agent: which of them it believes, what runs, how often, and what it tells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[allow(dead_code, reason = "shared with the tests of the connection")]
#[path = "../platform/authority.rs"]
mod authority;
mod belief;
mod clock;
mod consent;
#[path = "../outbox/disk.rs"]
mod disk;
#[allow(dead_code, reason = "shared with the tests of the connection")]
#[path = "../platform/http.rs"]
mod http;
mod ledger;
#[allow(dead_code, reason = "shared with the tests of the connection")]
#[path = "../platform/mqtt.rs"]
mod mqtt;
mod own;
mod programs;
mod restarts;
mod rules;
mod site;
