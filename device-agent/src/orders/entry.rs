//! A command in the ledger, from its arrival to its end.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::command::{CommandClaims, Rejection};
use millwright_schemas::wire::events::EventType;
use serde::{Deserialize, Serialize};

/// How a command ended. Nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Succeeded,
    /// It couldn't.
    Failed,
    /// Its deadline stopped it.
    TimedOut,
    /// It was called off, by the platform or by the operator.
    Canceled,
    /// It had begun when the agent ended: what became of it isn't known.
    Interrupted,
    /// It was never begun.
    Rejected(Rejection),
}

impl Outcome {
    /// The event that tells it.
    #[must_use]
    pub const fn event_type(self) -> EventType {
        match self {
            Self::Succeeded => EventType::CommandSucceeded,
            Self::Failed => EventType::CommandFailed,
            Self::TimedOut => EventType::CommandTimedOut,
            Self::Canceled => EventType::CommandCanceled,
            Self::Interrupted => EventType::CommandInterrupted,
            Self::Rejected(_) => EventType::CommandRejected,
        }
    }

    /// The word for people and for the local log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Canceled => "canceled",
            Self::Interrupted => "interrupted",
            Self::Rejected(_) => "rejected",
        }
    }
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It waits for its turn.
    Received,
    /// The operator is asked.
    AwaitingConsent,
    /// It has begun, or was just about to: after a crash nobody knows.
    Running,
    /// It is over.
    Final(Outcome),
}

impl EntryState {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Final(_))
    }

    /// The event that tells the platform.
    #[must_use]
    pub const fn event_type(self) -> EventType {
        match self {
            Self::Received => EventType::CommandReceived,
            Self::AwaitingConsent => EventType::CommandAwaitingConsent,
            Self::Running => EventType::CommandStarted,
            Self::Final(outcome) => outcome.event_type(),
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::AwaitingConsent => "awaiting_consent",
            Self::Running => "running",
            Self::Final(outcome) => outcome.as_str(),
        }
    }
}

/// A command in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What was ordered; without its arguments once it is over.
    pub claims: CommandClaims,
    /// When it came, by the machine's clock.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: EntryState,
}

impl Entry {
    /// When it may no longer begin.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_micros(self.claims.exp.saturating_mul(1_000_000))
    }
}

/// What happens to a command in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// The operator is asked.
    Asked,
    /// It is refused before it has begun.
    Rejected(Rejection),
    /// It begins.
    Started,
    /// It is called off.
    Canceled,
    /// It ended by itself: well or not.
    Ended {
        /// Whether it did what it should.
        well: bool,
    },
    /// Its deadline has stopped it.
    TimedOut,
    /// The agent ends, or has ended.
    AgentEnded,
}

/// What a happening does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it has happened before, or no longer matters. Nothing is told.
    Same,
    /// The next state, which is told.
    To(EntryState),
}

/// A happening that can't be in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command that is {} can't be {happening:?}", state.as_str())]
pub struct Illegal {
    /// Where the command stands.
    pub state: EntryState,
    /// What should have happened.
    pub happening: Happening,
}

/// What happens next.
///
/// # Errors
/// What can't be: to begin what is over, to end what hasn't begun, to refuse what has begun.
pub fn step(state: EntryState, happening: Happening) -> Result<Step, Illegal> {
    use EntryState::{AwaitingConsent, Final, Received, Running};
    let waits = matches!(state, Received | AwaitingConsent);
    let to = |outcome| Ok(Step::To(Final(outcome)));
    match happening {
        Happening::Asked => match state {
            Received => Ok(Step::To(AwaitingConsent)),
            AwaitingConsent => Ok(Step::Same),
            Running | Final(_) => Err(Illegal { state, happening }),
        },
        Happening::Started => match state {
            Received | AwaitingConsent => Ok(Step::To(Running)),
            // Whoever gets this must not begin it: somebody has.
            Running => Ok(Step::Same),
            Final(_) => Err(Illegal { state, happening }),
        },
        Happening::Rejected(reason) if waits => to(Outcome::Rejected(reason)),
        Happening::Canceled if !state.is_final() => to(Outcome::Canceled),
        Happening::Ended { well } if state == Running => {
            to(if well { Outcome::Succeeded } else { Outcome::Failed })
        }
        Happening::TimedOut if state == Running => to(Outcome::TimedOut),
        Happening::AgentEnded if state == Running => to(Outcome::Interrupted),
        // What waits is asked again after a restart, and what is over stays so.
        Happening::AgentEnded | Happening::Canceled => Ok(Step::Same),
        _ if repeats(state, happening) => Ok(Step::Same),
        _ => Err(Illegal { state, happening }),
    }
}

fn repeats(state: EntryState, happening: Happening) -> bool {
    let EntryState::Final(outcome) = state else { return false };
    match happening {
        Happening::Rejected(reason) => outcome == Outcome::Rejected(reason),
        Happening::Ended { well: true } => outcome == Outcome::Succeeded,
        Happening::Ended { well: false } => outcome == Outcome::Failed,
        Happening::TimedOut => outcome == Outcome::TimedOut,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::EntryState::{AwaitingConsent, Final, Received, Running};
    use super::Outcome::{Canceled, Failed, Interrupted, Rejected, Succeeded, TimedOut};
    use super::*;

    const REFUSED: Rejection = Rejection::ConsentRefused;

    /// `Some(state)`: goes there; `None`: nothing happens; `Err(())`: can't be.
    type Row = Result<Option<EntryState>, ()>;

    const STATES: [EntryState; 9] = [
        Received,
        AwaitingConsent,
        Running,
        Final(Succeeded),
        Final(Failed),
        Final(TimedOut),
        Final(Canceled),
        Final(Interrupted),
        Final(Rejected(REFUSED)),
    ];

    const NO: Row = Err(());
    const SAME: Row = Ok(None);

    const fn to(outcome: Outcome) -> Row {
        Ok(Some(Final(outcome)))
    }

    #[test]
    fn every_state_and_every_happening_has_a_row() {
        let rejected = to(Rejected(REFUSED));
        let table: [(Happening, [Row; 9]); 8] = [
            (Happening::Asked, [Ok(Some(AwaitingConsent)), SAME, NO, NO, NO, NO, NO, NO, NO]),
            (Happening::Rejected(REFUSED), [rejected, rejected, NO, NO, NO, NO, NO, NO, SAME]),
            (
                Happening::Started,
                [Ok(Some(Running)), Ok(Some(Running)), SAME, NO, NO, NO, NO, NO, NO],
            ),
            (
                Happening::Canceled,
                [to(Canceled), to(Canceled), to(Canceled), SAME, SAME, SAME, SAME, SAME, SAME],
            ),
            (Happening::Ended { well: true }, [NO, NO, to(Succeeded), SAME, NO, NO, NO, NO, NO]),
            (Happening::Ended { well: false }, [NO, NO, to(Failed), NO, SAME, NO, NO, NO, NO]),
            (Happening::TimedOut, [NO, NO, to(TimedOut), NO, NO, SAME, NO, NO, NO]),
            (
                Happening::AgentEnded,
                [SAME, SAME, to(Interrupted), SAME, SAME, SAME, SAME, SAME, SAME],
            ),
        ];
        for (happening, row) in table {
            for (state, expected) in STATES.into_iter().zip(row) {
                let expected = match expected {
                    Ok(Some(next)) => Ok(Step::To(next)),
                    Ok(None) => Ok(Step::Same),
                    Err(()) => Err(Illegal { state, happening }),
                };
                assert_eq!(step(state, happening), expected, "{state:?} {happening:?}");
            }
        }
    }

    #[test]
    fn what_has_begun_never_begins_again() {
        for state in STATES {
            let begins = step(state, Happening::Started) == Ok(Step::To(Running));
            assert_eq!(begins, matches!(state, Received | AwaitingConsent), "{state:?}");
        }
        // Whatever follows a start, no start is possible any more.
        for happening in [Happening::AgentEnded, Happening::TimedOut, Happening::Canceled] {
            let Ok(Step::To(state)) = step(Running, happening) else {
                unreachable!("all of them end it")
            };
            assert!(step(state, Happening::Started).is_err());
        }
    }
}
