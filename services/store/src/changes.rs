//! A change leaves two traces in its transaction: an audit record and a domain event.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{OrganizationId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::audit::{self, NewRecord};
use crate::events::{self, NewEvent};
use crate::{Conn, StoreError};

/// Something that has been changed, with the same name in the audit log and in the events.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `machine.created`.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// The object's version after the change, where it has one.
    pub version: Option<i64>,
    /// More about it; never a secret.
    pub details: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// Records a change in the transaction that makes it.
///
/// # Errors
/// When the database refuses it.
pub async fn record(tx: impl Into<Conn<'_>>, change: Change) -> Result<(), StoreError> {
    let mut conn = tx.into();
    let record = NewRecord {
        organization: change.organization,
        actor: change.actor,
        action: change.action,
        subject: change.subject.clone(),
        details: change.details.clone(),
        at: change.at,
    };
    audit::append(&mut conn, record).await?;
    let event = NewEvent {
        organization: change.organization,
        event_type: change.action,
        subject: change.subject,
        version: change.version,
        actor: change.actor,
        origin: None,
        data: change.details,
        occurred_at: change.at,
    };
    events::append(&mut conn, event).await
}

/// An object as details of its creation, without these fields.
///
/// # Errors
/// When it isn't a JSON object.
pub fn fields(object: &impl Serialize, without: &[&str]) -> Result<Map<String, Value>, StoreError> {
    let value =
        serde_json::to_value(object).map_err(|error| StoreError::corrupt("audit", error))?;
    let Value::Object(mut map) = value else {
        return Err(StoreError::corrupt("audit", "details aren't an object"));
    };
    for field in without {
        map.remove(*field);
    }
    Ok(map)
}

/// What differs between an object before and after, as `field: {"from": …, "to": …}`, without
/// these fields.
///
/// # Errors
/// When one isn't a JSON object.
pub fn differences<T: Serialize>(
    before: &T,
    after: &T,
    without: &[&str],
) -> Result<Map<String, Value>, StoreError> {
    let mut before = fields(before, without)?;
    let after = fields(after, without)?;
    let differing = after.into_iter().filter_map(|(field, to)| {
        let from = before.remove(&field).unwrap_or(Value::Null);
        (from != to).then(|| (field, json!({"from": from, "to": to})))
    });
    Ok(differing.collect())
}
