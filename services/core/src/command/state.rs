//! Where a command is, with what belongs to it there.

use millwright_schemas::LedgerId;
use millwright_schemas::api::commands::CommandState;

/// Where a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for a second person's approval.
    AwaitingApproval,
    /// Waits for the machine, or for the machine's earlier commands. Never handed over.
    Queued,
    /// Handed over, or about to be.
    Out(Out),
    /// Over.
    Ended(End),
}

/// A command that was handed over, or about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Out {
    /// How far it has got, as far as is known.
    pub reached: Reached,
    /// The ledger that it was signed for. `None`: for none, or the machine reported about a
    /// command that the platform knows nothing of having sent.
    pub ledger: Option<LedgerId>,
    /// Whether it is to be canceled.
    pub cancel: bool,
}

/// How far a command has got that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Its time is over and the machine hasn't reported.
    Unconfirmed,
    /// Handed over; whether the machine has it isn't known.
    Sent,
    /// In the machine's ledger.
    Received,
    /// Waits for the operator on site.
    AwaitingConsent,
    /// Runs.
    Running,
}

/// How a command ended. Nothing leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Stopped at its deadline.
    TimedOut,
    /// Refused; it didn't run.
    Rejected,
    /// Canceled.
    Canceled,
    /// Its time was over before it was begun; it didn't run.
    Expired,
    /// Outcome unknown.
    Interrupted,
}

impl State {
    /// From what is stored.
    #[must_use]
    pub const fn of(word: CommandState, ledger: Option<LedgerId>, cancel: bool) -> Self {
        use CommandState as W;
        let reached = match word {
            W::AwaitingApproval => return Self::AwaitingApproval,
            W::Queued => return Self::Queued,
            W::Succeeded => return Self::Ended(End::Succeeded),
            W::Failed => return Self::Ended(End::Failed),
            W::TimedOut => return Self::Ended(End::TimedOut),
            W::Rejected => return Self::Ended(End::Rejected),
            W::Canceled => return Self::Ended(End::Canceled),
            W::Expired => return Self::Ended(End::Expired),
            W::Interrupted => return Self::Ended(End::Interrupted),
            W::Sent => Reached::Sent,
            W::Received => Reached::Received,
            W::AwaitingConsent => Reached::AwaitingConsent,
            W::Running => Reached::Running,
            W::Unconfirmed => Reached::Unconfirmed,
        };
        Self::Out(Out { reached, ledger, cancel })
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> CommandState {
        use CommandState as W;
        match self {
            Self::AwaitingApproval => W::AwaitingApproval,
            Self::Queued => W::Queued,
            Self::Out(out) => match out.reached {
                Reached::Sent => W::Sent,
                Reached::Received => W::Received,
                Reached::AwaitingConsent => W::AwaitingConsent,
                Reached::Running => W::Running,
                Reached::Unconfirmed => W::Unconfirmed,
            },
            Self::Ended(end) => match end {
                End::Succeeded => W::Succeeded,
                End::Failed => W::Failed,
                End::TimedOut => W::TimedOut,
                End::Rejected => W::Rejected,
                End::Canceled => W::Canceled,
                End::Expired => W::Expired,
                End::Interrupted => W::Interrupted,
            },
        }
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// What people may do with it now.
    #[must_use]
    pub const fn moves(self) -> &'static [&'static str] {
        match self {
            Self::AwaitingApproval => &["approve", "refuse", "cancel"],
            Self::Queued | Self::Out(_) => &["cancel"],
            Self::Ended(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for word in CommandState::ALL {
            let state = State::of(*word, None, false);
            assert_eq!(state.word(), *word);
            assert_eq!(state.is_final(), word.is_final(), "{word}");
            assert_eq!(state.moves().is_empty(), word.is_final(), "{word}");
        }
    }
}
