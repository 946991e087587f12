//! What becomes of tickets when an alarm has changed.

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::policies::TicketPolicy;
use millwright_schemas::api::tickets::TicketState;

use super::{TicketRecord, is_open, is_worse};
use crate::alarm::{is_annunciated, rank};

/// What is known when an alarm has changed.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The alarm as it is now.
    pub alarm: &'a Alarm,
    /// What its organization wants.
    pub policy: &'a TicketPolicy,
    /// The ticket it is on.
    pub own: Option<&'a TicketRecord>,
    /// The newest ticket of its cause.
    pub last: Option<&'a TicketRecord>,
    /// Whether it was annunciated until it cleared, and no ticket had been looked for by then. How long
    /// ticketing takes to look mustn't decide whether a fault leaves a trace.
    pub brief: bool,
    /// Whether it, or another alarm of its ticket, comes and goes: its end says nothing then.
    pub flapping: bool,
    /// When it is decided.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision<'a> {
    /// Nothing.
    Nothing,
    /// A ticket is opened.
    Open,
    /// The alarm joins this open ticket.
    Join(&'a TicketRecord),
    /// This resolved ticket is reopened.
    Reopen(&'a TicketRecord),
    /// The alarm's ticket may have become more urgent.
    Escalate(&'a TicketRecord),
    /// The alarm is over; its ticket stays open.
    NoteCleared(&'a TicketRecord),
    /// The alarm is over, and with it its ticket.
    Resolve(&'a TicketRecord),
}

/// Decides what becomes of tickets. Deciding again after it was done decides for nothing.
#[must_use]
pub fn decide(seen: Seen<'_>) -> Decision<'_> {
    let Seen { alarm, policy, own, last, brief, flapping, now } = seen;
    let own_is_open = own.is_some_and(|own| is_open(own.ticket.state));
    match own {
        Some(_) if !alarm.active && own_is_open && flapping => Decision::Nothing,
        Some(own) if !alarm.active && own_is_open => {
            if policy.resolve_when_cleared && own.ticket.active_alarms == 0 {
                Decision::Resolve(own)
            } else {
                Decision::NoteCleared(own)
            }
        }
        _ if !brief && !is_annunciated(alarm, now) => Decision::Nothing,
        Some(own) if !is_worse(alarm.severity, own.worst) => Decision::Nothing,
        Some(own) if own_is_open => Decision::Escalate(own),
        // No ticket yet; or it has got worse after somebody thought that it was done.
        _ if rank(alarm.severity) < rank(policy.open_from) => Decision::Nothing,
        _ => match last {
            Some(last) if is_open(last.ticket.state) => Decision::Join(last),
            Some(last) if may_reopen(last, now) => Decision::Reopen(last),
            _ => Decision::Open,
        },
    }
}

fn may_reopen(last: &TicketRecord, now: Timestamp) -> bool {
    last.ticket.state == TicketState::Resolved && last.close_at.is_some_and(|at| now < at)
}
