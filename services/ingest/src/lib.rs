//! Ingest: decode, deduplicate, detect, commit a batch in one transaction, acknowledge.
//!
//! ```text
//! gateway → intake (bounded) → collector: decodes, closes batches
//!                            → committer: plan (pure) → one transaction → acknowledge, live copies
//! ```
//! The collector decodes the next batch while the committer writes the current one. The committer's
//! transaction holds the samples, the states of rules that they have changed, the alarms that follow
//! from both, and the work that reported events leave to other rooms.

mod clock;
mod collect;
mod commit;
mod consequences;
mod decode;
pub mod health;
mod ingest;
pub mod intake;
mod learned;
pub mod limits;
pub mod live;
mod machine;
mod machine_clock;
mod memory;
pub mod metrics;
mod plan;
mod rules;
mod stream;
mod text;
mod write;

pub use decode::decode_only;
pub use ingest::{Ingest, IngestOptions};
