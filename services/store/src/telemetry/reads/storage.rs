//! What stored telemetry takes up.

use std::time::Duration;

use millwright_schemas::{MachineId, SignalKind, Timestamp};

use super::raw;
use super::scoped::require_machine;
use crate::engine::{Engine, Pool, Row};
use crate::telemetry::Layout;
use crate::telemetry::packed::Span;
use crate::telemetry::series::kind_from;
use crate::upkeep::rollups::{HOUR_US, floor};
use crate::{Scope, Store, StoreError};

/// A point on SQLite, measured: see `docs/performance.md`.
const SQLITE_POINT: f64 = 30.0;
/// A rollup on SQLite, by the sizes of its columns.
const ROLLUP: f64 = 60.0;
/// What a block of packed values takes up beside its data: its row and its place in the index.
const BLOCK: i64 = 90;
/// A point on PostgreSQL, as long as the server hasn't counted any.
const POSTGRES_POINT: f64 = 100.0;

/// Signals that a machine has at most to be counted each time that it is asked for.
const COUNTED_EACH_TIME: usize = 200;
/// Values by minute of a signal that are counted one by one: a day.
const MINUTES_COUNTED: i64 = 1_500;
/// Texts of a signal that are counted one by one.
const TEXTS_COUNTED: i64 = 100_000;

/// What a signal's stored values take up.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalSize {
    /// The signal's name.
    pub signal: String,
    /// Values as received; nulls aren't counted, and very many texts are estimated.
    pub points: i64,
    /// Values by minute and by hour; estimated where they are many.
    pub rollups: i64,
    /// Bytes of both, estimated; of compressed values counted.
    pub bytes: i64,
    /// Device time of the oldest value as received.
    pub oldest: Option<Timestamp>,
    /// Device time of the newest value.
    pub newest: Option<Timestamp>,
}

/// What a machine's signals take up, the largest first, and how long ago it was counted: of a machine with
/// many signals that is kept for five minutes.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn of_machine(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<(Vec<SignalSize>, Duration), StoreError> {
    require_machine(store, scope, machine).await?;
    let sql = "SELECT s.id, s.signal, s.kind, l.ts FROM series s \
               LEFT JOIN latest l ON l.series_id = s.id WHERE s.machine_id = ? ORDER BY s.signal";
    let rows = store.reader_pool().fetch(sql, &[machine.uuid().into()]).await?;
    if rows.len() > COUNTED_EACH_TIME {
        return store.counts().sizes.get(machine, sizes(store, rows)).await;
    }
    Ok((sizes(store, rows).await?, Duration::ZERO))
}

/// Of rows of `id, signal, kind, newest`.
async fn sizes(store: &Store, rows: Vec<Row>) -> Result<Vec<SignalSize>, StoreError> {
    let per_point = bytes_per_point(store).await?;
    let mut sizes = Vec::with_capacity(rows.len());
    for row in rows {
        let (series, signal): (i64, String) = (row.get(0)?, row.get(1)?);
        let kind = kind_from(row.get::<Option<String>>(2)?.as_deref())?;
        let newest: Option<i64> = row.get(3)?;
        let table = if kind == Some(SignalKind::Text) { "points_text" } else { "points" };
        let packed = packed(store, series).await?;
        let oldest = [oldest(store, table, series).await?, packed.oldest];
        let oldest = oldest.into_iter().flatten().min();
        let (points, rollups) = count(store, table, series, oldest).await?;
        let loose = points.saturating_sub(packed.points).max(0);
        sizes.push(SignalSize {
            signal,
            points,
            rollups,
            bytes: packed.bytes + bytes(loose, per_point) + bytes(rollups, ROLLUP),
            oldest: oldest.map(Timestamp::from_micros),
            newest: newest.map(Timestamp::from_micros),
        });
    }
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.signal.cmp(&b.signal)));
    Ok(sizes)
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
fn bytes(count: i64, each: f64) -> i64 {
    (count as f64 * each) as i64
}

/// What is packed of a series.
#[derive(Debug, Clone, Copy)]
struct Packed {
    /// Values; nulls aren't counted.
    points: i64,
    bytes: i64,
    oldest: Option<i64>,
}

async fn packed(store: &Store, series: i64) -> Result<Packed, StoreError> {
    let sql = "SELECT CAST(coalesce(sum(filled), 0) AS BIGINT), \
               CAST(coalesce(sum(length(data) + ?1), 0) AS BIGINT), min(first_ts) \
               FROM packed_points WHERE series_id = ?2";
    let row = store.reader_pool().first(sql, &[BLOCK.into(), series.into()]).await?;
    let Some(row) = row else { return Ok(Packed { points: 0, bytes: 0, oldest: None }) };
    Ok(Packed { points: row.get(0)?, bytes: row.get(1)?, oldest: row.get(2)? })
}

async fn oldest(store: &Store, table: &str, series: i64) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT min(ts) FROM {table} WHERE series_id = ?");
    let row = store.reader_pool().first(&sql, &[series.into()]).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

/// Points and rollups. Points of whole hours are counted by their rollups, so that years don't take
/// long; texts have none, so that many are estimated.
async fn count(
    store: &Store,
    table: &str,
    series: i64,
    oldest: Option<i64>,
) -> Result<(i64, i64), StoreError> {
    let pool = store.reader_pool();
    let Some(oldest) = oldest else { return Ok((0, rollups(store, series).await?)) };
    if table == "points" {
        let (mut from, mut points) = (oldest, 0);
        let sql = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT), max(bucket) FROM rollups_1h \
                   WHERE series_id = ? AND bucket > ?";
        if let Some(row) = pool.first(sql, &[series.into(), floor(oldest, HOUR_US).into()]).await?
            && let Some(last) = row.get::<Option<i64>>(1)?
        {
            // The first hour and the last one are counted themselves: they may not be whole.
            let sql = "SELECT count FROM rollups_1h WHERE series_id = ? AND bucket = ?";
            let tail = pool.first(sql, &[series.into(), last.into()]).await?;
            points = row.get::<i64>(0)? - tail.map_or(Ok(0), |row| row.get(0))?;
            let first_hour = floor(oldest, HOUR_US) + HOUR_US;
            let span = Span { from: oldest, to: first_hour.min(last) };
            points += raw::count(store, series, span).await?;
            from = last;
        }
        points += raw::count(store, series, Span { from, to: i64::MAX }).await?;
        return Ok((points, rollups(store, series).await?));
    }
    Ok((texts(store, series, oldest).await?, rollups(store, series).await?))
}

/// How many texts there are. Of more than are counted, as many as there would be if they went on like the
/// first ones.
async fn texts(store: &Store, series: i64, oldest: i64) -> Result<i64, StoreError> {
    let sql = "SELECT count(value), count(*), max(ts) FROM (SELECT ts, value FROM points_text \
               WHERE series_id = ? ORDER BY ts LIMIT ?) AS first_ones";
    let cells = [series.into(), TEXTS_COUNTED.into()];
    let Some(row) = store.reader_pool().first(sql, &cells).await? else { return Ok(0) };
    let (texts, seen, last): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let Some(last) = last.filter(|_| seen >= TEXTS_COUNTED) else { return Ok(texts) };
    let sql = "SELECT max(ts) FROM points_text WHERE series_id = ?";
    let row = store.reader_pool().first(sql, &[series.into()]).await?;
    let newest = row.map_or(Ok(None), |row| row.get::<Option<i64>>(0))?.unwrap_or(last);
    Ok(prolonged(texts, last - oldest, newest - oldest))
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
fn prolonged(count: i64, counted_us: i64, all_us: i64) -> i64 {
    (count as f64 * (all_us.max(1) as f64 / counted_us.max(1) as f64)) as i64
}

/// Values by minute and by hour. There are 60 times as many minutes as hours: of more than are counted, as
/// many as their hours can have.
async fn rollups(store: &Store, series: i64) -> Result<i64, StoreError> {
    let pool = store.reader_pool();
    let sql = "SELECT count(*), min(bucket) FROM (SELECT bucket FROM rollups_1m \
               WHERE series_id = ? ORDER BY bucket LIMIT ?) AS first_ones";
    let cells = [series.into(), MINUTES_COUNTED.into()];
    let Some(row) = pool.first(sql, &cells).await? else { return Ok(0) };
    let (mut minutes, first): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
    let since = if minutes < MINUTES_COUNTED { i64::MAX } else { first.unwrap_or(i64::MAX) };
    let sql = "SELECT count(*), CAST(coalesce(sum(CASE WHEN bucket < ?1 THEN 0 \
               WHEN count < 60 THEN count ELSE 60 END), 0) AS BIGINT) \
               FROM rollups_1h WHERE series_id = ?2";
    let cells = [floor(since, HOUR_US).into(), series.into()];
    let Some(row) = pool.first(sql, &cells).await? else { return Ok(minutes) };
    let (hours, of_hours): (i64, i64) = (row.get(0)?, row.get(1)?);
    minutes = minutes.max(of_hours);
    Ok(minutes + hours)
}

/// The database's name, and its size in bytes.
///
/// # Errors
/// When the database can't be used.
pub async fn database(store: &Store) -> Result<(&'static str, i64), StoreError> {
    let (name, sql) = match (store.engine(), store.layout()) {
        (Engine::Sqlite, _) => {
            ("sqlite", "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        }
        (Engine::Postgres, Layout::Hypertables) => {
            ("timescaledb", "SELECT pg_database_size(current_database())")
        }
        (Engine::Postgres, _) => ("postgresql", "SELECT pg_database_size(current_database())"),
    };
    let row = store.reader_pool().first(sql, &[]).await?;
    Ok((name, row.map_or(Ok(0), |row| row.get(0))?))
}

/// What a point takes up on average, with its index, as long as it isn't packed: on PostgreSQL as the
/// server has counted it.
///
/// # Errors
/// When the database can't be used.
pub async fn bytes_per_point(store: &Store) -> Result<f64, StoreError> {
    let Pool::Postgres(_) = store.reader_pool() else { return Ok(SQLITE_POINT) };
    let sql = match store.layout() {
        Layout::Hypertables => {
            "SELECT hypertable_size('points')::double precision, \
             approximate_row_count('points')::double precision"
        }
        _ => {
            "SELECT sum(pg_total_relation_size(c.oid))::double precision, \
             sum(greatest(c.reltuples, 0))::double precision \
             FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = 'points'::regclass AND c.reltuples > 0"
        }
    };
    let Some(row) = store.reader_pool().first(sql, &[]).await? else { return Ok(POSTGRES_POINT) };
    let (size, rows): (Option<f64>, Option<f64>) = (row.get(0)?, row.get(1)?);
    Ok(match (size, rows) {
        (Some(size), Some(rows)) if rows >= 1_000.0 => size / rows,
        _ => POSTGRES_POINT,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{NOW, machine, organization, store};
    use crate::upkeep::rollups::MINUTE_US;
    use crate::upkeep::rollups::tests::{new_series, settle, write};

    #[tokio::test]
    async fn many_minutes_are_told_by_their_hours() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let start = floor(NOW, HOUR_US);
        // One a minute for 30 hours, then one that ends the last of them.
        let values: Vec<_> =
            (0..=30 * 60).map(|minute| (start + minute * MINUTE_US, Some(1.0))).collect();
        write(&store, series, &values, true).await;
        settle(&store).await;
        let (sizes, age) = of_machine(&store, Scope::Platform, machine).await.unwrap();
        assert!(age.is_zero(), "few signals are counted each time");
        let all = [MINUTE_US, HOUR_US].map(|width| 30 * HOUR_US / width).iter().sum::<i64>();
        let told = sizes[0].rollups;
        assert!((all..=all + 2).contains(&told), "{told} of {all}");
        assert_eq!(sizes[0].points, 30 * 60 + 1);
    }

    #[test]
    fn texts_beyond_those_that_are_counted_go_on_like_them() {
        assert_eq!(prolonged(100, 50, 200), 400);
        assert_eq!(prolonged(100, 0, 0), 100);
    }
}
