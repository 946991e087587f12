//! Audit records and domain events of people's changes, written together.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{OrganizationId, Timestamp};
use millwright_store::audit::{self, NewRecord};
use millwright_store::events::{self, NewEvent};
use millwright_store::{StoreError, Tx};
use serde_json::{Map, Value};

/// What was done.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) organization: OrganizationId,
    pub(crate) actor: Actor,
    pub(crate) action: &'static str,
    pub(crate) subject: Subject,
    pub(crate) version: Option<i64>,
    pub(crate) details: Map<String, Value>,
    pub(crate) at: Timestamp,
}

/// Writes the audit record and the event of a change.
pub(crate) async fn change(tx: &Tx, done: Done) -> Result<(), StoreError> {
    let event = NewEvent {
        organization: done.organization,
        event_type: done.action,
        subject: done.subject.clone(),
        version: done.version,
        actor: done.actor,
        origin: None,
        data: done.details.clone(),
        occurred_at: done.at,
    };
    events::append(tx, event).await?;
    audit_only(tx, done).await
}

/// Writes the audit record of something that isn't a change that others follow, such as a
/// sign-in.
pub(crate) async fn audit_only(tx: &Tx, done: Done) -> Result<(), StoreError> {
    let record = NewRecord {
        organization: done.organization,
        actor: done.actor,
        action: done.action,
        subject: done.subject,
        details: done.details,
        at: done.at,
    };
    audit::append(tx, record).await
}
