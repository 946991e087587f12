//! People: users, their sessions, API tokens, and what they must not do twice.

pub mod api_tokens;
pub mod idempotency;
pub mod sessions;
pub mod users;
