//! Bounds of what goes on by itself. What is beyond them comes in the next turn.

use std::time::Duration;

/// How long a task on stored telemetry works until the others have their turn. One step of it may end
/// a little later; making TimescaleDB's aggregates anew is one step.
pub(crate) const UPKEEP_SLICE: Duration = Duration::from_secs(10);
/// Rest before each step of rollups and of retention, so that machines' messages come first.
pub(crate) const UPKEEP_REST: Duration = Duration::from_millis(20);
/// How long compression rests between two slices of a round: it works without a rest within them.
pub(crate) const COMPRESSION_REST: Duration = Duration::from_secs(20);
