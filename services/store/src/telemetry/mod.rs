//! Telemetry: series, points, latest values, cursors, gaps, reported events, quarantine.
//!
//! Written by ingest in batches, each one transaction ([`BatchTx`]) of few statements; read
//! through [`reads`].

mod batch;
pub mod clocks;
pub mod detector_marks;
pub mod detector_states;
pub(crate) mod hypertables;
pub mod late;
pub mod latest;
pub(crate) mod layout;
pub(crate) mod locks;
pub mod machines;
pub(crate) mod merging;
pub(crate) mod packed;
pub mod points;
pub mod quarantine;
pub mod reads;
pub mod reported;
pub mod rule_states;
pub mod series;
pub(crate) mod snapshot;
pub(crate) mod spans;
pub mod streams;
pub mod units;

pub use batch::{BatchTx, days_of};
pub(crate) use layout::Layout;
pub use packed::outside as packed_blocks;
