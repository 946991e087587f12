//! Series: one a signal of a machine.

use std::sync::LazyLock;

use millwright_schemas::{MachineId, SignalKind};
use sqlx::Row as _;
use uuid::Uuid;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

/// A series with the time of its newest point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    /// What points refer to.
    pub id: i64,
    /// Whose signal.
    pub machine: MachineId,
    /// The signal's name.
    pub signal: String,
    /// `None` until its first value that isn't null.
    pub kind: Option<SignalKind>,
    /// When it was first received, in microseconds.
    pub created_at: i64,
    /// Time of its newest point.
    pub latest_ts: Option<i64>,
}

/// A signal that was seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeries {
    /// Whose signal.
    pub machine: MachineId,
    /// The signal's name.
    pub signal: String,
    /// `None` until its first value that isn't null.
    pub kind: Option<SignalKind>,
    /// Receive time, in microseconds.
    pub created_at: i64,
}

static LOAD: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT s.id, s.machine_id, s.signal, s.kind, s.created_at, l.ts \
         FROM series s LEFT JOIN latest l ON l.series_id = s.id WHERE s.machine_id IN (",
        "?",
        ")",
    )
});

static CREATE: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO series (machine_id, signal, kind, created_at, unit) VALUES",
        // The machine may have told its unit before its first value.
        "(?,?,?,?,(SELECT unit FROM signal_units WHERE machine_id = ? AND signal = ?))",
        "RETURNING id, machine_id, signal",
    )
});

/// All series of these machines.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<SeriesRow>, StoreError> {
    let mut rows = Vec::new();
    for (sql, piece) in LOAD.pieces(machines) {
        let mut query = sqlx::query(sql);
        for machine in piece {
            query = query.bind(machine.uuid());
        }
        for row in query.fetch_all(tx.conn()).await? {
            rows.push(SeriesRow {
                id: row.try_get(0)?,
                machine: MachineId(row.try_get::<Uuid, _>(1)?),
                signal: row.try_get(2)?,
                kind: kind_from(row.try_get(3)?)?,
                created_at: row.try_get(4)?,
                latest_ts: row.try_get(5)?,
            });
        }
    }
    Ok(rows)
}

/// Creates series; the ids in the order of the rows. They must be new.
///
/// # Errors
/// When the database refuses it.
pub async fn create(tx: &mut BatchTx, rows: &[NewSeries]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::with_capacity(rows.len());
    for (sql, piece) in CREATE.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query
                .bind(row.machine.uuid())
                .bind(row.signal.as_str())
                .bind(row.kind.map(SignalKind::as_str))
                .bind(row.created_at)
                .bind(row.machine.uuid())
                .bind(row.signal.as_str());
        }
        // The order of RETURNING isn't promised.
        let mut created = std::collections::HashMap::with_capacity(piece.len());
        for row in query.fetch_all(tx.conn()).await? {
            let key = (MachineId(row.try_get::<Uuid, _>(1)?), row.try_get::<String, _>(2)?);
            created.insert(key, row.try_get::<i64, _>(0)?);
        }
        for row in piece {
            let id = created
                .remove(&(row.machine, row.signal.clone()))
                .ok_or_else(|| StoreError::corrupt("series", "a created row was not returned"))?;
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Fixes the kind of a series that so far had none.
///
/// # Errors
/// When the database refuses it.
pub async fn fix_kind(tx: &mut BatchTx, series: i64, kind: SignalKind) -> Result<(), StoreError> {
    sqlx::query("UPDATE series SET kind = ? WHERE id = ?")
        .bind(kind.as_str())
        .bind(series)
        .execute(tx.conn())
        .await?;
    if kind == SignalKind::Text {
        // Until now its nulls were kept among the numbers.
        sqlx::query(
            "INSERT INTO points_text (series_id, ts, value, quality) \
             SELECT series_id, ts, NULL, quality FROM points WHERE series_id = ? \
             ON CONFLICT DO NOTHING",
        )
        .bind(series)
        .execute(tx.conn())
        .await?;
        sqlx::query("DELETE FROM points WHERE series_id = ?")
            .bind(series)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

pub(crate) fn kind_from(word: Option<&str>) -> Result<Option<SignalKind>, StoreError> {
    match word {
        None => Ok(None),
        Some("number") => Ok(Some(SignalKind::Number)),
        Some("boolean") => Ok(Some(SignalKind::Boolean)),
        Some("text") => Ok(Some(SignalKind::Text)),
        Some(other) => Err(StoreError::corrupt("series", format!("kind is {other:?}"))),
    }
}
