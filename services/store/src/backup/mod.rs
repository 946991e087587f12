//! Backups: a consistent copy of the database, made while the platform runs, in one file that
//! shows by itself whether it is whole; and the way back.
//!
//! Each database has its module ([`sqlite`], [`postgres`]); the file's form is [`container`]'s.

mod blocking;
pub mod container;
mod error;
pub(crate) mod keys;
pub mod limits;
mod manifest;
pub mod mark;
mod place;
pub mod postgres;
pub mod sqlite;
mod temporary;
mod verify;
mod watch;

pub use error::BackupError;
pub use manifest::{DatabaseKind, Manifest, Part};
pub use place::Restored;
pub use verify::verify;
pub use watch::Watch;
