//! Events that a machine has reported.

use millwright_schemas::api::page::Page;
use millwright_schemas::{EventId, MachineId, OutboxId, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::scoped::require_machine;
use crate::engine::Row;
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// An event that a machine has reported.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedEvent {
    /// Unique for the machine.
    pub id: EventId,
    /// When it happened.
    pub ts: Timestamp,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// What happened.
    pub event_type: String,
    /// The store on the machine that it waited in, and its number there.
    pub stream: Option<(OutboxId, i64)>,
    /// Details.
    pub data: Map<String, Value>,
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only this type; one ending in `.*` stands for all that start so.
    pub event_type: Option<String>,
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
}

/// One page of a machine's events, newest first.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    filter: &EventFilter,
    page: &PageRequest<(i64, Uuid)>,
) -> Result<Page<ReportedEvent>, StoreError> {
    require_machine(store, scope, machine).await?;
    let (exact, prefix) = match filter.event_type.as_deref() {
        None => (None, None),
        Some(word) => match word.strip_suffix('*') {
            None => (Some(word), None),
            Some(prefix) => (None, Some(prefix)),
        },
    };
    let (after_ts, after_id) = page.after.unwrap_or((i64::MAX, Uuid::max()));
    let rows = store
        .reader_pool()
        .fetch(
            "SELECT id, ts, received_at, type, outbox, seq, data FROM machine_events \
             WHERE machine_id = ?1 AND ts >= ?2 AND ts < ?3 \
             AND (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR substr(type, 1, length(?5)) = ?5) \
             AND ts <= ?6 AND (ts < ?6 OR id < ?7) ORDER BY ts DESC, id DESC LIMIT ?8",
            &[
                machine.uuid().into(),
                filter.from.micros().into(),
                filter.to.micros().into(),
                exact.into(),
                prefix.into(),
                after_ts.into(),
                after_id.into(),
                i64::try_from(page.rows()).unwrap_or(i64::MAX).into(),
            ],
        )
        .await?;
    let events = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(page.page(events, |event| (event.ts.micros(), event.id.uuid())))
}

fn from_row(row: &Row) -> Result<ReportedEvent, StoreError> {
    let outbox: Option<Uuid> = row.get(4)?;
    let seq: Option<i64> = row.get(5)?;
    let data: String = row.get(6)?;
    Ok(ReportedEvent {
        id: EventId(row.get(0)?),
        ts: Timestamp::from_micros(row.get(1)?),
        received_at: Timestamp::from_micros(row.get(2)?),
        event_type: row.get(3)?,
        stream: outbox.map(OutboxId).zip(seq),
        data: serde_json::from_str(&data)
            .map_err(|error| StoreError::corrupt("machine_events", error))?,
    })
}
