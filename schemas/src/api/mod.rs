//! REST request and response types, one module a resource.

pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod credentials;
pub mod enrollment;
pub mod events;
pub mod health;
pub mod loss;
pub mod machines;
pub mod organizations;
pub mod page;
pub mod problem;
pub mod sites;
pub mod telemetry;
pub mod users;
