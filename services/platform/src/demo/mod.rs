//! `millwright demo`: the platform and a fleet of real agents on this computer.
//!
//! The platform and the agents are child processes, started as a person would start them. What
//! is shown and told comes from the API alone; what goes wrong is made by means that anybody on a
//! machine has: its agent's command line and process.

mod agents;
mod api;
mod calls;
mod child;
mod director;
mod fleet;
mod folder;
mod limits;
mod platform;
mod poll;
mod rules;
mod run;
mod scenes;
mod screen;
mod setup;
mod story;
mod table;
mod welcome;

pub(crate) use run::run;
