//! Back-up and restore of the database in the data folder.
//!
//! `VACUUM INTO` makes the copy, on a connection that only reads: one read transaction sees one
//! moment of the write-ahead log, and the platform goes on writing. While it runs the log can't be
//! begun anew and so grows by what is written meanwhile. What the backup says about itself is read
//! from that copy, never from the running database.

mod copy;
mod restore;
mod save;

pub use restore::{Restore, restore};
pub use save::{Backup, backup, verify};

/// The part that is the database's file.
const PART: &str = "database";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
