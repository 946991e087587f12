//! Handlers, one module a resource. Each is under 15 lines: extract, one use case, convert.

pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod credentials;
pub mod enrollment;
pub mod health;
pub mod machines;
pub mod organizations;
pub mod sites;
pub mod trust;
pub mod users;
