//! Where a rule stands with a machine, as it is stored.

use serde::{Deserialize, Serialize};

use crate::anomaly::AnomalyState;
use crate::conditions::TreeState;
use crate::threshold::State;

/// Where a rule stands with a machine: all that is remembered between two events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RuleState {
    /// Of a rule with one threshold.
    Threshold(State),
    /// Of a rule that learns: where its alarm stands, not what was learned.
    Anomaly(AnomalyState),
    /// Of any other.
    Tree(TreeState),
}

impl RuleState {
    /// Whether its alarm is active.
    #[must_use]
    pub const fn is_raised(&self) -> bool {
        match self {
            Self::Threshold(state) => state.is_raised(),
            Self::Anomaly(state) => state.is_raised(),
            Self::Tree(state) => state.is_raised(),
        }
    }
}
