//! Points: what was measured.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use sqlx::{Decode, Postgres, Sqlite};

use super::BatchTx;
use crate::StoreError;
use crate::engine::copy::copy;
use crate::engine::{Bulk, Cell, Connection, Engine, Row, Type};
use crate::upkeep::rollups::{HOUR_US, floor};

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
    /// Series and time of each row that was there with the same content.
    pub duplicates: Vec<(i64, i64)>,
    /// Series and time of each row that was there with another content; the first one stays.
    pub conflicts: Vec<(i64, i64)>,
}

const POINT: [Type; 4] = [Type::Int, Type::Int, Type::Real, Type::Int];
const TEXT: [Type; 4] = [Type::Int, Type::Int, Type::Text, Type::Int];

/// On PostgreSQL, leaving out what is there costs more than half as much again.
static INSERT: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::of(
        "INSERT INTO points (series_id, ts, value, quality) {rows} ON CONFLICT DO NOTHING",
        "INSERT INTO points (series_id, ts, value, quality) {rows}",
        POINT,
    )
});
static INSERT_TELLING: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO points (series_id, ts, value, quality) {rows} \
         ON CONFLICT DO NOTHING RETURNING series_id, ts",
        POINT,
    )
});
static EXISTING: LazyLock<Bulk<2>> = LazyLock::new(|| existing("points"));
static INSERT_TEXT: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO points_text (series_id, ts, value, quality) {rows} \
         ON CONFLICT DO NOTHING RETURNING series_id, ts",
        TEXT,
    )
});
static EXISTING_TEXT: LazyLock<Bulk<2>> = LazyLock::new(|| existing("points_text"));

/// The rows that are there of a list of keys.
fn existing(table: &str) -> Bulk<2> {
    let text = format!(
        "WITH wanted (series_id, ts) AS ({{rows}}) \
         SELECT p.series_id, p.ts, p.value, p.quality FROM wanted w \
         CROSS JOIN {table} p WHERE p.series_id = w.series_id AND p.ts = w.ts"
    );
    // Said once more as a list, so that only the partitions of these times are looked at.
    let postgres = format!("{text} AND p.ts = ANY($2::bigint[])");
    Bulk::of(&text, &postgres, [Type::Int, Type::Int])
}

/// From so many rows on COPY is worth its waits: it goes over the wire in several small pieces, of
/// which sqlx, which doesn't set TCP_NODELAY, holds one back until the server has acknowledged the one
/// before, for up to 40 ms.
const COPY_ROWS_MIN: usize = 4_000;
const COPY: &str = "COPY points (series_id, ts, value, quality) FROM STDIN WITH (FORMAT binary)";

/// Inserts points that are known to be new: later than all of their series.
///
/// # Errors
/// [`StoreError::Exists`] if one is there all the same: the transaction can only be rolled back
/// then. When the database refuses it.
pub async fn insert_new(tx: &mut BatchTx, rows: &[PointRow]) -> Result<(), StoreError> {
    tx.make_room(rows.iter().map(|row| row.ts)).await?;
    let inserted = match tx.conn() {
        Connection::Postgres(connection) if rows.len() >= COPY_ROWS_MIN => {
            copy(connection, COPY, rows, PointRow::cells).await
        }
        _ => tx.execute_rows(&INSERT, rows, PointRow::cells).await,
    };
    let inserted = inserted.map_err(|error| error.or_exists("point"));
    let inserted = tx.placed(inserted).await?;
    if inserted < rows.len() as u64 {
        return Err(StoreError::Exists("point"));
    }
    Ok(())
}

/// Inserts points that may be there already; tells which were.
///
/// # Errors
/// When the database refuses it.
pub async fn insert_any(tx: &mut BatchTx, rows: &[PointRow]) -> Result<Repeated, StoreError> {
    let mut repeated = Repeated::default();
    tx.make_room(rows.iter().map(|row| row.ts)).await?;
    let mut hours = BTreeSet::new();
    for piece in INSERT_TELLING.pieces(tx.engine(), rows) {
        let returned = INSERT_TELLING.fetch(tx.conn(), piece, PointRow::cells).await;
        let returned = tx.placed(returned).await?;
        let mut inserted = keys(&returned)?;
        hours.extend(inserted.iter().map(|(series, ts)| (*series, floor(*ts, HOUR_US))));
        if returned.len() == piece.len() {
            continue;
        }
        // The first row of a key that was inserted is itself, not a repetition.
        let again: Vec<&PointRow> =
            piece.iter().filter(|row| !inserted.remove(&(row.series, row.ts))).collect();
        let keys: Vec<_> = again.iter().map(|row| (row.series, row.ts)).collect();
        let stored: Stored<f64> = stored(tx, &EXISTING, &keys).await?;
        for row in again {
            let key = (row.series, row.ts);
            repeated.add(key, stored.get(&key) == Some(&(row.value, row.quality)));
        }
    }
    mark(tx, hours).await?;
    Ok(repeated)
}

/// Of a series that has had nulls only nothing is rolled up, so that nothing is to be made anew: once it
/// has a kind, all of it is rolled up from its first point on.
///
/// A mark keeps the time at which it was made first. On PostgreSQL one that is there is held to the end
/// of the transaction: whoever makes the hour anew waits for the points of this batch.
static MARK: LazyLock<Bulk<2>> = LazyLock::new(|| {
    let text = |engine: Engine, again: &str| {
        format!(
            "WITH new (series_id, hour) AS ({{rows}}) \
             INSERT INTO rollup_dirty (series_id, hour, marked_at) \
             SELECT n.series_id, n.hour, {} FROM new n CROSS JOIN series s \
             WHERE s.id = n.series_id AND s.kind IS NOT NULL ORDER BY n.series_id, n.hour \
             ON CONFLICT (series_id, hour) {again}",
            engine.clock()
        )
    };
    let held = "DO UPDATE SET marked_at = rollup_dirty.marked_at";
    Bulk::of(
        &text(Engine::Sqlite, "DO NOTHING"),
        &text(Engine::Postgres, held),
        [Type::Int, Type::Int],
    )
});

/// Notes the hours whose rollups are no longer what their points say.
async fn mark(tx: &mut BatchTx, hours: BTreeSet<(i64, i64)>) -> Result<(), StoreError> {
    if hours.is_empty() || !tx.needs_marks() {
        return Ok(());
    }
    let hours: Vec<(i64, i64)> = hours.into_iter().collect();
    tx.execute_rows(&MARK, &hours, |(series, hour)| [(*series).into(), (*hour).into()]).await?;
    Ok(())
}

/// Inserts texts that may be there already; tells which were.
///
/// # Errors
/// When the database refuses it.
pub async fn insert_texts(tx: &mut BatchTx, rows: &[TextRow]) -> Result<Repeated, StoreError> {
    let mut repeated = Repeated::default();
    tx.make_room(rows.iter().map(|row| row.ts)).await?;
    for piece in INSERT_TEXT.pieces(tx.engine(), rows) {
        let returned = INSERT_TEXT.fetch(tx.conn(), piece, TextRow::cells).await;
        let returned = tx.placed(returned).await?;
        if returned.len() == piece.len() {
            continue;
        }
        let mut inserted = keys(&returned)?;
        let again: Vec<&TextRow> =
            piece.iter().filter(|row| !inserted.remove(&(row.series, row.ts))).collect();
        let keys: Vec<_> = again.iter().map(|row| (row.series, row.ts)).collect();
        let stored: Stored<String> = stored(tx, &EXISTING_TEXT, &keys).await?;
        for row in again {
            let key = (row.series, row.ts);
            let same = stored
                .get(&key)
                .is_some_and(|(value, quality)| *value == row.value && *quality == row.quality);
            repeated.add(key, same);
        }
    }
    Ok(repeated)
}

impl PointRow {
    fn cells(&self) -> [Cell<'_>; 4] {
        [self.series.into(), self.ts.into(), self.value.into(), self.quality.into()]
    }
}

impl TextRow {
    fn cells(&self) -> [Cell<'_>; 4] {
        [self.series.into(), self.ts.into(), self.value.as_deref().into(), self.quality.into()]
    }
}

fn keys(rows: &[Row]) -> Result<HashSet<(i64, i64)>, StoreError> {
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Value and quality of the rows that are there, by series and time.
type Stored<V> = HashMap<(i64, i64), (Option<V>, i64)>;

async fn stored<V>(
    tx: &mut BatchTx,
    existing: &'static Bulk<2>,
    keys: &[(i64, i64)],
) -> Result<Stored<V>, StoreError>
where
    V: for<'r> Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    V: for<'r> Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    let rows =
        tx.fetch_rows(existing, keys, |(series, ts)| [(*series).into(), (*ts).into()]).await?;
    rows.iter().map(|row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)))).collect()
}

impl Repeated {
    fn add(&mut self, key: (i64, i64), same: bool) {
        if same {
            self.duplicates.push(key);
        } else {
            self.conflicts.push(key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{NOW, machine, organization, store};
    use crate::upkeep::rollups::tests::{SECOND, new_series};

    #[tokio::test]
    async fn new_points_that_are_there_are_told_however_many_they_are() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let rows = |seconds: std::ops::Range<i64>| -> Vec<PointRow> {
            let row = |n| PointRow { series, ts: NOW + n * SECOND, value: None, quality: 0 };
            seconds.map(row).collect()
        };
        // By COPY on PostgreSQL, and by INSERT.
        for seconds in [0..5_000, 5_000..5_300] {
            let mut tx = store.begin_batch().await.unwrap();
            insert_new(&mut tx, &rows(seconds.clone())).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = store.begin_batch().await.unwrap();
            let one_again = seconds.end - 1..seconds.end - 1 + seconds.end - seconds.start;
            let error = insert_new(&mut tx, &rows(one_again)).await.unwrap_err();
            assert!(matches!(error, StoreError::Exists("point")), "{error:?}");
        }
        let count = store.reader_pool().fetch("SELECT count(*) FROM points", &[]).await.unwrap();
        assert_eq!(count[0].get::<i64>(0).unwrap(), 5_300);
    }
}
