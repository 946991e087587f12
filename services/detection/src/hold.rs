//! Hold times: a verdict must last before it counts, both ways.
//!
//! A verdict counts until the next one. So a hold has passed when a later event comes, whatever it
//! says, or when the machine says that nothing older will come; the change is at exactly
//! `since + hold`, whichever of the two told it.

use millwright_schemas::Timestamp;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::limits::RULE_HOLD_S_MAX;
use serde::{Deserialize, Serialize};

/// How long a verdict must last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hold {
    hold_us: i64,
    clear_hold_us: i64,
}

/// What is thought of a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Something is wrong; with the figure that says so.
    Beyond(f64),
    /// Neither wrong nor well: between the limit and the one at which it clears.
    Between,
    /// All is well.
    Back,
    /// Nobody knows. It interrupts a hold that hasn't passed; it never raises or clears by itself.
    Unknown,
}

/// Where a hold stands. All that is remembered between two events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// All is well.
    Normal {
        /// Since when it is known; what is older is late.
        since: Timestamp,
    },
    /// Beyond the limit, not long enough yet.
    Pending {
        /// Since when it is beyond.
        since: Timestamp,
        /// The last value.
        value: f64,
    },
    /// Raised.
    Active {
        /// When it was raised, or its last clearing was interrupted.
        since: Timestamp,
    },
    /// Raised, and back on the good side, not long enough yet.
    Clearing {
        /// Since when it is back.
        since: Timestamp,
    },
}

/// What changes for an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transition {
    /// It is active.
    Raised {
        /// Since when.
        at: Timestamp,
        /// The value at that time.
        value: f64,
    },
    /// It is over.
    Cleared {
        /// Since when.
        at: Timestamp,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Normal { since: Timestamp::from_micros(i64::MIN) }
    }
}

impl State {
    /// Since when it stands there.
    #[must_use]
    pub const fn since(self) -> Timestamp {
        match self {
            Self::Normal { since }
            | Self::Pending { since, .. }
            | Self::Active { since }
            | Self::Clearing { since } => since,
        }
    }

    /// Whether its alarm is active.
    #[must_use]
    pub const fn is_raised(self) -> bool {
        matches!(self, Self::Active { .. } | Self::Clearing { .. })
    }
}

impl Hold {
    /// Checks hold times, in seconds; what is wrong is added by field below `path`.
    pub(crate) fn compile(
        hold_s: f64,
        clear_hold_s: f64,
        path: &str,
        problems: &mut Vec<FieldProblem>,
    ) -> Self {
        for (field, seconds) in [("hold_s", hold_s), ("clear_hold_s", clear_hold_s)] {
            if !(0.0..=RULE_HOLD_S_MAX).contains(&seconds) {
                let field = format!("{path}.{field}");
                let message = format!("{seconds} is not between 0 and {RULE_HOLD_S_MAX} seconds");
                problems.push(FieldProblem { field, message });
            }
        }
        Self { hold_us: micros(hold_s), clear_hold_us: micros(clear_hold_s) }
    }

    /// When time alone changes the state.
    #[must_use]
    pub fn due(self, state: State) -> Option<Timestamp> {
        match state {
            State::Pending { since, .. } => Some(since.plus_micros(self.hold_us)),
            State::Clearing { since } => Some(since.plus_micros(self.clear_hold_us)),
            State::Normal { .. } | State::Active { .. } => None,
        }
    }

    /// Time passes up to `at`, and with it a hold.
    #[must_use]
    pub fn pass(self, state: State, at: Timestamp) -> (State, Option<Transition>) {
        let Some(due) = self.due(state).filter(|due| at >= *due) else { return (state, None) };
        match state {
            State::Pending { value, .. } => {
                (State::Active { since: due }, Some(Transition::Raised { at: due, value }))
            }
            _ => (State::Normal { since: due }, Some(Transition::Cleared { at: due })),
        }
    }

    /// What a verdict makes of a state, time having passed up to it.
    #[must_use]
    pub fn judge(
        self,
        state: State,
        at: Timestamp,
        verdict: Verdict,
    ) -> (State, Option<Transition>) {
        use Verdict::{Back, Beyond};
        match (state, verdict) {
            (State::Normal { .. }, Beyond(value)) if self.hold_us > 0 => {
                (State::Pending { since: at, value }, None)
            }
            (State::Normal { .. }, Beyond(value)) => {
                (State::Active { since: at }, Some(Transition::Raised { at, value }))
            }
            (State::Pending { since, .. }, Beyond(value)) => {
                (State::Pending { since, value }, None)
            }
            (State::Pending { .. }, _) => (State::Normal { since: at }, None),
            (State::Active { .. }, Back) if self.clear_hold_us > 0 => {
                (State::Clearing { since: at }, None)
            }
            (State::Active { .. }, Back) => {
                (State::Normal { since: at }, Some(Transition::Cleared { at }))
            }
            (State::Clearing { .. }, Back) => (state, None),
            (State::Clearing { .. }, _) => (State::Active { since: at }, None),
            (State::Normal { .. } | State::Active { .. }, _) => (state, None),
        }
    }
}

/// Seconds of a checked time as microseconds; at most some years.
#[allow(clippy::cast_possible_truncation, reason = "far from the ends of 64 bits when checked")]
pub(crate) fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
