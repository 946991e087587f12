//! Where the alarm stands.
//!
//! Each signal by itself has a hold, signals together have one. It is raised when a detector says
//! that an incident begins, and over when nothing has been beyond the limit for the hold time. The
//! alarm is active while any hold is.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::compile::Anomaly;
use super::memory::Said;
use crate::hold::{State, Verdict};
use crate::learned::explanation::Explanation;

/// Where the alarm stands. What was learned isn't part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomalyState {
    /// One a signal, or one for all of them.
    holds: Vec<State>,
    /// The latest time at which one has changed; the alarm doesn't go back behind it.
    time: Timestamp,
    /// Whether the alarm is active.
    alarm: bool,
}

/// What changes for the alarm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Raised { at: Timestamp, cause: Cause },
    Cleared { at: Timestamp },
}

/// Why it was raised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cause {
    /// The place of the signal; 0 when they are together.
    pub(crate) of: usize,
    pub(crate) score: f64,
    pub(crate) explanation: Explanation,
}

impl AnomalyState {
    /// Whether its alarm is active.
    #[must_use]
    pub const fn is_raised(&self) -> bool {
        self.alarm
    }

    /// Whether its alarm is active and can't be over by time alone.
    pub(crate) fn lasts(&self) -> bool {
        self.holds.iter().any(|hold| matches!(hold, State::Active { .. }))
    }

    /// The latest time at which something has changed.
    pub(crate) const fn time(&self) -> Timestamp {
        self.time
    }

    /// It isn't watched any more: an alarm is over. Whether the state has changed.
    fn clear(&mut self, at: Timestamp, tell: &mut impl FnMut(Told)) -> bool {
        if !self.alarm {
            return false;
        }
        let at = at.max(self.time);
        self.holds.fill(State::Normal { since: at });
        (self.time, self.alarm) = (at, false);
        tell(Told::Cleared { at });
        true
    }

    fn set(
        &mut self,
        of: usize,
        hold: State,
        at: Timestamp,
        cause: Option<Cause>,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        match self.holds.get_mut(of) {
            Some(known) if *known != hold => *known = hold,
            _ => return false,
        }
        self.time = self.time.max(at);
        let (alarm, at) = (self.holds.iter().any(|hold| hold.is_raised()), self.time);
        if alarm != self.alarm {
            self.alarm = alarm;
            tell(match cause {
                Some(cause) if alarm => Told::Raised { at, cause },
                _ => Told::Cleared { at },
            });
        }
        true
    }
}

impl Anomaly {
    /// Where it stands when nothing has been seen.
    pub(crate) fn begin(&self) -> AnomalyState {
        let holds = vec![State::default(); self.untaught.verdicts()];
        AnomalyState { holds, time: Timestamp::from_micros(i64::MIN), alarm: false }
    }

    /// The signals because of which its alarm is active, where each is by itself.
    pub(crate) fn on(&self, state: &AnomalyState) -> Vec<String> {
        let alone = state.holds.len() == self.signals.len();
        let holds = self.signals.iter().zip(&state.holds).filter(|_| alone);
        let on = holds.filter(|(_, hold)| hold.is_raised());
        on.map(|(signal, _)| signal.clone()).collect()
    }

    /// Where it stands when only this is known: its alarm is active, because of these signals. Of
    /// signals by themselves only those are on, or the first when none of them is among the rule's:
    /// one that is never heard again would hold the alarm for ever.
    pub(crate) fn adopt(&self, since: Timestamp, causes: &[String]) -> AnomalyState {
        let mut holds = vec![State::default(); self.untaught.verdicts()];
        let alone = holds.len() == self.signals.len();
        let mut known = false;
        for (hold, signal) in holds.iter_mut().zip(&self.signals).filter(|_| alone) {
            if causes.contains(signal) {
                *hold = State::Active { since };
                known = true;
            }
        }
        if let Some(first) = holds.first_mut().filter(|_| !known) {
            *first = State::Active { since };
        }
        AnomalyState { holds, time: since, alarm: true }
    }

    /// Whether a stored state is one of this condition.
    pub(crate) fn fits(&self, state: &AnomalyState) -> bool {
        let raised = state.holds.iter().any(|hold| hold.is_raised());
        state.holds.len() == self.untaught.verdicts() && state.alarm == raised
    }

    /// What a detector's word makes of a state. Whether the state has changed.
    pub(crate) fn judge(
        &self,
        state: &mut AnomalyState,
        said: Said,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        let Said { of, at, verdict, explanation, .. } = said;
        // Time first, for all signals: as if it had been said that nothing older will come.
        let passed = self.pass(state, at, tell);
        let Some(hold) = state.holds.get(of).copied() else { return passed };
        // Nothing was beyond the limit, and that is what a hold waits for: a signal of which a value is
        // missing now and then would otherwise never be well again.
        if verdict == Verdict::Unknown {
            return passed;
        }
        // What is older than what another signal has changed counts from then on.
        let at = at.max(hold.since());
        let (judged, _) = self.hold.judge(hold, at, verdict);
        let cause = match verdict {
            Verdict::Beyond(score) => {
                Some(Cause { of, score, explanation: explanation.unwrap_or_default() })
            }
            Verdict::Between | Verdict::Back | Verdict::Unknown => None,
        };
        state.set(of, judged, at, cause, tell) || passed
    }

    /// From `at` on it isn't watched: what lasts until then is over. `open`: the newest sample of a row
    /// that isn't whole, beyond which no time has passed. Whether the state has changed.
    pub(crate) fn end(
        &self,
        state: &mut AnomalyState,
        open: Option<Timestamp>,
        at: Timestamp,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        let passed = self.pass(state, open.map_or(at, |open| open.min(at)), tell);
        state.clear(at, tell) || passed
    }

    /// Time passes up to `at`. Whether the state has changed.
    pub(crate) fn pass(
        &self,
        state: &mut AnomalyState,
        at: Timestamp,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        let holds = state.holds.iter().enumerate();
        let due = holds.filter_map(|(of, hold)| Some((self.hold.due(*hold)?, of)));
        let mut due: Vec<(Timestamp, usize)> = due.filter(|(due, _)| *due <= at).collect();
        due.sort_unstable();
        due.into_iter()
            .fold(false, |changed, (due, of)| self.pass_one(state, of, due, tell) || changed)
    }

    fn pass_one(
        &self,
        state: &mut AnomalyState,
        of: usize,
        at: Timestamp,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        let Some(hold) = state.holds.get(of).copied() else { return false };
        let (passed, _) = self.hold.pass(hold, at);
        state.set(of, passed, passed.since(), None, tell)
    }
}
