//! What of a machine's messages is missing, doubled or refused.

use millwright_schemas::MachineId;
use sqlx::Row as _;

use super::scoped::require_machine;
use crate::telemetry::streams::{CursorRow, GapRow, key};
use crate::{Scope, Store, StoreError};

/// How completely a machine's messages have arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// How far each stream has been received.
    pub cursors: Vec<CursorRow>,
    /// What is missing in between.
    pub gaps: Vec<GapRow>,
    /// What was doubled or refused.
    pub counters: Counters,
}

/// What was doubled or refused, since the machine was registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Values and events that came again with the same content.
    pub duplicates: i64,
    /// Values and events that came again with another content; the first one stays.
    pub conflicts: i64,
    /// Messages put into quarantine, whole or in part.
    pub quarantined: i64,
    /// Of these, how many the quarantine's bound has pushed out.
    pub quarantine_dropped: i64,
    /// Values that came after the detection had passed their time.
    pub late: i64,
}

/// Reads it all: cursors and gaps are bounded per machine.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn read(store: &Store, scope: Scope, machine: MachineId) -> Result<Loss, StoreError> {
    require_machine(store, scope, machine).await?;
    let mut loss = Loss { counters: counters(store, machine).await?, ..Loss::default() };
    let rows = sqlx::query(
        "SELECT machine_id, outbox, topic, last_seq, through_ts, updated_at \
         FROM stream_cursors WHERE machine_id = ? ORDER BY outbox, topic",
    )
    .bind(machine.uuid())
    .fetch_all(store.reader_pool())
    .await?;
    for row in &rows {
        loss.cursors.push(CursorRow {
            key: key(row)?,
            last_seq: row.try_get(3)?,
            through_ts: row.try_get(4)?,
            updated_at: row.try_get(5)?,
        });
    }
    let rows = sqlx::query(
        "SELECT machine_id, outbox, topic, from_seq, to_seq, detected_at \
         FROM gaps WHERE machine_id = ? ORDER BY outbox, topic, from_seq",
    )
    .bind(machine.uuid())
    .fetch_all(store.reader_pool())
    .await?;
    for row in &rows {
        loss.gaps.push(GapRow {
            key: key(row)?,
            from_seq: row.try_get(3)?,
            to_seq: row.try_get(4)?,
            detected_at: row.try_get(5)?,
        });
    }
    Ok(loss)
}

pub(super) async fn counters(store: &Store, machine: MachineId) -> Result<Counters, StoreError> {
    let row: Option<(i64, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT duplicates, conflicts, quarantined, quarantine_dropped, late \
         FROM machine_counters WHERE machine_id = ?",
    )
    .bind(machine.uuid())
    .fetch_optional(store.reader_pool())
    .await?;
    let (duplicates, conflicts, quarantined, quarantine_dropped, late) = row.unwrap_or_default();
    Ok(Counters { duplicates, conflicts, quarantined, quarantine_dropped, late })
}
