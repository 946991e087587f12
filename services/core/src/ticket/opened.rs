//! A ticket that the platform opens.

use millwright_schemas::api::tickets::{Priority, Ticket, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, TicketId, Timestamp};

use super::{TicketRecord, next_states, number_text};
use crate::access::Actor;

/// What a new ticket is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its id.
    pub id: TicketId,
    /// Its number.
    pub number: i64,
    /// Whose machine.
    pub organization: OrganizationId,
    /// The machine.
    pub machine: MachineId,
    /// What it is about, for the platform.
    pub cause: String,
    /// What it is about, for people.
    pub title: String,
    /// More about it.
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// The severity of its alarm.
    pub worst: Option<Severity>,
    /// Who opens it.
    pub by: Actor,
    /// When what it is about began, in event time, if an alarm opens it.
    pub began_at: Option<Timestamp>,
}

/// The ticket as it is then. Nobody works on it yet.
#[must_use]
pub fn opened(opened: Opened, now: Timestamp) -> TicketRecord {
    let state = TicketState::New;
    let ticket = Ticket {
        id: opened.id,
        number: number_text(opened.number),
        organization_id: opened.organization,
        machine_id: opened.machine,
        title: opened.title,
        description: opened.description,
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: opened.priority,
        assignee_id: None,
        opened_by: opened.by.into(),
        reopened: 0,
        active_alarms: 0,
        alarms: 0,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: Default::default(),
        version: 1,
        created_at: now,
        updated_at: now,
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let Opened { cause, worst, began_at, .. } = opened;
    TicketRecord { ticket, cause: Some(cause), worst, close_at: None, began_at }
}
