//! The trace that a change of a ticket leaves: audit record, domain event, and a note for those
//! who work on it.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::api::tickets::{Ticket, TicketComment};
use millwright_schemas::{CommentId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::tickets::comments;
use millwright_store::{StoreError, Tx};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Fields that say nothing about what was changed, or that follow from others.
pub(crate) const UNTOLD: [&str; 6] =
    ["version", "updated_at", "next_states", "alarms", "active_alarms", "alarm_list"];

/// What happened to a ticket, by whom and when.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) action: &'static str,
    pub(crate) note: &'static str,
    pub(crate) text: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) by: Actor,
    pub(crate) at: Timestamp,
}

/// Records what happened, with its note.
pub(crate) async fn tell(tx: &Tx, ticket: &Ticket, what: Happening) -> Result<(), StoreError> {
    record(tx, ticket, what.action, what.data.clone(), what.by, what.at).await?;
    note(tx, ticket, what).await
}

/// Only the note.
pub(crate) async fn note(tx: &Tx, ticket: &Ticket, what: Happening) -> Result<(), StoreError> {
    let comment = TicketComment {
        id: CommentId(Uuid::now_v7()),
        by: what.by.into(),
        at: what.at,
        note: Some(what.note.to_owned()),
        text: what.text,
        data: what.data,
    };
    comments::insert(tx, ticket.organization_id, ticket.id, &comment).await.map(drop)
}

/// Only audit record and event.
pub(crate) async fn record(
    tx: &Tx,
    ticket: &Ticket,
    action: &'static str,
    mut details: Map<String, Value>,
    actor: Actor,
    at: Timestamp,
) -> Result<(), StoreError> {
    details.insert("number".to_owned(), ticket.number.clone().into());
    details.insert("machine_id".to_owned(), ticket.machine_id.to_string().into());
    let change = Change {
        organization: ticket.organization_id,
        actor,
        action,
        subject: Subject::new("ticket", ticket.id),
        version: Some(ticket.version),
        details,
        at,
    };
    changes::record(tx, change).await
}

/// Names and values as parameters of a note.
pub(crate) fn data<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
