//! Marks of late samples that rules have not seen: one row a machine, the span of their times.

use std::sync::LazyLock;

use millwright_schemas::MachineId;

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Type};

/// Late samples of a machine in a batch, of signals that a rule watches. Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateRow {
    /// The machine.
    pub machine: MachineId,
    /// The oldest of them, in event time.
    pub from: i64,
    /// The newest of them, in event time.
    pub to: i64,
    /// When the last of them came.
    pub marked_at: i64,
}

static MARK: LazyLock<Bulk<5>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO late_spans AS s (machine_id, from_ts, to_ts, since, marked_at) {rows} \
         ON CONFLICT (machine_id) DO UPDATE SET \
         from_ts = CASE WHEN s.from_ts < excluded.from_ts THEN s.from_ts ELSE excluded.from_ts END, \
         to_ts = CASE WHEN s.to_ts > excluded.to_ts THEN s.to_ts ELSE excluded.to_ts END, \
         marked_at = CASE WHEN s.marked_at > excluded.marked_at THEN s.marked_at \
             ELSE excluded.marked_at END",
        [Type::Id, Type::Int, Type::Int, Type::Int, Type::Int],
    )
});

/// Widens the spans of these machines. One row a machine.
///
/// # Errors
/// When the database refuses it.
pub async fn mark(tx: &mut BatchTx, rows: &[LateRow]) -> Result<(), StoreError> {
    tx.execute_rows(&MARK, rows, |row| {
        [
            row.machine.uuid().into(),
            row.from.into(),
            row.to.into(),
            row.marked_at.into(),
            row.marked_at.into(),
        ]
    })
    .await?;
    Ok(())
}
