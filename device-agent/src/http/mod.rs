//! The few HTTP calls of the agent, and whom it believes in them.

mod client;
mod verifier;

pub(crate) use client::check_url;
pub use client::{Client, HttpError, Reply};
pub use verifier::Pins;
pub(crate) use verifier::Verifier;
