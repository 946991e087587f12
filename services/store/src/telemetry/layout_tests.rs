use super::*;
use crate::engine::Pool;
use crate::telemetry::days_of;
use crate::telemetry::points::{self, PointRow};
use crate::testing::{NOW, store};
use crate::{Location, Store};

const DAY: i64 = NOW / DAY_US;

/// Partitions by day; `None`: this run has none.
fn parts(store: &Store) -> Option<(&PgPool, &Mutex<Covered>)> {
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
    let found = partitions(&mut pool.acquire().await.unwrap()).await.unwrap();
    let day = |one: &Partition| {
        assert_eq!(one.days, DaySpan::of(one.days.from));
        (one.table, one.days.from, one.lies)
    };
    let mut found: Vec<_> = found.iter().map(day).collect();
    found.sort_by_key(|(table, day, _)| (*day, *table));
    found
}

async fn points_of(store: &Store) -> i64 {
    let rows = store.reader_pool().fetch("SELECT count(*) FROM points", &[]).await.unwrap();
    rows[0].get(0).unwrap()
}

/// Breaks a removal off while it waits for a reader.
pub(crate) async fn half_detach(pool: &PgPool, day: i64) {
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
fn a_partitions_name_says_its_table_and_days() {
    let spans = [(0, 1), (-3, -2), (20_000, 20_001), (-32, 0), (19_968, 20_480)];
    for (table, (from, to)) in TABLES.iter().flat_map(|table| spans.map(|span| (*table, span))) {
        let days = DaySpan { from, to };
        assert_eq!(span_of(&name_of(table, days)), Some((table, days)));
    }
    assert_eq!(partition("points", -3), "points_m3");
    for other in ["points_text", "points_new_20000_20032", "points_text_new_20000", "points_"] {
        assert_eq!(span_of(other), None, "{other}");
    }
}

/// All days from the year 2000 on.
const FIRST: i64 = 10_957;

async fn write_all(store: &Store, days: impl Iterator<Item = i64>) -> usize {
    let row = |day| PointRow { series: 1, ts: day * DAY_US + 7, value: Some(1.0), quality: 0 };
    let rows: Vec<PointRow> = days.map(row).collect();
    store.make_room(&days_of(rows.iter().map(|row| row.ts))).await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_any(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    rows.len()
}

async fn spans_of(pool: &PgPool) -> [Covered; 2] {
    covered(&partitions(&mut pool.acquire().await.unwrap()).await.unwrap())
}

#[tokio::test]
async fn years_of_days_have_few_partitions() {
    let (store, folder) = store().await;
    let Some((pool, _)) = parts(&store) else { return };
    let all = write_all(&store, FIRST..=DAY + 1).await;
    assert_eq!(points_of(&store).await, i64::try_from(all).unwrap());
    let [points, texts] = spans_of(pool).await;
    assert!(points.spans().len() <= spans::SPANS_MAX, "{points:?}");
    assert_eq!(points, texts);
    assert!(points.has(FIRST) && points.has(DAY + 1));
    // Of the newest days each has its own.
    assert!((DAY - 31..=DAY + 1).all(|day| points.spans().contains(&DaySpan::of(day))));

    // Nothing is missing for another process, nor when time goes on.
    let other = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    write_all(&other, [FIRST + 3, DAY + 100].into_iter()).await;
    assert_eq!(spans_of(pool).await[0].spans().len(), points.spans().len() + 1);
}

#[tokio::test]
async fn old_days_find_room_between_those_that_have_their_own() {
    let (store, _folder) = store().await;
    let Some((pool, _)) = parts(&store) else { return };
    write(&store, DAY, 1).await.unwrap();
    // As they were made before, in the middle of what is one partition now.
    let cell = spans::cell(15_000, DAY);
    let (one, next) = (DaySpan::of(15_000), DaySpan::of(15_100));
    for days in [one, next] {
        for table in TABLES {
            let name = name_of(table, days);
            let create = format!("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)");
            let sql = format!("{create}; {}", attaching(table, &name, days));
            run(&mut pool.acquire().await.unwrap(), sql).await.unwrap();
        }
    }
    let all = write_all(&store, cell.from..cell.to).await;
    assert_eq!(points_of(&store).await, i64::try_from(all).unwrap() + 1);
    let between = DaySpan { from: one.to, to: next.from };
    let [before, after] = [DaySpan { to: one.from, ..cell }, DaySpan { from: next.to, ..cell }];
    let there = spans_of(pool).await[0].clone();
    assert_eq!(there.spans(), [before, one, between, next, after, DaySpan::of(DAY)]);
}

#[tokio::test]
async fn partitions_of_many_days_go_when_all_of_them_are_too_old() {
    let (store, _folder) = store().await;
    let Some((pool, made)) = parts(&store) else { return };
    write(&store, DAY, 1).await.unwrap();
    let cell = spans::cell(15_000, DAY);
    let all = write_all(&store, cell.from..cell.to).await;
    drop_before(pool, made, cell.to - 1).await.unwrap();
    assert_eq!(points_of(&store).await, i64::try_from(all).unwrap() + 1);
    drop_before(pool, made, cell.to).await.unwrap();
    assert_eq!(spans_of(pool).await[0].spans(), [DaySpan::of(DAY)]);
    write(&store, 15_000, 1).await.unwrap();
    assert_eq!(points_of(&store).await, 2);
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
async fn values_that_a_removal_has_left_come_back_and_texts_wait() {
    let (store, _folder) = store().await;
    let Some((pool, _)) = parts(&store) else { return };
    for day in [DAY - 3, DAY - 2, DAY - 1] {
        write(&store, day, 1).await.unwrap();
    }
    half_detach(pool, DAY - 3).await;
    for (table, day) in [("points", DAY - 2), ("points_text", DAY - 1)] {
        let name = partition(table, day);
        let detach = format!("ALTER TABLE {table} DETACH PARTITION {name}");
        run(&mut pool.acquire().await.unwrap(), detach).await.unwrap();
    }
    assert_eq!(points_of(&store).await, 1);
    bring_back_left(pool).await.unwrap();
    assert_eq!(points_of(&store).await, 3);
    let left: Vec<_> =
        tables(pool).await.into_iter().filter(|(.., lies)| *lies != Lies::Attached).collect();
    assert_eq!(left, [("points_text", DAY - 1, Lies::Apart)]);

    // As long as somebody looks at it, it can't be.
    half_detach(pool, DAY - 3).await;
    let mut reader = pool.begin().await.unwrap();
    let name = partition("points", DAY - 3);
    let look = format!("SELECT count(*) FROM {name}");
    sqlx::query(AssertSqlSafe(look)).execute(&mut *reader).await.unwrap();
    let error = bring_back_left(pool).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    reader.rollback().await.unwrap();
    bring_back_left(pool).await.unwrap();
    assert_eq!(points_of(&store).await, 3);
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
