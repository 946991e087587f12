//! The REST API: handlers that extract, call one use case and convert; no rules, no SQL.

mod body;
pub mod clock;
mod dashboard;
mod door;
pub mod error;
pub mod etag;
pub mod extract;
mod guest;
pub mod health;
pub mod idempotency;
pub mod limits;
pub mod machine_socket;
mod names;
mod observe;
pub mod openapi;
mod query;
pub mod routes;
pub mod server;
pub mod state;
pub mod streams;
pub mod waiting;
