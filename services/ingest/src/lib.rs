//! Ingest: decode, deduplicate, commit a batch in one transaction, acknowledge.
//!
//! ```text
//! gateway → intake (bounded) → collector: decodes, closes batches
//!                            → committer: plan (pure) → one transaction → acknowledge, live copies
//! ```
//! The collector decodes the next batch while the committer writes the current one.

mod clock;
mod collect;
mod commit;
mod decode;
pub mod health;
mod ingest;
pub mod intake;
pub mod limits;
pub mod live;
mod machine;
mod memory;
pub mod metrics;
mod plan;
mod stream;
mod write;

pub use ingest::{Ingest, IngestOptions};
