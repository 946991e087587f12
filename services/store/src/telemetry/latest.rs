//! The newest value of each series.

use std::sync::LazyLock;

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Type};

/// The newest value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestRow {
    /// The series.
    pub series: i64,
    /// Device time, in microseconds.
    pub ts: i64,
    /// The value, unless it is a text.
    pub value: Option<f64>,
    /// The value, if it is a text.
    pub text: Option<String>,
    /// Code of its quality.
    pub quality: i64,
    /// Receive time, in microseconds.
    pub received_at: i64,
}

static UPSERT: LazyLock<Bulk<6>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO latest (series_id, ts, value, text, quality, received_at) {rows} \
         ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value, \
         text = excluded.text, quality = excluded.quality, received_at = excluded.received_at \
         WHERE excluded.ts > latest.ts",
        [Type::Int, Type::Int, Type::Real, Type::Text, Type::Int, Type::Int],
    )
});

/// Records the newest values. One row a series; an older one than the recorded changes nothing.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[LatestRow]) -> Result<(), StoreError> {
    tx.execute_rows(&UPSERT, rows, |row| {
        [
            row.series.into(),
            row.ts.into(),
            row.value.into(),
            row.text.as_deref().into(),
            row.quality.into(),
            row.received_at.into(),
        ]
    })
    .await?;
    Ok(())
}
