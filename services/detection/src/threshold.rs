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
use millwright_schemas::api::rules::ThresholdCondition;

use crate::bound::{Bound, BoundFields};
use crate::hold::Hold;
use crate::surroundings::Surroundings;

pub use crate::bound::Side;
pub use crate::hold::{State, Transition};

/// A limit that can be watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    pub(crate) bound: Bound,
    pub(crate) hold: Hold,
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

impl Threshold {
    /// Checks a condition as people write it.
    ///
    /// # Errors
    /// All that is wrong, by field below `condition`.
    pub fn compile(condition: &ThresholdCondition) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let around = Surroundings::default();
        let compiled = Self::check(condition, &around, "condition", &mut problems);
        compiled.filter(|_| problems.is_empty()).ok_or(problems)
    }

    pub(crate) fn check(
        condition: &ThresholdCondition,
        around: &Surroundings,
        path: &str,
        problems: &mut Vec<FieldProblem>,
    ) -> Option<Self> {
        let ThresholdCondition { above, below, clear_at, hold_s, clear_hold_s, .. } = condition;
        let fields = BoundFields {
            above: above.as_ref(),
            below: below.as_ref(),
            clear_at: clear_at.as_ref(),
        };
        let bound = Bound::compile(fields, around, path, problems);
        let hold = Hold::compile(*hold_s, *clear_hold_s, path, problems);
        Some(Self { bound: bound?, hold })
    }

    /// On which side of the limit it is wrong.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.bound.side
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> f64 {
        self.bound.limit
    }

    /// The state after an event, and what changes with it, in order: a hold that has passed before
    /// a sample comes first. An event that is older than the state changes nothing.
    #[must_use]
    pub fn step(&self, state: State, event: Event) -> (State, Vec<Transition>) {
        let (Event::Sample { at, .. } | Event::Through(at)) = event;
        let (state, passed) = self.hold.pass(state, at);
        let (state, judged) = match event {
            Event::Sample { at, value } if at >= state.since() => {
                self.hold.judge(state, at, self.bound.verdict(value))
            }
            Event::Sample { .. } | Event::Through(_) => (state, None),
        };
        // Two empty options need no memory.
        (state, passed.into_iter().chain(judged).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
