//! What an event makes of a command.

use millwright_schemas::LedgerId;
use millwright_schemas::api::commands::CommandState;
use millwright_schemas::wire::command::{CommandReport, Rejection};
use millwright_schemas::wire::events::EventType;

use super::state::{End, Out, Reached, State};

/// What happens to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A second person approved it.
    Approved,
    /// A second person refused it.
    Refused,
    /// The catalogue, known by now, doesn't allow it.
    Unfit,
    /// It is about to be handed over, signed for this ledger.
    Sent(Option<LedgerId>),
    /// The machine reported.
    Reported(Report),
    /// Somebody wants it to be canceled.
    CancelRequested,
    /// Its time is over.
    ExpiryPassed,
    /// The machine has another ledger than the one it was signed for.
    LedgerChanged,
    /// Its time is over, and the machine's ledger says that it never came.
    NeverReceived,
    /// The machine was taken out of use: nothing more will be heard of it.
    OutOfUse,
}

/// What a machine reports about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is in the ledger.
    Received,
    /// The operator on site is asked.
    AwaitingConsent,
    /// It runs.
    Started,
    /// It runs and has printed something.
    Progress,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// It was stopped at its deadline.
    TimedOut,
    /// It was canceled.
    Canceled,
    /// The agent was killed meanwhile: outcome unknown.
    Interrupted,
    /// The agent refuses it, for this reason.
    Rejected(Option<Rejection>),
}

/// What is to be done after a step, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It takes the last place in the machine's order.
    TakePlace,
    /// The output in the report is appended.
    AppendOutput,
    /// What the report says about the end is kept.
    KeepResult,
    /// The change is recorded under this name: audit record and domain event.
    Record(&'static str),
    /// It is told as a domain event of this name only.
    Tell(&'static str),
    /// A signed cancellation goes out.
    SendCancel,
    /// The machine's next command may go: look.
    SendNext,
}

/// A command after an event. No effects: nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it is now.
    pub state: State,
    /// What is to be done.
    pub effects: Vec<Effect>,
}

/// The state doesn't allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Illegal {
    /// Where the command is.
    pub state: CommandState,
    /// What can't be done.
    pub refused: &'static str,
    /// What can.
    pub allowed: &'static [&'static str],
}

impl std::error::Error for Illegal {}

impl std::fmt::Display for Illegal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { state, refused, allowed } = self;
        write!(f, "a command that is {state} can't be {refused}; allowed now: ")?;
        if allowed.is_empty() { f.write_str("nothing") } else { f.write_str(&allowed.join(", ")) }
    }
}

impl Report {
    /// From an event's type and data; `None`: it says nothing about a command.
    #[must_use]
    pub const fn read(event_type: &EventType, report: &CommandReport) -> Option<Self> {
        Some(match event_type {
            EventType::CommandReceived => Self::Received,
            EventType::CommandAwaitingConsent => Self::AwaitingConsent,
            EventType::CommandStarted => Self::Started,
            EventType::CommandProgress => Self::Progress,
            EventType::CommandSucceeded => Self::Succeeded,
            EventType::CommandFailed => Self::Failed,
            EventType::CommandTimedOut => Self::TimedOut,
            EventType::CommandCanceled => Self::Canceled,
            EventType::CommandInterrupted => Self::Interrupted,
            EventType::CommandRejected => Self::Rejected(report.reason),
            _ => return None,
        })
    }
}

/// The command after an event.
///
/// # Errors
/// [`Illegal`] when the state doesn't allow it. What machines report and what time brings is
/// never illegal: what comes too late changes nothing.
pub fn step(state: State, event: Event) -> Result<Step, Illegal> {
    use Effect as E;
    let illegal = |refused| Err(Illegal { state: state.word(), refused, allowed: state.moves() });
    Ok(match (state, event) {
        (State::AwaitingApproval, Event::Approved) => Step {
            state: State::Queued,
            effects: vec![E::TakePlace, E::Record("command.approved"), E::SendNext],
        },
        (_, Event::Approved) => return illegal("approved"),
        (State::AwaitingApproval, Event::Refused) => end(End::Rejected, "command.refused"),
        (_, Event::Refused) => return illegal("refused"),
        // Signed for no ledger: no agent has run it.
        (
            State::Queued | State::Out(Out { reached: Reached::Sent, ledger: None, .. }),
            Event::Unfit,
        ) => end(End::Rejected, "command.rejected"),
        (_, Event::Unfit) => return illegal("found unfit"),
        (_, Event::Sent(ledger)) => match sent(state, ledger) {
            Some(step) => step,
            None => return illegal("sent"),
        },
        (State::Ended(_), Event::CancelRequested) => return illegal("canceled"),
        (_, Event::CancelRequested) => cancel(state),
        (State::Ended(_), _) => unchanged(state),
        (_, Event::Reported(report)) => reported(state, report),
        (_, Event::ExpiryPassed) => expired(state),
        (State::Out(out), Event::LedgerChanged) => match (out.reached, out.ledger) {
            // Signed for no ledger: no agent has run it. It is signed for the new one.
            (Reached::Sent, None) => unchanged(state),
            _ => end(End::Interrupted, "command.interrupted"),
        },
        (State::Out(out), Event::NeverReceived) => match out.reached {
            Reached::Sent | Reached::Unconfirmed => end(End::Expired, "command.expired"),
            // The machine had it, and its ledger has lost it.
            _ => end(End::Interrupted, "command.interrupted"),
        },
        (_, Event::LedgerChanged | Event::NeverReceived) => unchanged(state),
        // Whatever was handed over may have run.
        (State::Out(_), Event::OutOfUse) => end(End::Interrupted, "command.interrupted"),
        (_, Event::OutOfUse) => end(End::Canceled, "command.canceled"),
    })
}

const fn unchanged(state: State) -> Step {
    Step { state, effects: Vec::new() }
}

fn end(end: End, name: &'static str) -> Step {
    Step {
        state: State::Ended(end),
        effects: vec![Effect::KeepResult, Effect::Record(name), Effect::SendNext],
    }
}

fn sent(state: State, ledger: Option<LedgerId>) -> Option<Step> {
    let out = |cancel| State::Out(Out { reached: Reached::Sent, ledger, cancel });
    match state {
        State::Queued => {
            Some(Step { state: out(false), effects: vec![Effect::Record("command.sent")] })
        }
        // Again, or with the ledger that the machine has told meanwhile.
        State::Out(Out { reached: Reached::Sent, ledger: before, cancel }) => {
            if before == ledger {
                Some(unchanged(state))
            } else if before.is_none() {
                let effects = vec![Effect::Record("command.sent")];
                Some(Step { state: out(cancel), effects })
            } else {
                None
            }
        }
        _ => None,
    }
}

fn cancel(state: State) -> Step {
    match state {
        State::Out(out) if out.cancel => unchanged(state),
        State::Out(out) => Step {
            state: State::Out(Out { cancel: true, ..out }),
            effects: vec![Effect::Record("command.cancel_requested"), Effect::SendCancel],
        },
        _ => end(End::Canceled, "command.canceled"),
    }
}

fn expired(state: State) -> Step {
    match state {
        State::AwaitingApproval | State::Queued => end(End::Expired, "command.expired"),
        State::Out(out) if out.reached == Reached::Sent => Step {
            state: State::Out(Out { reached: Reached::Unconfirmed, ..out }),
            effects: vec![Effect::Record("command.unconfirmed"), Effect::SendNext],
        },
        _ => unchanged(state),
    }
}

fn reported(state: State, report: Report) -> Step {
    match report {
        Report::Received => reach(state, Reached::Received, "command.received"),
        Report::AwaitingConsent => {
            reach(state, Reached::AwaitingConsent, "command.awaiting_consent")
        }
        Report::Started => reach(state, Reached::Running, "command.started"),
        Report::Progress => {
            let mut step = reach(state, Reached::Running, "command.started");
            step.effects.insert(0, Effect::AppendOutput);
            step.effects.push(Effect::Tell("command.progress"));
            step
        }
        Report::Succeeded => end(End::Succeeded, "command.succeeded"),
        Report::Failed => end(End::Failed, "command.failed"),
        Report::TimedOut => end(End::TimedOut, "command.timed_out"),
        Report::Canceled => end(End::Canceled, "command.canceled"),
        Report::Interrupted => end(End::Interrupted, "command.interrupted"),
        Report::Rejected(reason) => rejected(state, reason),
    }
}

/// The machine is further than was known; or not, when its report came late.
fn reach(state: State, reached: Reached, name: &'static str) -> Step {
    let before = match state {
        State::Out(out) if out.reached >= reached => return unchanged(state),
        State::Out(out) => out,
        // The machine is right: it has what we think we have never sent.
        _ => Out { reached: Reached::Sent, ledger: None, cancel: false },
    };
    let mut effects = vec![Effect::Record(name)];
    if before.reached < Reached::Received {
        effects.push(Effect::SendNext);
    }
    Step { state: State::Out(Out { reached, ..before }), effects }
}

fn rejected(state: State, reason: Option<Rejection>) -> Step {
    let running = matches!(state, State::Out(out) if out.reached == Reached::Running);
    let signed = matches!(state, State::Out(out)
        if out.ledger.is_some() || !matches!(out.reached, Reached::Sent | Reached::Unconfirmed));
    match reason {
        // What was begun can't be refused any more: the agent that refuses isn't the one that
        // began it.
        _ if running => end(End::Interrupted, "command.interrupted"),
        Some(Rejection::OtherLedger) if signed => end(End::Interrupted, "command.interrupted"),
        // Never signed for a ledger: it will be, for the one that the machine tells.
        Some(Rejection::OtherLedger) => unchanged(state),
        Some(Rejection::Expired) => end(End::Expired, "command.expired"),
        _ => end(End::Rejected, "command.rejected"),
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
