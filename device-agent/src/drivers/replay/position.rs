//! The checkpoint of a replay.

use std::path::PathBuf;

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::source::SourcePlace;
use super::stamps::StampState;

/// Where a replay goes on: before the first row and fault that aren't stored yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReplayPosition {
    pub(super) path: PathBuf,
    pub(super) rows: SourcePlace,
    pub(super) faults: Option<(PathBuf, SourcePlace)>,
    /// Faults that wait for their clear, the earliest first.
    pub(super) clears: Vec<Clear>,
    pub(super) stamps: StampState,
}

/// A fault that clears by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clear {
    /// In recorded time.
    pub(super) at: Timestamp,
    pub(super) code: String,
    pub(super) source: String,
}
