//! From the drivers to the outbox: filtering, gathering, committing, and keeping what the disk
//! doesn't take.

mod gather;
mod progress;
mod unsaved;

pub use gather::{Collector, FromDriver, Gathering};
