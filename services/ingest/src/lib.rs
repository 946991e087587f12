//! Ingest: decode, deduplicate, commit a batch in one transaction, acknowledge.

pub mod intake;
pub mod limits;
