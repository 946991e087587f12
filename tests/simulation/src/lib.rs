//! The life of commands between the platform's core and the agent's, with a fake clock and a
//! network that drops, doubles, delays and reorders, while both sides and their connection fail.
//!
//! Only the rules are real (`millwright_core::command`, `millwright_agent::orders`); disks,
//! network, clock and programs are a few fields here. [`World`] knows what really ran, and checks
//! after every step that what the platform says is true.

#![allow(clippy::missing_panics_doc, reason = "a check that fails ends the test")]
#![allow(clippy::expect_used, clippy::panic, reason = "a check that fails ends the test")]

mod agent;
mod network;
mod platform;
mod world;

pub use world::World;
