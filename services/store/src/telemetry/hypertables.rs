//! TimescaleDB, where the database has it: hypertables with columnstore in place of partitions,
//! continuous aggregates in place of rollup tables.
//!
//! Its own background jobs aren't used: refresh and compression are started by our upkeep, which
//! shows how they went.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio::sync::Mutex;

use super::layout::{self, DAY_US, TABLES};
use super::spans::{self, Covered, DaySpan};
use crate::StoreError;

/// Chunks made in one transaction: each takes some places in the server's table of locks until its end.
const CHUNKS_AT_ONCE: usize = 20;

/// What the tables become. Everything at once.
const ADOPT: &str = "
DROP TABLE points, points_text, rollups_1m, rollups_1h;
CREATE TABLE points (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value DOUBLE PRECISION,
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
);
CREATE TABLE points_text (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value TEXT COLLATE \"C\",
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
);
SELECT create_hypertable('points', 'ts', chunk_time_interval => {day}::bigint,
    create_default_indexes => false);
SELECT create_hypertable('points_text', 'ts', chunk_time_interval => {day}::bigint,
    create_default_indexes => false);
CREATE INDEX points_ts ON points USING brin (ts) WITH (pages_per_range = 32);
CREATE FUNCTION millwright_now() RETURNS BIGINT LANGUAGE sql STABLE
    AS $$ SELECT (extract(epoch FROM now()) * 1000000)::bigint $$;
SELECT set_integer_now_func('points', 'millwright_now');
SELECT set_integer_now_func('points_text', 'millwright_now');
ALTER TABLE points SET (timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'ts DESC');
ALTER TABLE points_text SET (timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'ts DESC');
CREATE MATERIALIZED VIEW rollups_1m
    WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT series_id, time_bucket(60000000::bigint, ts) AS bucket, count(value) AS count,
        min(value) AS min, max(value) AS max, sum(value) AS sum,
        last(value, ts) FILTER (WHERE value IS NOT NULL) AS last
    FROM points GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW rollups_1h
    WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT series_id, time_bucket(3600000000::bigint, bucket) AS bucket,
        sum(count)::bigint AS count, min(min) AS min, max(max) AS max, sum(sum) AS sum,
        last(last, bucket) FILTER (WHERE last IS NOT NULL) AS last
    FROM rollups_1m GROUP BY 1, 2 WITH NO DATA;
";

/// Makes hypertables of empty tables, if the extension is there or can be made. A database that has
/// points keeps the form it has.
pub(crate) async fn adopt(pool: &PgPool) -> Result<(), StoreError> {
    let still_empty: bool = sqlx::query_scalar(
        "SELECT relkind = 'p' AND NOT EXISTS \
         (SELECT 1 FROM pg_inherits WHERE inhparent = pg_class.oid) \
         FROM pg_class WHERE oid = 'points'::regclass",
    )
    .fetch_one(pool)
    .await?;
    if !still_empty || !present(pool).await? {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    let sql = ADOPT.replace("{day}", &DAY_US.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    tx.commit().await?;
    tracing::info!("TimescaleDB keeps the telemetry");
    Ok(())
}

/// Makes chunks of many days for old ones of these days that have none, in short transactions.
/// TimescaleDB makes one of a day for any other, in the transaction that needs it: of a message of years
/// more than the server has room for.
pub(super) async fn make_old(
    pool: &PgPool,
    made: &Mutex<Covered>,
    wanted: &BTreeSet<i64>,
) -> Result<(), StoreError> {
    let mut made = made.lock().await;
    let recent = made.newest().map_or(i64::MAX, spans::recent);
    let missing = wanted.iter().copied().filter(|day| *day < recent && !made.has(*day));
    let mut missing: BTreeSet<i64> = missing.collect();
    while !missing.is_empty() {
        let mut tx = pool.begin().await?;
        layout::hold(&mut tx).await?;
        let there = chunks(&mut tx).await?;
        let newest = layout::newest(&mut tx, layout::last(&there, wanted)).await?;
        missing.retain(|day| *day < spans::recent(newest));
        let there = make_some(&mut tx, there, &missing, newest).await?;
        tx.commit().await?;
        *made = known(&there, newest);
        missing.retain(|day| !made.has(*day));
    }
    Ok(())
}

/// Days for which nothing is to be made: those that both tables have, and new ones, which are left to the
/// server. A chunk of many days that was made while the server's clock was years ahead may reach into the
/// new ones; its older days have it all the same.
fn known([points, texts]: &[Covered; 2], newest: i64) -> Covered {
    let new = DaySpan { from: spans::recent(newest), to: newest + 1 };
    let mut known = points.and(texts);
    known.cut(new);
    known.add(new);
    known
}

/// The same within a transaction, in which nobody else makes chunks.
pub(crate) async fn make_within(
    tx: &mut PgConnection,
    wanted: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    let mut there = chunks(tx).await?;
    let newest = layout::newest(tx, layout::last(&there, wanted)).await?;
    let old = wanted.iter().copied().filter(|day| *day < spans::recent(newest));
    let mut missing: BTreeSet<i64> = old.collect();
    while !missing.is_empty() {
        there = make_some(tx, there, &missing, newest).await?;
        let [points, texts] = &there;
        missing.retain(|day| !(points.has(*day) && texts.has(*day)));
    }
    Ok(())
}

/// What the chunks of each table cover.
async fn chunks(tx: &mut PgConnection) -> Result<[Covered; 2], sqlx::Error> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT hypertable_name::text, range_start_integer, range_end_integer \
         FROM timescaledb_information.chunks WHERE hypertable_name IN ('points', 'points_text') \
         AND range_start_integer IS NOT NULL AND range_end_integer IS NOT NULL",
    )
    .fetch_all(tx)
    .await?;
    Ok(TABLES.map(|table| {
        let of = |(name, from, to): &(String, i64, i64)| {
            let days = DaySpan { from: from.div_euclid(DAY_US), to: to.div_euclid(DAY_US) };
            (name == table).then_some(days)
        };
        Covered::new(rows.iter().filter_map(of).collect())
    }))
}

/// Makes some of what these days miss, the first of them at least; what is there then.
async fn make_some(
    tx: &mut PgConnection,
    mut there: [Covered; 2],
    missing: &BTreeSet<i64>,
    newest: i64,
) -> Result<[Covered; 2], sqlx::Error> {
    let mut left = CHUNKS_AT_ONCE;
    for day in missing {
        for (table, there) in TABLES.into_iter().zip(&mut there) {
            if there.has(*day) {
                continue;
            }
            let cell = spans::cell(*day, newest);
            make_chunk(tx, table, *day, cell).await?;
            // The server cuts it where another one is.
            there.add(there.free_around(*day, cell));
            left = left.saturating_sub(1);
        }
        if left == 0 {
            break;
        }
    }
    Ok(there)
}

/// Makes a chunk of this size around a day. The server makes one when a row comes, so one comes, and goes;
/// nobody else sees it, nor the size that chunks have meanwhile.
async fn make_chunk(
    tx: &mut PgConnection,
    table: &str,
    day: i64,
    cell: DaySpan,
) -> Result<(), sqlx::Error> {
    let (width, ts) = ((cell.to - cell.from) * DAY_US, day * DAY_US);
    let sql = format!(
        "SELECT set_chunk_time_interval('{table}', {width}::bigint); \
         INSERT INTO {table} (series_id, ts, value, quality) VALUES (-1, {ts}, NULL, 0); \
         DELETE FROM {table} WHERE series_id = -1 AND ts = {ts}; \
         SELECT set_chunk_time_interval('{table}', {DAY_US}::bigint)"
    );
    layout::run(tx, sql).await
}

/// Whether the extension is in this database; made if the server offers it and lets us.
async fn present(pool: &PgPool) -> Result<bool, StoreError> {
    let (there, offered): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'), \
         EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')",
    )
    .fetch_one(pool)
    .await?;
    if there || !offered {
        return Ok(there);
    }
    // A connection of its own, thrown away: the extension is loaded at the start of a session.
    let mut connection = pool.acquire().await?.detach();
    let made =
        sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS timescaledb").execute(&mut connection).await;
    if let Err(error) = &made {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the server offers TimescaleDB, but it can't be used; telemetry is kept in partitions"
        );
    }
    Ok(made.is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::Pool;
    use crate::telemetry::Layout;
    use crate::telemetry::points::{self, PointRow};
    use crate::testing::{NOW, store};
    use crate::{Location, Store};

    /// A chunk's days, of which 18 368 and all after it are recent when the last one is the newest of all.
    const WIDE: DaySpan = DaySpan { from: 17_920, to: 18_432 };
    const NEWEST: i64 = WIDE.to - 1;

    #[test]
    fn what_a_chunk_has_before_recent_days_is_known() {
        let recent = spans::recent(NEWEST);
        assert!(WIDE.from < recent && recent < WIDE.to);
        let wide = Covered::new(vec![WIDE]);
        let day = Covered::new(vec![DaySpan::of(recent - 3), DaySpan::of(recent + 3)]);
        for (there, has) in [
            ([wide.clone(), wide.clone()], [true, true]),
            ([wide.clone(), day.clone()], [true, false]),
            ([day, wide], [true, false]),
            ([Covered::default(), Covered::default()], [false, false]),
        ] {
            let known = known(&there, NEWEST);
            assert_eq!([recent - 3, recent - 4].map(|day| known.has(day)), has, "{there:?}");
            assert!((recent..=NEWEST).all(|day| known.has(day)), "{there:?}");
        }
    }

    #[tokio::test]
    async fn values_have_an_index_by_time_also_those_of_an_older_version() {
        let (store, folder) = store().await;
        let (Layout::Hypertables, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
        else {
            eprintln!("SKIPPED: TimescaleDB alone asks by time");
            return;
        };
        let row = PointRow { series: 1, ts: NOW, value: Some(1.0), quality: 0 };
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_any(&mut tx, &[row]).await.unwrap();
        tx.commit().await.unwrap();
        // One of the table, one of its chunk.
        let count = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%points_ts' \
                     AND indexdef LIKE '%USING brin (ts)%'";
        let there: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        assert_eq!(there, 2);

        let before = "DROP INDEX points_ts; \
                      DELETE FROM seaql_migrations WHERE version = 'm0028_points_by_time'";
        sqlx::raw_sql(before).execute(pool).await.unwrap();
        let there: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        assert_eq!(there, 0);
        store.close().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let Pool::Postgres(pool) = store.writer_pool() else { unreachable!("it was PostgreSQL") };
        let there: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        assert_eq!(there, 2);
    }

    #[tokio::test]
    async fn a_chunk_of_old_and_recent_days_holds_up_nothing() {
        let (store, _folder) = store().await;
        let (Layout::Hypertables, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
        else {
            eprintln!("SKIPPED: only TimescaleDB has chunks");
            return;
        };
        // As if the server's clock had been years ahead.
        let mut tx = pool.begin().await.unwrap();
        for table in TABLES {
            make_chunk(&mut tx, table, WIDE.from + 1, WIDE).await.unwrap();
        }
        tx.commit().await.unwrap();
        let days = BTreeSet::from([WIDE.from - 1, WIDE.from + 2, NEWEST]);
        // It comes to an end.
        let made = tokio::time::timeout(Duration::from_secs(60), store.make_room(&days)).await;
        made.unwrap().unwrap();
        let known = store.chunks().lock().await.clone();
        assert!((WIDE.from - 1..WIDE.to).all(|day| known.has(day)), "{known:?}");

        let row =
            |day: &i64| PointRow { series: 1, ts: day * DAY_US + 5, value: Some(1.0), quality: 0 };
        let rows: Vec<PointRow> = days.iter().map(row).collect();
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_any(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM points").fetch_one(pool).await.unwrap();
        assert_eq!(count, 3);
        let there = chunks(&mut pool.acquire().await.unwrap()).await.unwrap();
        assert!(there.iter().all(|table| table.spans().contains(&WIDE)), "{there:?}");
    }

    #[tokio::test]
    async fn years_of_days_have_few_chunks() {
        let (store, _folder) = store().await;
        let (Layout::Hypertables, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
        else {
            eprintln!("SKIPPED: only TimescaleDB has chunks");
            return;
        };
        let today = NOW / DAY_US;
        let row =
            |day: i64| PointRow { series: 1, ts: day * DAY_US + 5, value: Some(1.0), quality: 0 };
        // Of today, and of an old day, as they were made before.
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_any(&mut tx, &[row(today), row(15_000)]).await.unwrap();
        tx.commit().await.unwrap();
        let rows: Vec<PointRow> = (10_957..=today).map(row).collect();
        store.make_room(&(10_957..=today).collect()).await.unwrap();
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_any(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let one = async |sql: &'static str| -> i64 {
            sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
        };
        assert_eq!(one("SELECT count(*) FROM points").await, rows.len() as i64);
        let chunks = "SELECT count(*) FROM timescaledb_information.chunks \
                      WHERE hypertable_name = 'points'";
        let many = one(chunks).await;
        assert!(many < 150, "{many}");
        // New days are as long as they always were.
        let width = "SELECT min(range_end_integer - range_start_integer)::bigint FROM \
                     timescaledb_information.chunks WHERE range_end_integer > 1763000000000000";
        assert_eq!(one(width).await, DAY_US);
    }
}
