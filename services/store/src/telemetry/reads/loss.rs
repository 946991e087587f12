//! What of a machine's messages is missing, doubled or refused.

use millwright_schemas::MachineId;

use super::scoped::require_machine;
use crate::telemetry::streams::{self, CursorRow, GapRow};
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
    /// Values that no rule has seen: their time had been passed, or hadn't come.
    pub late: i64,
    /// Values whose time hadn't come, those that came again among them.
    pub ahead: i64,
}

/// Reads it all: cursors and gaps are bounded per machine.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn read(store: &Store, scope: Scope, machine: MachineId) -> Result<Loss, StoreError> {
    require_machine(store, scope, machine).await?;
    let id = [machine.uuid().into()];
    let cursors = "SELECT machine_id, outbox, topic, last_seq, through_ts, updated_at \
                   FROM stream_cursors WHERE machine_id = ? ORDER BY outbox, topic";
    let gaps = "SELECT machine_id, outbox, topic, from_seq, to_seq, detected_at \
                FROM gaps WHERE machine_id = ? ORDER BY outbox, topic, from_seq";
    let pool = store.reader_pool();
    let cursors = pool.fetch(cursors, &id).await?;
    let gaps = pool.fetch(gaps, &id).await?;
    Ok(Loss {
        cursors: cursors.iter().map(streams::cursor).collect::<Result<_, _>>()?,
        gaps: gaps.iter().map(streams::gap).collect::<Result<_, _>>()?,
        counters: counters(store, machine).await?,
    })
}

pub(super) async fn counters(store: &Store, machine: MachineId) -> Result<Counters, StoreError> {
    let sql = "SELECT duplicates, conflicts, quarantined, quarantine_dropped, late, ahead \
               FROM machine_counters WHERE machine_id = ?";
    let row = store.reader_pool().first(sql, &[machine.uuid().into()]).await?;
    let Some(row) = row else { return Ok(Counters::default()) };
    Ok(Counters {
        duplicates: row.get(0)?,
        conflicts: row.get(1)?,
        quarantined: row.get(2)?,
        quarantine_dropped: row.get(3)?,
        late: row.get(4)?,
        ahead: row.get(5)?,
    })
}
