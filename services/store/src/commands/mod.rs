//! Commands, what machines can be told to do, and how machines can be reached.

pub mod capabilities;
pub mod contact;
mod due;
mod list;
mod open;
mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod write;

pub use due::{with_expired, with_out_of_use, with_work};
pub use list::{Filter, get, list};
pub use open::{count_open, has_acted, load_open, open_of};
pub use row::StoredCommand;
pub use write::{insert, load, next_ord, save};

/// What isn't found is called.
const WHAT: &str = "command";

/// States of open commands as SQL: constants, so that the partial indexes are used. A machine with
/// a long history costs no more than one without: queries name the index, and fail without it.
const OPEN: &str = "('awaiting_approval', 'queued', 'sent', 'received', 'awaiting_consent', \
                    'running', 'unconfirmed')";
