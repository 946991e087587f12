//! Dispatch on a real database with real keys; the test is the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs)]

mod approval;
mod canceling;
mod delivery;
mod expiry;
mod harness;
mod issuing;
mod ledger;
mod reports;
mod rules;
mod ticketed;
