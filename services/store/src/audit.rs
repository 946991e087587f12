//! The audit log's rows: written in the transaction of what they prove.

use millwright_core::access::Actor;
use millwright_core::audit::{AuditRecord, RECORD_VERSION, Subject};
use millwright_schemas::{EventId, OrganizationId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entities::audit::{ActiveModel, Column, Entity};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

/// What was done, about to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Whose log it belongs to.
    pub organization: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `machine.created`.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// More about it; never a secret.
    pub details: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

/// Records what was done, in the transaction that does it.
///
/// # Errors
/// When the record has no canonical form or the database refuses it.
pub async fn append(tx: &Tx, new: NewRecord) -> Result<(), StoreError> {
    let record = AuditRecord {
        v: RECORD_VERSION,
        id: EventId(Uuid::now_v7()),
        at: new.at,
        organization: new.organization,
        actor: new.actor,
        action: new.action.to_owned(),
        subject: new.subject,
        details: new.details,
    };
    let canonical = record.canonical().map_err(|error| StoreError::corrupt("audit", error))?;
    let actor = serde_json::to_string(&record.actor)
        .map_err(|error| StoreError::corrupt("audit", error))?;
    let row = ActiveModel {
        id: Set(record.id.uuid()),
        organization_id: Set(record.organization.uuid()),
        at: Set(record.at.micros()),
        action: Set(record.action),
        actor: Set(actor),
        subject_kind: Set(record.subject.kind),
        subject_id: Set(record.subject.id),
        record: Set(canonical),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Records, newest first, with the number of their row.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    page: &PageRequest<i64>,
) -> Result<Vec<(i64, AuditRecord)>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .order_by_desc(Column::Seq)
        .limit(page.rows());
    if let Some(before) = page.after {
        query = query.filter(Column::Seq.lt(before));
    }
    let rows = query.all(store.readers()).await?;
    rows.into_iter()
        .map(|row| {
            let record = serde_json::from_slice(&row.record)
                .map_err(|error| StoreError::corrupt("audit", error))?;
            Ok((row.seq, record))
        })
        .collect()
}
