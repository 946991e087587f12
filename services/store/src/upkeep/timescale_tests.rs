use super::*;
use crate::telemetry::points::{self, PointRow};
use crate::testing::{NOW, machine, organization, store};
use crate::upkeep::rollups::tests::{SECOND, new_series};

fn row(series: i64, ts: i64, value: f64) -> PointRow {
    PointRow { series, ts, value: Some(value), quality: 0 }
}

async fn one(store: &Store, sql: &str) -> i64 {
    store.reader_pool().fetch(sql, &[]).await.unwrap()[0].get(0).unwrap()
}

/// Chunks of values that are compressed, and those of them that are only in part.
async fn compressed(store: &Store) -> (i64, i64) {
    let of = |bit: i64| {
        format!(
            "SELECT count(*) FROM _timescaledb_catalog.chunk c \
             JOIN timescaledb_information.chunks i \
                 ON c.schema_name = i.chunk_schema AND c.table_name = i.chunk_name \
             WHERE i.hypertable_name = 'points' AND i.is_compressed AND (c.status & {bit}) <> 0"
        )
    };
    (one(store, &of(1)).await, one(store, &of(8)).await)
}

async fn compress_all(store: &Store) {
    let mut seen = BTreeSet::new();
    while compress(store, NOW, &mut seen).await.unwrap() > 0 {}
}

#[tokio::test]
async fn what_comes_late_into_a_compressed_chunk_is_stored_and_told_right() {
    let (store, _folder) = store().await;
    if !is_there(&store) {
        eprintln!("SKIPPED: only TimescaleDB compresses");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW - 20 * DAY_US, DAY_US);
    let first: Vec<PointRow> =
        (0..5_000_i32).map(|n| row(series, start + i64::from(n) * SECOND, f64::from(n))).collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_new(&mut tx, &first).await.unwrap();
    tx.commit().await.unwrap();
    compress_all(&store).await;
    assert_eq!(compressed(&store).await, (1, 0));

    // New ones, so many that they are copied.
    let more: Vec<PointRow> = (10_000..15_000_i32)
        .map(|n| row(series, start + i64::from(n) * SECOND, f64::from(n)))
        .collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_new(&mut tx, &more).await.unwrap();
    tx.commit().await.unwrap();
    // Some of them once more in the same way: they are refused.
    let mut tx = store.begin_batch().await.unwrap();
    let error = points::insert_new(&mut tx, &first).await.unwrap_err();
    assert!(matches!(error, StoreError::Exists("point")), "{error:?}");
    drop(tx);
    // A late one, one that was there, and one that was another.
    let late = [
        row(series, start + SECOND / 2, -1.0),
        row(series, start + 5 * SECOND, 5.0),
        row(series, start + 6 * SECOND, 66.0),
    ];
    let mut tx = store.begin_batch().await.unwrap();
    let told = points::insert_any(&mut tx, &late).await.unwrap();
    tx.commit().await.unwrap();
    let key = |s: i64| vec![(series, start + s * SECOND)];
    assert_eq!((told.duplicates, told.conflicts), (key(5), key(6)));
    assert_eq!(one(&store, "SELECT count(*) FROM points").await, 10_001);
    let kept = format!("SELECT value::bigint FROM points WHERE ts = {}", start + 6 * SECOND);
    assert_eq!(one(&store, &kept).await, 6, "the first one stays");
    assert_eq!(compressed(&store).await, (1, 1));

    compress_all(&store).await;
    assert_eq!(compressed(&store).await, (1, 0));
    assert_eq!(one(&store, "SELECT count(*) FROM points").await, 10_001);
}

#[tokio::test]
async fn whole_chunks_of_values_go_at_once_and_their_rollups_stay() {
    let (store, _folder) = store().await;
    if !is_there(&store) {
        eprintln!("SKIPPED: only TimescaleDB has chunks");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let old = floor(NOW - 20 * DAY_US, DAY_US);
    for start in [old, old + 10 * DAY_US] {
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_any(&mut tx, &[row(series, start, 1.0)]).await.unwrap();
        tx.commit().await.unwrap();
    }
    refresh(&store, None, NOW).await.unwrap();
    marks::raise(&store, marks::RAW_REMOVED, old + DAY_US).await.unwrap();
    drop_whole(&store, Some(old + DAY_US), None, None).await.unwrap();
    assert_eq!(one(&store, "SELECT count(*) FROM points").await, 1);
    // Whatever the policies say now.
    refresh(&store, None, NOW).await.unwrap();
    for view in ["rollups_1m", "rollups_1h"] {
        assert_eq!(one(&store, &format!("SELECT count(*) FROM {view}")).await, 2, "{view}");
    }
}

#[test]
fn a_refresh_is_made_in_batches_where_it_can_be() {
    assert_eq!(
        refreshing("rollups_1m", Some(60), 120, true),
        "CALL refresh_continuous_aggregate('rollups_1m', 60, 120, \
         options => '{\"buckets_per_batch\": 360}')"
    );
    assert!(refreshing("rollups_1h", Some(0), 9, true).ends_with("\"buckets_per_batch\": 240}')"));
    assert_eq!(
        refreshing("rollups_1h", Some(0), 9, false),
        "CALL refresh_continuous_aggregate('rollups_1h', 0, 9)"
    );
}

#[tokio::test]
async fn the_release_that_is_tried_takes_options() {
    let (store, _folder) = store().await;
    if !is_there(&store) {
        eprintln!("SKIPPED: there is no TimescaleDB");
        return;
    }
    let rows = store.reader_pool().fetch(TAKES_OPTIONS, &[]).await.unwrap();
    assert!(rows[0].get::<bool>(0).unwrap());
}

#[tokio::test]
async fn a_refresh_enters_new_pages_of_the_last_days_into_the_index_by_time() {
    let (store, _folder) = store().await;
    if !is_there(&store) {
        eprintln!("SKIPPED: there is no TimescaleDB");
        return;
    }
    let (today, old) = (NOW / DAY_US * DAY_US, (NOW / DAY_US - 5) * DAY_US);
    // More than the first 32 pages, which were entered when there was nothing in them.
    let rows = |day: i64| (0..8_000).map(move |second| row(1, day + second * SECOND, 1.0));
    let rows: Vec<PointRow> = rows(old).chain(rows(today)).collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_any(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    refresh(&store, None, NOW).await.unwrap();
    // How many ranges of pages aren't entered yet; they are by asking.
    let left = async |day: i64| {
        let sql = format!(
            "SELECT brin_summarize_new_values(format('%I.%I', own.schemaname, own.indexname)::regclass)::bigint \
             FROM timescaledb_information.chunks i \
             JOIN pg_indexes own ON own.schemaname = i.chunk_schema AND own.tablename = i.chunk_name \
             WHERE own.indexdef LIKE '%USING brin%' AND i.range_start_integer = {day}"
        );
        let Pool::Postgres(pool) = store.writer_pool() else { unreachable!("it is TimescaleDB") };
        sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).fetch_one(pool).await.unwrap()
    };
    assert_eq!(left(today).await, 0);
    assert!(left(old).await > 0, "what is older is left to the server's vacuum");
}
