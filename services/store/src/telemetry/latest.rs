//! The newest value of each series.

use std::sync::LazyLock;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

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

static UPSERT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO latest (series_id, ts, value, text, quality, received_at) VALUES",
        "(?,?,?,?,?,?)",
        "ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value, \
         text = excluded.text, quality = excluded.quality, received_at = excluded.received_at \
         WHERE excluded.ts > latest.ts",
    )
});

/// Records the newest values. One row a series; an older one than the recorded changes nothing.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[LatestRow]) -> Result<(), StoreError> {
    for (sql, piece) in UPSERT.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query
                .bind(row.series)
                .bind(row.ts)
                .bind(row.value)
                .bind(row.text.as_deref())
                .bind(row.quality)
                .bind(row.received_at);
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}
