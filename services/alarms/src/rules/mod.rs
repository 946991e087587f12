//! Rules: what the platform watches in machines' signals, as people write them.
//!
//! A change holds from the next batch of samples on. A rule that is deleted, switched off or told
//! to watch something else clears its alarms in the same transaction; any other change keeps them,
//! and the new version knows of them, so that it clears them when all is well. A rule that has failed
//! is switched off, with an alarm that says so.

mod change;
mod check;
mod create;
mod delete;
mod fail;
pub mod limits;
mod query;
mod replace;

pub(crate) use check::{form, missing};
pub use create::create;
pub use delete::delete;
pub use fail::{FAILED, Failure, fail};
pub use query::{get, list, precision};
pub use replace::replace;
