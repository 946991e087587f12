//! Handlers, one module a resource. Each is under 15 lines: extract, one use case, convert.

pub mod alarms;
pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod commands;
pub mod credentials;
pub mod enrollment;
pub mod events;
pub mod health;
pub mod loss;
pub mod machine_events;
pub mod machines;
pub mod maintenance;
pub mod organizations;
pub mod policies;
pub mod quarantine;
pub mod rules;
pub mod signals;
pub mod sites;
pub mod storage;
pub mod streams;
pub mod telemetry;
pub mod tickets;
pub mod trust;
pub mod users;
