//! What is on its way.

use millwright_schemas::wire::command::{CommandClaims, Rejection};
use millwright_schemas::{CommandId, LedgerId, Timestamp};

/// An order on its way to the machine. Nothing is said about when it arrives, or how often.
#[derive(Debug, Clone)]
pub(crate) enum Down {
    /// A signed command.
    Command(CommandClaims),
    /// A signed cancellation.
    Cancel(CommandId),
}

/// What the agent tells about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Received,
    AwaitingConsent,
    Started,
    Succeeded,
    Failed,
    TimedOut,
    Canceled,
    Interrupted,
    Rejected(Rejection),
}

/// An event on its way to the platform: reports by the outbox, capabilities beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Up {
    /// About a command.
    Command(CommandId, Word),
    /// The ledger, when the agent has connected or was asked.
    Capabilities { ledger: LedgerId, last_ord: u64, reported_ord: Option<u64>, ts: Timestamp },
}
