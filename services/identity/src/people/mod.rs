//! People: the first administrator, passwords, sessions, users, API tokens.

pub mod access_tokens;
pub mod api_tokens;
pub mod bootstrap;
pub mod callers;
pub mod limits;
mod passwords;
pub(crate) mod rate_limit;
mod records;
pub mod reset;
pub(crate) mod secrets;
pub mod sessions;
mod sign_in;
pub mod users;
pub mod validate;

pub use passwords::PasswordError;
pub use rate_limit::Attempts;
pub use sign_in::{People, SetUpError};
