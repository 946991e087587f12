//! Where a ticket may go.

use millwright_schemas::Timestamp;
use millwright_schemas::api::tickets::{MoveTicket, Priority, ResolutionCode, TicketState};
use millwright_schemas::wire::events::Severity;

use super::{TicketRecord, is_worse};
use crate::fields::{Fields, InvalidFields};

/// Longest comment of a move, in characters.
const COMMENT_MAX: usize = 2_000;

/// A ticket in this state can't go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ticket is {from}: it can't go to {to}; allowed: {}", list(*.from))]
pub struct IllegalMove {
    /// Where it is.
    pub from: TicketState,
    /// Where it should go.
    pub to: TicketState,
}

fn list(from: TicketState) -> String {
    let words: Vec<_> = next_states(from).iter().map(|state| state.as_str()).collect();
    if words.is_empty() { "nothing, it is final".to_owned() } else { words.join(", ") }
}

/// States that a ticket may go to. `in_progress` from `resolved` or `closed` reopens it.
#[must_use]
pub const fn next_states(state: TicketState) -> &'static [TicketState] {
    use TicketState as S;
    match state {
        S::New => &[S::InProgress, S::OnHold, S::Resolved, S::Canceled],
        S::InProgress => &[S::OnHold, S::Resolved, S::Canceled],
        S::OnHold => &[S::InProgress, S::Resolved, S::Canceled],
        S::Resolved => &[S::InProgress, S::Closed],
        S::Closed => &[S::InProgress],
        S::Canceled => &[],
    }
}

/// Checks what goes with a move, whatever state the ticket is in.
///
/// # Errors
/// Fields that are missing, or that have no place there.
pub fn check_move(wanted: &MoveTicket) -> Result<(), InvalidFields> {
    let mut fields = Fields::default();
    needed_only(&mut fields, wanted, "hold_reason", TicketState::OnHold);
    needed_only(&mut fields, wanted, "resolution_code", TicketState::Resolved);
    if let Some(comment) = &wanted.comment {
        fields.lines("comment", comment, COMMENT_MAX);
    }
    fields.finish()
}

fn needed_only(fields: &mut Fields, wanted: &MoveTicket, field: &str, place: TicketState) {
    let given = match place {
        TicketState::OnHold => wanted.hold_reason.is_some(),
        _ => wanted.resolution_code.is_some(),
    };
    match (wanted.to == place, given) {
        (true, false) => fields.refuse(field, format!("is needed to go to {place}")),
        (false, true) => fields.refuse(field, format!("goes only with {place}")),
        _ => {}
    }
}

/// Moves a ticket as a person wants. `reopen_within_s`: how long it stays resolved before it is
/// closed.
///
/// # Errors
/// [`IllegalMove`] when its state doesn't allow it.
pub fn step(
    before: &TicketRecord,
    wanted: &MoveTicket,
    reopen_within_s: i64,
    now: Timestamp,
) -> Result<TicketRecord, IllegalMove> {
    let from = before.ticket.state;
    if !next_states(from).contains(&wanted.to) {
        return Err(IllegalMove { from, to: wanted.to });
    }
    Ok(match (wanted.to, wanted.resolution_code) {
        (TicketState::InProgress, _)
            if matches!(from, TicketState::Resolved | TicketState::Closed) =>
        {
            reopen(before, TicketState::InProgress, now)
        }
        (TicketState::Resolved, Some(code)) => {
            resolve(before, code, wanted.comment.clone(), reopen_within_s, now)
        }
        (TicketState::Closed, _) => close(before, now),
        (to, _) => {
            let mut record = changed(before, to, now);
            record.ticket.hold_reason = wanted.hold_reason;
            record.ticket.closed_at = (to == TicketState::Canceled).then_some(now);
            record
        }
    })
}

fn changed(before: &TicketRecord, to: TicketState, now: Timestamp) -> TicketRecord {
    let mut record = before.clone();
    record.ticket.state = to;
    record.ticket.next_states = next_states(to).to_vec();
    record.ticket.hold_reason = None;
    record.ticket.version += 1;
    record.ticket.updated_at = now;
    record
}

/// Work is to be done again.
#[must_use]
pub fn reopen(before: &TicketRecord, to: TicketState, now: Timestamp) -> TicketRecord {
    let mut record = changed(before, to, now);
    record.ticket.reopened += 1;
    record.ticket.resolution_code = None;
    record.ticket.resolution = None;
    record.ticket.resolved_at = None;
    record.ticket.closed_at = None;
    record.close_at = None;
    record
}

/// It is done, and will be closed if nothing reopens it.
#[must_use]
pub fn resolve(
    before: &TicketRecord,
    code: ResolutionCode,
    resolution: Option<String>,
    reopen_within_s: i64,
    now: Timestamp,
) -> TicketRecord {
    let mut record = changed(before, TicketState::Resolved, now);
    record.ticket.resolution_code = Some(code);
    record.ticket.resolution = resolution;
    record.ticket.resolved_at = Some(now);
    record.close_at = Some(now.plus_seconds(reopen_within_s));
    record
}

/// It is done for good.
#[must_use]
pub fn close(before: &TicketRecord, now: Timestamp) -> TicketRecord {
    let mut record = changed(before, TicketState::Closed, now);
    record.ticket.closed_at = Some(now);
    record.close_at = None;
    record
}

/// An alarm has got worse, or a worse one has joined: the ticket is at least this urgent. A person
/// may lower it again; only something still worse raises it then. `None`: nothing changes.
#[must_use]
pub fn escalate(
    before: &TicketRecord,
    severity: Severity,
    priority: Priority,
    now: Timestamp,
) -> Option<TicketRecord> {
    if !is_worse(severity, before.worst) {
        return None;
    }
    let mut record = before.clone();
    record.worst = Some(severity);
    record.ticket.priority = record.ticket.priority.min(priority);
    record.ticket.version += 1;
    record.ticket.updated_at = now;
    Some(record)
}
