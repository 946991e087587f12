//! Detectors that learn what is normal: streaming, without labels, with a bounded state.
//!
//! - [`univariate`]: one signal: its level, range, daily and weekly course, jumps, spread and shape.
//! - [`multivariate`]: how the signals of a machine depend on each other.
//!
//! Both run on event time only. A sample that isn't later than the one before changes nothing, so
//! duplicates and late samples can't move the model. Their
//! state is all they remember; stored as bytes or as JSON and read again it gives the same answers, bit
//! by bit.
//!
//! A score is between 0 and 1, and an alarm is due from [`ALARM_SCORE`] on. How the detectors work
//! and what they reach: `docs/detection.md`.

pub mod explanation;
pub mod limits;
pub mod multivariate;
pub mod univariate;

mod counter;
mod linear;
mod moments;
pub(crate) mod packed;
mod run;
mod season;
mod shape;
mod tail;
mod window;

use millwright_schemas::Timestamp;
use packed::packed_fields;
use serde::{Deserialize, Serialize};

/// The score at which an alarm is due. Shipped; not fitted to a stream.
pub const ALARM_SCORE: f64 = 0.5;

/// What a detector says of a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How unusual, 0 to 1.
    pub score: f64,
    /// Whether an alarm is due.
    pub alarm: bool,
}

packed_fields!(Verdict { score, alarm });

/// Where learning stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LearningStage {
    /// Nothing is learned yet: these signals haven't told anything usable.
    Waiting {
        /// Their names.
        signals: Vec<String>,
    },
    /// It learns what is normal, and says nothing.
    Learning {
        /// Rows, or samples of the signal, that it has learned from.
        seen: u64,
        /// How many are needed.
        needed: u64,
        /// The time of the first, by the machine's clock.
        since: Option<Timestamp>,
        /// It doesn't watch before this time, by the machine's clock; `None`: only the number counts.
        until: Option<Timestamp>,
    },
    /// It watches.
    Watching,
}

/// Evidence as a score: at `due` it is [`ALARM_SCORE`].
fn score(evidence: f64, due: f64) -> f64 {
    if evidence <= 0.0 { 0.0 } else { evidence / (evidence + due) }
}
