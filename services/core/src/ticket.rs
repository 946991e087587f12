//! Rules of tickets: where they may go, how urgent they are, what alarms do to them.

mod decide;
mod group;
mod join;
mod moves;
mod opened;
mod root;

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::machines::Criticality;
use millwright_schemas::api::tickets::{Priority, Ticket, TicketState};
use millwright_schemas::wire::events::Severity;

use crate::alarm::rank;

pub use decide::{Decision, Seen, decide};
pub use group::{GROUP_SPAN_MAX_S, Sign, began, group};
pub use join::{Joining, is_of_time, is_untouched, join, merge};
pub use moves::{IllegalMove, check_move, close, escalate, next_states, reopen, resolve, step};
pub use opened::{Opened, opened};
pub use root::{group_title, root, tie};

/// The number of the first ticket.
pub const FIRST_NUMBER: i64 = 1_001;
/// Longest title, in characters.
pub const TITLE_MAX: usize = 200;

/// A ticket with what only the platform needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRecord {
    /// The ticket.
    pub ticket: Ticket,
    /// What it is about; `None` for one that was opened by hand. One ticket of a cause is open.
    pub cause: Option<String>,
    /// The worst severity that its alarms have had since it was opened or reopened.
    pub worst: Option<Severity>,
    /// When it is closed, if it is resolved and nothing reopens it.
    pub close_at: Option<Timestamp>,
    /// When what it is about began, in event time: the alarm that has opened it, or reopened it
    /// last. `None` for one that no alarm has opened.
    pub began_at: Option<Timestamp>,
}

/// Whether work is still to be done.
#[must_use]
pub const fn is_open(state: TicketState) -> bool {
    matches!(state, TicketState::New | TicketState::InProgress | TicketState::OnHold)
}

/// A ticket's number as people write it.
#[must_use]
pub fn number_text(number: i64) -> String {
    format!("T-{number}")
}

/// The number that people have written, such as `T-1042`, `t-1042` or `1042`.
#[must_use]
pub fn parse_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix("T-").or_else(|| text.strip_prefix("t-")).unwrap_or(text);
    let digit = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    Some(digits).filter(|digits| digit(digits))?.parse().ok()
}

/// What an alarm's ticket is about: alarms with one cause share it. All lost contact of a machine
/// is one cause.
#[must_use]
pub fn cause(alarm: &Alarm) -> String {
    let machine = alarm.machine_id;
    match alarm.origin {
        AlarmOrigin::Contact => format!("contact:{machine}"),
        origin => {
            // So that no two keys have one cause.
            let source = alarm.source.replace('%', "%25").replace(':', "%3A");
            format!("alarm:{machine}:{origin}:{source}:{}", alarm.code)
        }
    }
}

/// The title of an alarm's ticket: the alarm's words, else its code.
#[must_use]
pub fn title(alarm: &Alarm) -> String {
    let words = alarm.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = [alarm.source.as_str(), alarm.code.as_str()];
    let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let title = match (alarm.origin, words.is_empty()) {
        (_, true) => place,
        (AlarmOrigin::Fault, false) => format!("{words} ({place})"),
        (AlarmOrigin::Rule | AlarmOrigin::Contact, false) => words,
    };
    let printable = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(TITLE_MAX).collect()
}

/// How urgent a ticket is: from its alarm's severity and how much depends on the machine.
#[must_use]
pub const fn priority(severity: Severity, criticality: Criticality) -> Priority {
    use Priority as P;
    let usual = match severity {
        Severity::Critical => P::P1,
        Severity::Major => P::P2,
        Severity::Minor => P::P3,
        Severity::Warning | Severity::Indeterminate => P::P4,
    };
    match (criticality, usual) {
        (Criticality::Normal, usual) => usual,
        (Criticality::High, P::P1 | P::P2) => P::P1,
        (Criticality::High, P::P3) | (Criticality::Low, P::P1) => P::P2,
        (Criticality::High, P::P4) | (Criticality::Low, P::P2) => P::P3,
        (Criticality::Low, P::P3 | P::P4) => P::P4,
    }
}

/// Whether one severity is worse than what has been.
fn is_worse(severity: Severity, worst: Option<Severity>) -> bool {
    worst.is_none_or(|worst| rank(severity) > rank(worst))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
