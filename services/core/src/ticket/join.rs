//! Tickets that take up alarms of their group, or each other.

use millwright_schemas::Timestamp;
use millwright_schemas::api::tickets::{Priority, TicketState};
use millwright_schemas::wire::events::Severity;

use super::{GROUP_SPAN_MAX_S, TicketRecord, is_open, is_worse, next_states};

/// How urgent what joins a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joining {
    /// How bad the alarm is.
    pub severity: Severity,
    /// What that means at its machine.
    pub priority: Priority,
}

/// Whether an open ticket is about what happens at this time: it began near it. One that somebody
/// has put on hold yesterday takes up nothing of today.
#[must_use]
pub fn is_of_time(record: &TicketRecord, at: Timestamp) -> bool {
    let near = |began: Timestamp| {
        at.micros_since(began).abs() <= GROUP_SPAN_MAX_S.saturating_mul(1_000_000)
    };
    is_open(record.ticket.state) && record.began_at.is_some_and(near)
}

/// Whether the platform has opened a ticket and nobody has taken it up so far. Comments are to be
/// looked for apart.
#[must_use]
pub fn is_untouched(record: &TicketRecord) -> bool {
    let ticket = &record.ticket;
    ticket.state == TicketState::New
        && ticket.assignee_id.is_none()
        && ticket.opened_by.kind == "platform"
}

/// The ticket with more alarms of its group: as urgent as the most urgent of them. Each is something
/// new, so that it counts even if a person has made the ticket less urgent before.
#[must_use]
pub fn join(before: &TicketRecord, joining: &[Joining], now: Timestamp) -> TicketRecord {
    let mut record = before.clone();
    for one in joining {
        if is_worse(one.severity, record.worst) {
            record.worst = Some(one.severity);
        }
        record.ticket.priority = record.ticket.priority.min(one.priority);
    }
    record.ticket.version += 1;
    record.ticket.updated_at = now;
    record
}

/// An untouched ticket whose alarms go over to another one. It is canceled: not needed.
#[must_use]
pub fn merge(before: &TicketRecord, into: &str, now: Timestamp) -> TicketRecord {
    let mut record = before.clone();
    record.ticket.state = TicketState::Canceled;
    record.ticket.next_states = next_states(TicketState::Canceled).to_vec();
    record.ticket.resolution = Some(format!("merged into {into}"));
    record.ticket.closed_at = Some(now);
    record.ticket.version += 1;
    record.ticket.updated_at = now;
    record
}
