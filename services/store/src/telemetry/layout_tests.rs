use super::*;
use crate::engine::Pool;
use crate::telemetry::points::{self, PointRow};
use crate::testing::{NOW, store};
use crate::{Location, Store};

const DAY: i64 = NOW / DAY_US;

/// Partitions by day; `None`: this run has none.
fn parts(store: &Store) -> Option<(&PgPool, &Mutex<BTreeSet<i64>>)> {
    let (Layout::Days { made }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
    else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return None;
    };
    Some((pool, made))
}

async fn write(store: &Store, day: i64, series: i64) -> Result<(), StoreError> {
    let mut tx = store.begin_batch().await?;
    let row = PointRow { series, ts: day * DAY_US + 5, value: Some(1.0), quality: 0 };
    points::insert_any(&mut tx, &[row]).await?;
    tx.commit().await
}

async fn tables(pool: &PgPool) -> Vec<(&'static str, i64, Lies)> {
    let found = day_tables(&mut pool.acquire().await.unwrap()).await.unwrap();
    let mut found: Vec<_> = found.iter().map(|one| (one.table, one.day, one.lies)).collect();
    found.sort_by_key(|(table, day, _)| (*day, *table));
    found
}

async fn points_of(store: &Store) -> i64 {
    let rows = store.reader_pool().fetch("SELECT count(*) FROM points", &[]).await.unwrap();
    rows[0].get(0).unwrap()
}

/// Breaks a removal off while it waits for a reader.
async fn half_detach(pool: &PgPool, day: i64) {
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM points").execute(&mut *reader).await.unwrap();
    let mut connection = pool.acquire().await.unwrap().detach();
    run(&mut connection, "SET lock_timeout = '100ms'".to_owned()).await.unwrap();
    let name = partition("points", day);
    let sql = format!("ALTER TABLE points DETACH PARTITION {name} CONCURRENTLY");
    run(&mut connection, sql).await.unwrap_err();
    connection.close().await.unwrap();
    reader.rollback().await.unwrap();
}

#[test]
fn a_partitions_name_says_its_table_and_day() {
    for (table, day) in [("points", 0), ("points", -3), ("points_text", 20_000)] {
        assert_eq!(day_of(&partition(table, day)), Some((table, day)));
    }
    assert_eq!(day_of("points_text"), None);
}

#[tokio::test]
async fn a_removal_that_was_broken_off_is_finished_the_next_time() {
    let (store, _folder) = store().await;
    let Some((pool, made)) = parts(&store) else { return };
    for day in [DAY - 2, DAY - 1, DAY] {
        write(&store, day, 1).await.unwrap();
    }
    half_detach(pool, DAY - 2).await;
    // And another one between its two steps.
    let name = partition("points_text", DAY - 1);
    let detach = format!("ALTER TABLE points_text DETACH PARTITION {name}");
    run(&mut pool.acquire().await.unwrap(), detach).await.unwrap();
    assert_eq!(
        tables(pool).await[..4],
        [
            ("points", DAY - 2, Lies::Pending),
            ("points_text", DAY - 2, Lies::Attached),
            ("points", DAY - 1, Lies::Attached),
            ("points_text", DAY - 1, Lies::Apart),
        ]
    );
    drop_before(pool, made, DAY).await.unwrap();
    let left = [("points", DAY, Lies::Attached), ("points_text", DAY, Lies::Attached)];
    assert_eq!(tables(pool).await, left);
    assert_eq!(points_of(&store).await, 1);
}

#[tokio::test]
async fn what_was_half_removed_comes_back_when_it_is_wanted() {
    let (store, folder) = store().await;
    let Some((pool, made)) = parts(&store) else { return };
    for day in [DAY - 2, DAY - 1] {
        write(&store, day, 1).await.unwrap();
    }
    half_detach(pool, DAY - 2).await;
    assert_eq!(points_of(&store).await, 1, "what is half removed isn't seen");
    // Nothing is to be removed any more.
    drop_before(pool, made, i64::MIN).await.unwrap();
    assert_eq!(points_of(&store).await, 2);

    // By a batch of another process that finds one apart.
    for table in TABLES {
        let name = partition(table, DAY - 1);
        let detach = format!("ALTER TABLE {table} DETACH PARTITION {name}");
        run(&mut pool.acquire().await.unwrap(), detach).await.unwrap();
    }
    let other = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    write(&other, DAY - 1, 2).await.unwrap();
    assert_eq!(points_of(&store).await, 3, "with what was in it");
    assert!(tables(pool).await.iter().all(|(.., lies)| *lies == Lies::Attached));
}

#[tokio::test]
async fn a_day_that_another_process_has_removed_is_made_again() {
    let (store, folder) = store().await;
    if parts(&store).is_none() {
        return;
    }
    write(&store, DAY - 1, 1).await.unwrap();
    let other = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    let (pool, made) = parts(&other).unwrap();
    drop_before(pool, made, DAY).await.unwrap();
    let error = write(&store, DAY - 1, 1).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    write(&store, DAY - 1, 1).await.unwrap();
    assert_eq!(points_of(&store).await, 1);
}
