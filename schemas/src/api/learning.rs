//! How far rules that learn have come with a machine.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::RuleId;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// Where a rule that learns stands with a machine.
    LearningState, "state of learning", {
        /// It is switched off, or the machine is out of use.
        Disabled = "disabled",
        /// Nothing was learned yet: signals have told nothing usable, or the rule begins with what the machine
        /// sends next.
        Waiting = "waiting",
        /// It learns what is normal, and says nothing.
        Learning = "learning",
        /// It watches.
        Watching = "watching",
    }
}

/// How far rules that learn have come with a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineLearning {
    /// The rules that learn the machine and that the caller sees, in the order of their creation; at most 100.
    pub items: Vec<RuleLearning>,
    /// Whether these are all of them.
    pub complete: bool,
}

/// How far a rule has come in learning a machine, as of what was stored last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleLearning {
    /// The rule.
    pub rule_id: RuleId,
    /// Its name.
    pub rule_name: String,
    /// Where it stands. Of signals that are learned by themselves, that of the one that is least far among
    /// those that have told something.
    pub state: LearningState,
    /// With `learning`: the rows, or samples of the signal, that it has learned from.
    pub seen: Option<i64>,
    /// With `learning`: how many are needed.
    pub needed: Option<i64>,
    /// With `learning`: the time of the first, by the machine's clock, where it is known.
    pub learning_since: Option<Timestamp>,
    /// With `learning`: it doesn't watch before this time, by the machine's clock; null when only the number
    /// counts.
    pub learning_until: Option<Timestamp>,
    /// With `watching`: since when, by the platform's clock; null where it isn't known.
    pub watching_since: Option<Timestamp>,
    /// Of how many parts it watches: signals, or 1 for all of them together.
    pub watching: i64,
    /// How many parts there are; 0 before it has begun.
    pub detectors: i64,
    /// Signals that it waits for: of these nothing usable has come.
    pub missing: Vec<String>,
    /// When this was stored: at most every five minutes, and when it begins to watch. Null: nothing is stored.
    pub as_of: Option<Timestamp>,
}
