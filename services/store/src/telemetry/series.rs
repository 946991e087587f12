//! Series: one a signal of a machine.

use std::collections::HashMap;
use std::sync::LazyLock;

use millwright_schemas::{MachineId, SignalKind};

use super::BatchTx;
use crate::StoreError;
use crate::engine::{Bulk, Type};

/// A series with the times of its newest points.
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
    pub stored_ts: Option<i64>,
    /// Time of the newest one that wasn't ahead of its time: what rules have seen.
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

static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT s.id, s.machine_id, s.signal, s.kind, s.created_at, l.ts, l.unseen, i.ts \
         FROM series s LEFT JOIN latest l ON l.series_id = s.id \
         LEFT JOIN latest_in_time i ON i.series_id = s.id WHERE s.machine_id IN ({rows})",
        [Type::Id],
    )
});

static CREATE: LazyLock<Bulk<5>> = LazyLock::new(|| {
    Bulk::new(
        // The machine may have told its unit before its first value.
        "WITH new (machine_id, signal, kind, created_at, place) AS ({rows}) \
         INSERT INTO series (machine_id, signal, kind, created_at, unit) \
         SELECT n.machine_id, n.signal, n.kind, n.created_at, u.unit FROM new n \
         LEFT JOIN signal_units u ON u.machine_id = n.machine_id AND u.signal = n.signal \
         ORDER BY n.place RETURNING id, machine_id, signal",
        [Type::Id, Type::Text, Type::Text, Type::Int, Type::Int],
    )
});

/// All series of these machines.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<SeriesRow>, StoreError> {
    let rows = tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter()
        .map(|row| {
            let stored_ts: Option<i64> = row.get(5)?;
            let is_seen = row.get::<Option<i64>>(6)? == Some(0);
            Ok(SeriesRow {
                id: row.get(0)?,
                machine: MachineId(row.get(1)?),
                signal: row.get(2)?,
                kind: kind_from(row.get::<Option<String>>(3)?.as_deref())?,
                created_at: row.get(4)?,
                stored_ts,
                latest_ts: if is_seen { stored_ts } else { row.get(7)? },
            })
        })
        .collect()
}

/// Creates series; the ids in the order of the rows. They must be new.
///
/// # Errors
/// When the database refuses it.
pub async fn create(tx: &mut BatchTx, rows: &[NewSeries]) -> Result<Vec<i64>, StoreError> {
    let placed: Vec<(i64, &NewSeries)> = (0..).zip(rows).collect();
    let returned = tx
        .fetch_rows(&CREATE, &placed, |(place, row)| {
            [
                row.machine.uuid().into(),
                row.signal.as_str().into(),
                row.kind.map(SignalKind::as_str).into(),
                row.created_at.into(),
                (*place).into(),
            ]
        })
        .await?;
    // The order of RETURNING isn't promised.
    let mut created = HashMap::with_capacity(rows.len());
    for row in returned {
        let key = (MachineId(row.get(1)?), row.get::<String>(2)?);
        created.insert(key, row.get::<i64>(0)?);
    }
    rows.iter()
        .map(|row| {
            created
                .remove(&(row.machine, row.signal.clone()))
                .ok_or_else(|| StoreError::corrupt("series", "a created row was not returned"))
        })
        .collect()
}

/// Fixes the kind of a series that so far had none.
///
/// # Errors
/// When the database refuses it.
pub async fn fix_kind(tx: &mut BatchTx, series: i64, kind: SignalKind) -> Result<(), StoreError> {
    let sql = "UPDATE series SET kind = ? WHERE id = ?";
    tx.conn().execute(sql, &[kind.as_str().into(), series.into()]).await?;
    if kind == SignalKind::Text {
        // Until now its nulls were kept among the numbers, whose days may share partitions otherwise.
        if tx.needs_room() {
            let sql =
                "SELECT DISTINCT ts / 86400000000 * 86400000000 FROM points WHERE series_id = ?";
            let rows = tx.conn().fetch(sql, &[series.into()]).await?;
            let days: Vec<i64> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
            tx.make_room(days.into_iter()).await?;
        }
        let sql = "INSERT INTO points_text (series_id, ts, value, quality) \
                   SELECT series_id, ts, NULL, quality FROM points WHERE series_id = ? \
                   ON CONFLICT DO NOTHING";
        tx.conn().execute(sql, &[series.into()]).await?;
        let sql = "DELETE FROM points WHERE series_id = ?";
        tx.conn().execute(sql, &[series.into()]).await?;
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
