//! What people do with tickets: open, find, change, move, split, comment.

mod assignee;
mod comments;
mod create;
mod move_to;
mod query;
mod split;
mod update;

pub use comments::{comment, comments};
pub use create::create;
pub use move_to::move_to;
pub use query::{evidence, get, list};
pub use split::split;
pub use update::update;
