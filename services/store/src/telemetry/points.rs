//! Points: what was measured.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use sqlx::Row as _;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::StoreError;

/// A number, a boolean (0, 1) or null at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointRow {
    /// The series.
    pub series: i64,
    /// Device time, in microseconds.
    pub ts: i64,
    /// The value.
    pub value: Option<f64>,
    /// Code of its quality.
    pub quality: i64,
}

/// A text or null at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRow {
    /// The series.
    pub series: i64,
    /// Device time, in microseconds.
    pub ts: i64,
    /// The value.
    pub value: Option<String>,
    /// Code of its quality.
    pub quality: i64,
}

/// What became of rows that may have been there before.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// Series of each row that was there with the same content.
    pub duplicates: Vec<i64>,
    /// Series of each row that was there with another content; the first one stays.
    pub conflicts: Vec<i64>,
}

static INSERT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO points (series_id, ts, value, quality) VALUES",
        "(?,?,?,?)",
        "ON CONFLICT DO NOTHING",
    )
});
static INSERT_TELLING: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO points (series_id, ts, value, quality) VALUES",
        "(?,?,?,?)",
        "ON CONFLICT DO NOTHING RETURNING series_id, ts",
    )
});
static EXISTING: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "WITH wanted (series_id, ts) AS (VALUES",
        "(?,?)",
        ") SELECT p.series_id, p.ts, p.value, p.quality FROM wanted w \
         CROSS JOIN points p ON p.series_id = w.series_id AND p.ts = w.ts",
    )
});
static INSERT_TEXT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO points_text (series_id, ts, value, quality) VALUES",
        "(?,?,?,?)",
        "ON CONFLICT DO NOTHING RETURNING series_id, ts",
    )
});
static EXISTING_TEXT: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "WITH wanted (series_id, ts) AS (VALUES",
        "(?,?)",
        ") SELECT p.series_id, p.ts, p.value, p.quality FROM wanted w \
         CROSS JOIN points_text p ON p.series_id = w.series_id AND p.ts = w.ts",
    )
});

/// Inserts points that are known to be new: later than all of their series. Those that are there
/// all the same are left as they are and returned as the number missing.
///
/// # Errors
/// When the database refuses it.
pub async fn insert_new(tx: &mut BatchTx, rows: &[PointRow]) -> Result<u64, StoreError> {
    let mut missing = 0;
    for (sql, piece) in INSERT.pieces(rows) {
        let done = bind_points(sqlx::query(sql), piece).execute(tx.conn()).await?;
        missing += (piece.len() as u64).saturating_sub(done.rows_affected());
    }
    Ok(missing)
}

/// Inserts points that may be there already; tells which were.
///
/// # Errors
/// When the database refuses it.
pub async fn insert_any(tx: &mut BatchTx, rows: &[PointRow]) -> Result<Repeated, StoreError> {
    let mut repeated = Repeated::default();
    for (sql, piece) in INSERT_TELLING.pieces(rows) {
        let returned = bind_points(sqlx::query(sql), piece).fetch_all(tx.conn()).await?;
        if returned.len() == piece.len() {
            continue;
        }
        let mut inserted = keys(&returned)?;
        // The first row of a key that was inserted is itself, not a repetition.
        let again: Vec<PointRow> =
            piece.iter().filter(|row| !inserted.remove(&(row.series, row.ts))).copied().collect();
        compare(tx, &again, &mut repeated).await?;
    }
    Ok(repeated)
}

/// Inserts texts that may be there already; tells which were.
///
/// # Errors
/// When the database refuses it.
pub async fn insert_texts(tx: &mut BatchTx, rows: &[TextRow]) -> Result<Repeated, StoreError> {
    let mut repeated = Repeated::default();
    for (sql, piece) in INSERT_TEXT.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query =
                query.bind(row.series).bind(row.ts).bind(row.value.as_deref()).bind(row.quality);
        }
        let returned = query.fetch_all(tx.conn()).await?;
        if returned.len() == piece.len() {
            continue;
        }
        let mut inserted = keys(&returned)?;
        let again: Vec<&TextRow> =
            piece.iter().filter(|row| !inserted.remove(&(row.series, row.ts))).collect();
        compare_texts(tx, &again, &mut repeated).await?;
    }
    Ok(repeated)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_points<'q>(mut query: Query<'q>, rows: &[PointRow]) -> Query<'q> {
    for row in rows {
        query = query.bind(row.series).bind(row.ts).bind(row.value).bind(row.quality);
    }
    query
}

fn keys(rows: &[sqlx::sqlite::SqliteRow]) -> Result<HashSet<(i64, i64)>, StoreError> {
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn compare(
    tx: &mut BatchTx,
    rows: &[PointRow],
    repeated: &mut Repeated,
) -> Result<(), StoreError> {
    for (sql, piece) in EXISTING.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query.bind(row.series).bind(row.ts);
        }
        let mut stored = HashMap::with_capacity(piece.len());
        for row in query.fetch_all(tx.conn()).await? {
            let content: (Option<f64>, i64) = (row.try_get(2)?, row.try_get(3)?);
            stored.insert((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?), content);
        }
        for row in piece {
            let same = stored.get(&(row.series, row.ts)) == Some(&(row.value, row.quality));
            repeated.add(row.series, same);
        }
    }
    Ok(())
}

async fn compare_texts(
    tx: &mut BatchTx,
    rows: &[&TextRow],
    repeated: &mut Repeated,
) -> Result<(), StoreError> {
    for (sql, piece) in EXISTING_TEXT.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query.bind(row.series).bind(row.ts);
        }
        let mut stored = HashMap::with_capacity(piece.len());
        for row in query.fetch_all(tx.conn()).await? {
            let content: (Option<String>, i64) = (row.try_get(2)?, row.try_get(3)?);
            stored.insert((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?), content);
        }
        for row in piece {
            let same = stored
                .get(&(row.series, row.ts))
                .is_some_and(|(value, quality)| *value == row.value && *quality == row.quality);
            repeated.add(row.series, same);
        }
    }
    Ok(())
}

impl Repeated {
    fn add(&mut self, series: i64, same: bool) {
        if same {
            self.duplicates.push(series);
        } else {
            self.conflicts.push(series);
        }
    }
}
