//! The newest value of each series, and where a clock was ahead the newest one whose time had come.

use std::sync::LazyLock;

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Cell, Type};

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
    /// Whether rules have not seen it, because it was ahead of its time.
    pub unseen: bool,
}

static UPSERT: LazyLock<Bulk<7>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO latest (series_id, ts, value, text, quality, received_at, unseen) {rows} \
         ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value, \
         text = excluded.text, quality = excluded.quality, received_at = excluded.received_at, \
         unseen = excluded.unseen WHERE excluded.ts > latest.ts",
        [Type::Int, Type::Int, Type::Real, Type::Text, Type::Int, Type::Int, Type::Int],
    )
});

static UPSERT_IN_TIME: LazyLock<Bulk<6>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO latest_in_time (series_id, ts, value, text, quality, received_at) {rows} \
         ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value, \
         text = excluded.text, quality = excluded.quality, received_at = excluded.received_at \
         WHERE excluded.ts > latest_in_time.ts",
        [Type::Int, Type::Int, Type::Real, Type::Text, Type::Int, Type::Int],
    )
});

static PART: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO latest_in_time (series_id, ts, value, text, quality, received_at) \
         SELECT series_id, ts, value, text, quality, received_at FROM latest \
         WHERE series_id IN ({rows}) \
         ON CONFLICT (series_id) DO UPDATE SET ts = excluded.ts, value = excluded.value, \
         text = excluded.text, quality = excluded.quality, received_at = excluded.received_at \
         WHERE excluded.ts > latest_in_time.ts",
        [Type::Int],
    )
});

static UNSEE: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new("UPDATE latest SET unseen = 1 WHERE series_id IN ({rows})", [Type::Int])
});

static FORGET_IN_TIME: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new("DELETE FROM latest_in_time WHERE series_id IN ({rows})", [Type::Int])
});

/// Records the newest values. One row a series; an older one than the recorded changes nothing.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[LatestRow]) -> Result<(), StoreError> {
    tx.execute_rows(&UPSERT, rows, |row| {
        let [series, ts, value, text, quality, received_at] = row.cells();
        [series, ts, value, text, quality, received_at, i64::from(row.unseen).into()]
    })
    .await?;
    Ok(())
}

/// What rules have seen of these series was by a clock that isn't gone by any more: they count as not seen,
/// and their newest values as ahead of their time.
///
/// # Errors
/// When the database refuses it.
pub async fn set_back(tx: &mut BatchTx, series: &[i64]) -> Result<(), StoreError> {
    tx.execute_rows(&UNSEE, series, |series| [(*series).into()]).await?;
    tx.execute_rows(&FORGET_IN_TIME, series, |series| [(*series).into()]).await?;
    Ok(())
}

/// Keeps the newest values of these series, whose time had come, before they are replaced by such as are
/// ahead of their time.
///
/// # Errors
/// When the database refuses it.
pub async fn part(tx: &mut BatchTx, series: &[i64]) -> Result<(), StoreError> {
    tx.execute_rows(&PART, series, |series| [(*series).into()]).await?;
    Ok(())
}

/// Records the newest values whose time had come, of series whose newest one is ahead of it. One row a
/// series; an older one than the recorded changes nothing.
///
/// # Errors
/// When the database refuses it.
pub async fn save_in_time(tx: &mut BatchTx, rows: &[LatestRow]) -> Result<(), StoreError> {
    tx.execute_rows(&UPSERT_IN_TIME, rows, LatestRow::cells).await?;
    Ok(())
}

impl LatestRow {
    fn cells(&self) -> [Cell<'_>; 6] {
        [
            self.series.into(),
            self.ts.into(),
            self.value.into(),
            self.text.as_deref().into(),
            self.quality.into(),
            self.received_at.into(),
        ]
    }
}
