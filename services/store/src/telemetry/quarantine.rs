//! Quarantine: what machines sent and can't be stored, with the reason; bounded per machine.

use millwright_schemas::MachineId;

use super::BatchTx;
use crate::StoreError;
use crate::engine::Cell;

/// Most rows that a machine has in quarantine; the oldest are dropped and counted.
pub const ROWS_MAX: i64 = 1_000;
/// Most bytes of payloads and reasons that a machine has in quarantine: 4 MiB.
pub const BYTES_MAX: i64 = 4 * 1024 * 1024;

/// A message, or a message's values, that couldn't be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Whose data.
    pub machine: MachineId,
    /// Receive time, in microseconds.
    pub received_at: i64,
    /// The part of the topic after `up/`.
    pub topic: String,
    /// A short stable word for the reason.
    pub code: &'static str,
    /// What is wrong, with the values at fault.
    pub reason: String,
    /// The message as received.
    pub payload: Vec<u8>,
}

/// Puts a row into quarantine. Whether it is new: a batch that is written again, because nobody
/// knows what became of it, adds nothing.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(
    tx: &mut BatchTx,
    row: &QuarantineRow,
    written_again: bool,
) -> Result<bool, StoreError> {
    let sql = if written_again {
        "INSERT INTO quarantine (machine_id, received_at, topic, code, reason, payload) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM quarantine \
         WHERE machine_id = ?1 AND received_at = ?2 AND topic = ?3 AND payload = ?6)"
    } else {
        "INSERT INTO quarantine (machine_id, received_at, topic, code, reason, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    };
    let cells: [Cell<'_>; 6] = [
        row.machine.uuid().into(),
        row.received_at.into(),
        row.topic.as_str().into(),
        row.code.into(),
        row.reason.as_str().into(),
        row.payload.as_slice().into(),
    ];
    Ok(tx.conn().execute(sql, &cells).await? > 0)
}

/// Drops a machine's oldest rows beyond the bounds; how many.
///
/// # Errors
/// When the database refuses it.
pub async fn enforce_bounds(tx: &mut BatchTx, machine: MachineId) -> Result<i64, StoreError> {
    let dropped = tx
        .conn()
        .execute(
            "DELETE FROM quarantine WHERE id IN (SELECT id FROM (\
             SELECT id, row_number() OVER newest AS place, \
             sum(length(payload) + length(reason)) OVER newest AS bytes \
             FROM quarantine WHERE machine_id = ?1 WINDOW newest AS (ORDER BY id DESC)) AS all_rows \
             WHERE place > ?2 OR bytes > ?3)",
            &[machine.uuid().into(), ROWS_MAX.into(), BYTES_MAX.into()],
        )
        .await?;
    Ok(i64::try_from(dropped).unwrap_or(i64::MAX))
}
