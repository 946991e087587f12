//! REST request and response types, one module a resource.

pub mod alarms;
pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod backtests;
pub mod commands;
pub mod credentials;
pub mod enrollment;
pub mod events;
pub mod health;
pub mod learning;
pub mod loss;
pub mod machines;
pub mod organizations;
pub mod page;
pub mod policies;
pub mod problem;
pub mod revisions;
pub mod rules;
pub mod sites;
pub mod telemetry;
pub mod tickets;
pub mod users;
