//! A limit on one signal, with hysteresis and hold times.
//!
//! A value counts until the next sample of its signal. So a hold has passed when a later sample
//! comes, whatever it says, or when the machine says that nothing older will come; the alarm is
//! raised at exactly `since + hold`, whichever of the two told it.
//!
//! A sample without a usable value (null, or of bad quality) interrupts a hold that hasn't passed:
//! nobody knows what the value was from then on. It never raises or clears by itself. A sample of
//! uncertain quality counts as a good one.

use millwright_schemas::Timestamp;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::RuleCondition;
use millwright_schemas::limits::RULE_HOLD_S_MAX;
use serde::{Deserialize, Serialize};

/// On which side of the limit it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Too high.
    Above,
    /// Too low.
    Below,
}

impl Side {
    /// The word, as in the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

/// A limit that can be watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    side: Side,
    limit: f64,
    clear_at: f64,
    hold_us: i64,
    clear_hold_us: i64,
}

/// Where a threshold stands. All that is remembered between two events.
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

/// What happens, in event time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A sample of the signal; later than all before it.
    Sample {
        /// When.
        at: Timestamp,
        /// What it says; `None`: nothing usable.
        value: Option<f64>,
    },
    /// Nothing older than this will come.
    Through(Timestamp),
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

impl Threshold {
    /// Checks a condition as people write it.
    ///
    /// # Errors
    /// All that is wrong, by field below `condition`.
    pub fn compile(condition: &RuleCondition) -> Result<Self, Vec<FieldProblem>> {
        let RuleCondition::Threshold { above, below, clear_at, hold_s, clear_hold_s, .. } =
            *condition;
        let mut problems = Vec::new();
        let mut refuse = |field: &str, message: String| {
            problems.push(FieldProblem { field: format!("condition.{field}"), message });
        };
        let limit = match (above, below) {
            (Some(limit), None) => Some((Side::Above, limit)),
            (None, Some(limit)) => Some((Side::Below, limit)),
            (Some(_), Some(_)) => {
                refuse("below", "give above or below, not both".to_owned());
                None
            }
            (None, None) => {
                refuse("above", "give above or below".to_owned());
                None
            }
        };
        for (field, number) in [("above", above), ("below", below), ("clear_at", clear_at)] {
            if let Some(number) = number.filter(|number| !number.is_finite()) {
                refuse(field, format!("{number} is not a finite number"));
            }
        }
        for (field, seconds) in [("hold_s", hold_s), ("clear_hold_s", clear_hold_s)] {
            if !(0.0..=RULE_HOLD_S_MAX).contains(&seconds) {
                refuse(field, format!("{seconds} is not between 0 and {RULE_HOLD_S_MAX} seconds"));
            }
        }
        if let (Some((side, limit)), Some(clear_at)) = (limit, clear_at)
            && side.is_beyond(clear_at, limit)
        {
            let side = side.as_str();
            let message = format!("{clear_at} is {side} the limit {limit}, not on its good side");
            refuse("clear_at", message);
        }
        match limit {
            Some((side, limit)) if problems.is_empty() => Ok(Self {
                side,
                limit,
                clear_at: clear_at.unwrap_or(limit),
                hold_us: micros(hold_s),
                clear_hold_us: micros(clear_hold_s),
            }),
            _ => Err(problems),
        }
    }

    /// On which side of the limit it is wrong.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> f64 {
        self.limit
    }

    /// The state after an event, and what changes with it, in order: a hold that has passed before
    /// a sample comes first. An event that is older than the state changes nothing.
    #[must_use]
    pub fn step(&self, state: State, event: Event) -> (State, Vec<Transition>) {
        let mut transitions = Vec::new();
        let (Event::Sample { at, .. } | Event::Through(at)) = event;
        let state = self.pass(state, at, &mut transitions);
        let state = match event {
            Event::Sample { at, value } if at >= state.since() => {
                self.judge(state, at, value, &mut transitions)
            }
            Event::Sample { .. } | Event::Through(_) => state,
        };
        (state, transitions)
    }

    /// Time passes up to `at`, and with it a hold.
    fn pass(&self, state: State, at: Timestamp, transitions: &mut Vec<Transition>) -> State {
        match state {
            State::Pending { since, value } => {
                let due = since.plus_micros(self.hold_us);
                if at < due {
                    return state;
                }
                transitions.push(Transition::Raised { at: due, value });
                State::Active { since: due }
            }
            State::Clearing { since } => {
                let due = since.plus_micros(self.clear_hold_us);
                if at < due {
                    return state;
                }
                transitions.push(Transition::Cleared { at: due });
                State::Normal { since: due }
            }
            State::Normal { .. } | State::Active { .. } => state,
        }
    }

    fn judge(
        &self,
        state: State,
        at: Timestamp,
        value: Option<f64>,
        transitions: &mut Vec<Transition>,
    ) -> State {
        match (state, value) {
            (State::Normal { .. }, Some(value)) if self.is_beyond(value) => {
                if self.hold_us > 0 {
                    return State::Pending { since: at, value };
                }
                transitions.push(Transition::Raised { at, value });
                State::Active { since: at }
            }
            (State::Pending { since, .. }, Some(value)) if self.is_beyond(value) => {
                State::Pending { since, value }
            }
            (State::Pending { .. }, _) => State::Normal { since: at },
            (State::Active { .. }, Some(value)) if self.is_back(value) => {
                if self.clear_hold_us > 0 {
                    return State::Clearing { since: at };
                }
                transitions.push(Transition::Cleared { at });
                State::Normal { since: at }
            }
            (State::Clearing { since }, Some(value)) if self.is_back(value) => {
                State::Clearing { since }
            }
            (State::Clearing { .. }, _) => State::Active { since: at },
            (State::Normal { .. } | State::Active { .. }, _) => state,
        }
    }

    /// A value at the limit itself isn't beyond it.
    fn is_beyond(&self, value: f64) -> bool {
        self.side.is_beyond(value, self.limit)
    }

    /// A value at the clear limit itself is back.
    fn is_back(&self, value: f64) -> bool {
        !self.side.is_beyond(value, self.clear_at)
    }
}

impl Side {
    fn is_beyond(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::Below => value < limit,
        }
    }
}

/// Seconds of a checked hold as microseconds.
#[allow(clippy::cast_possible_truncation, reason = "a hold is at most a week")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
