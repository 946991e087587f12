//! `millwright demo`: the platform and a fleet of real agents on this computer.
//!
//! The platform and the agents are child processes, started as a person would start them. What
//! is shown comes from the API alone.

mod agents;
mod api;
mod child;
mod fleet;
mod folder;
mod limits;
mod platform;
mod poll;
mod run;
mod screen;
mod setup;
mod table;
mod welcome;

pub(crate) use run::run;
