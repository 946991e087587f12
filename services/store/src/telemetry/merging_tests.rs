use super::*;
use crate::Store;
use crate::engine::Pool;
use crate::telemetry::layout::{Layout, TABLES, span_of};
use crate::telemetry::points::{self, PointRow, TextRow};
use crate::testing::{NOW, store};

const DAY: i64 = NOW / DAY_US;
/// In what is one partition from 14,848 up to 15,360.
const OLD: i64 = 15_000;

/// `None`: this run has no partitions.
fn pool(store: &Store) -> Option<&PgPool> {
    let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool()) else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return None;
    };
    Some(pool)
}

fn span(from: i64, to: i64) -> DaySpan {
    DaySpan { from, to }
}

/// Days with partitions of their own, as they were made when they weren't old; each with two numbers and a
/// text. And one of now.
async fn fill(store: &Store, pool: &PgPool, days: std::ops::Range<i64>) {
    for day in days.clone() {
        for table in TABLES {
            let name = layout::partition(table, day);
            let create = format!("CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)");
            let sql = format!("{create}; {}", attaching(table, &name, DaySpan::of(day)));
            run(&mut pool.acquire().await.unwrap(), sql).await.unwrap();
        }
    }
    let number = |day: i64, series| PointRow { series, ts: day * DAY_US, value: None, quality: 2 };
    let text = |day: i64| TextRow {
        series: 3,
        ts: day * DAY_US + 9,
        value: Some(format!("day {day}")),
        quality: 0,
    };
    let mut numbers: Vec<_> =
        days.clone().flat_map(|day| [number(day, 1), number(day, 2)]).collect();
    numbers.push(number(DAY, 1));
    let texts: Vec<_> = days.map(text).collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_any(&mut tx, &numbers).await.unwrap();
    points::insert_texts(&mut tx, &texts).await.unwrap();
    tx.commit().await.unwrap();
}

async fn rows(store: &Store, table: &str) -> Vec<String> {
    let sql = format!("SELECT t::text FROM {table} t ORDER BY series_id, ts");
    let rows = store.reader_pool().fetch(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

async fn attached(pool: &PgPool) -> [Vec<DaySpan>; 2] {
    let there = partitions(&mut pool.acquire().await.unwrap()).await.unwrap();
    layout::covered(&there).map(|covered| covered.spans().to_vec())
}

/// Tables that no other partition is made of any more.
async fn copies(pool: &PgPool) -> i64 {
    let sql = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^points.*new'";
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn first(pool: &PgPool) -> Group {
    next(pool, &BTreeSet::new()).await.unwrap().unwrap()
}

#[tokio::test]
async fn old_days_become_one_partition_and_keep_all_their_rows() {
    let (store, _folder) = store().await;
    let Some(pool) = pool(&store) else { return };
    fill(&store, pool, OLD..OLD + 40).await;
    let before = [rows(&store, "points").await, rows(&store, "points_text").await];
    assert_eq!((before[0].len(), before[1].len()), (81, 40));
    let mut merged = Vec::new();
    while let Some(group) = next(pool, &BTreeSet::new()).await.unwrap() {
        assert!(merge(pool, &group).await.unwrap(), "{group:?}");
        merged.push((group.table, group.days));
    }
    // By months, then all of them.
    let steps = [span(14_976, 15_008), span(15_008, 15_040), span(14_848, 15_360)];
    let wanted = |n: usize| TABLES.map(|table| (table, steps[n]));
    assert_eq!(merged[4..], wanted(2));
    for one in wanted(0).into_iter().chain(wanted(1)) {
        assert!(merged[..4].contains(&one), "{merged:?}");
    }
    assert_eq!(attached(pool).await[0], [steps[2], DaySpan::of(DAY)]);
    assert_eq!(attached(pool).await[1], [steps[2], DaySpan::of(DAY)]);
    assert_eq!(copies(pool).await, 0);
    assert_eq!([rows(&store, "points").await, rows(&store, "points_text").await], before);

    // What was there is known as before, what is new finds room, and only what fits.
    let row = |day: i64| PointRow { series: 1, ts: day * DAY_US, value: None, quality: 2 };
    let mut tx = store.begin_batch().await.unwrap();
    let told = points::insert_any(&mut tx, &[row(OLD), row(OLD + 100)]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told.duplicates, [(1, OLD * DAY_US)]);
    assert_eq!(rows(&store, "points").await.len(), 82);
    assert_eq!(attached(pool).await[0].len(), 2);
}

#[tokio::test]
async fn what_comes_while_rows_are_copied_is_not_lost() {
    let (store, _folder) = store().await;
    let Some(pool) = pool(&store) else { return };
    fill(&store, pool, OLD..OLD + 3).await;
    let group = first(pool).await;
    let names: Vec<String> = group.parts().map(|part| part.name()).collect();
    assert_eq!((names.len(), span_of(&names[0])), (3, Some((group.table, DaySpan::of(OLD)))));
    let mut connection = patient(pool).await.unwrap();
    let copied = copy(&mut connection, &group, &names).await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    let late = PointRow { series: 1, ts: OLD * DAY_US + 1, value: Some(1.0), quality: 0 };
    points::insert_any(&mut tx, &[late]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!take_place(&mut connection, &group, &names, &copied).await.unwrap());
    assert_eq!(rows(&store, "points").await.len(), 8);
    assert_eq!(attached(pool).await[0].len(), 4);

    // A day between, too: then they aren't all that there is.
    let copied = copy(&mut connection, &group, &names).await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    let other = PointRow { ts: (OLD + 3) * DAY_US, ..late };
    points::insert_any(&mut tx, &[other]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!take_place(&mut connection, &group, &names, &copied).await.unwrap());
    connection.close().await.unwrap();

    let group = first(pool).await;
    assert!(merge(pool, &group).await.unwrap());
    assert_eq!(rows(&store, "points").await.len(), 9);
    assert_eq!(copies(pool).await, 0, "what was left of the first attempt");
}

#[tokio::test]
async fn who_looks_at_an_old_state_keeps_seeing_all_of_it() {
    let (store, _folder) = store().await;
    let Some(pool) = pool(&store) else { return };
    fill(&store, pool, OLD..OLD + 3).await;
    let group = first(pool).await;
    let mut connection = patient(pool).await.unwrap();
    run(&mut connection, "SET lock_timeout = '300ms'".to_owned()).await.unwrap();
    let mut old = store.snapshot().await.unwrap();
    old.fetch("SELECT 1 FROM machines", &[]).await.unwrap();
    let error = StoreError::from(merge_on(&mut connection, &group).await.unwrap_err());
    assert!(error.is_transient(), "{error:?}");
    let seen = old.first("SELECT count(*) FROM points", &[]).await.unwrap().unwrap();
    assert_eq!(seen.get::<i64>(0).unwrap(), 7);
    assert_eq!((attached(pool).await[0].len(), copies(pool).await), (4, 0));

    // Who looks at a day at that moment isn't waited for long either.
    old.end().await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    let lock = "LOCK TABLE points, points_text IN ACCESS SHARE MODE";
    sqlx::query(lock).execute(&mut *reader).await.unwrap();
    let error = StoreError::from(merge_on(&mut connection, &group).await.unwrap_err());
    assert!(error.is_transient(), "{error:?}");
    reader.rollback().await.unwrap();
    assert!(merge_on(&mut connection, &group).await.unwrap());
    connection.close().await.unwrap();
}

#[test]
fn only_what_is_old_and_whole_is_merged() {
    let part = |days: DaySpan, lies: Lies| Partition { table: "points", days, lies };
    let attached = |from: i64, to: i64| part(span(from, to), Lies::Attached);
    let of = |there: &[Partition]| -> Vec<(i64, i64, usize)> {
        let groups = groups(there, DAY);
        groups.iter().map(|group| (group.days.from, group.days.to, group.parts.len())).collect()
    };
    let recent = spans::recent(DAY);
    // Days of the last two months, one alone, and what is as it should be.
    let new = [attached(recent, recent + 1), attached(recent + 1, recent + 2)];
    let alone = [attached(OLD, OLD + 1), attached(14_336, 14_848)];
    assert!(of(&new).is_empty() && of(&alone).is_empty());
    // Of the last year: a month, not more.
    let month = [attached(recent - 2, recent - 1), attached(recent - 1, recent)];
    assert_eq!(of(&month), [(recent - 32, recent, 2)]);
    let months = [attached(recent - 64, recent - 32), attached(recent - 32, recent)];
    assert!(of(&months).is_empty());
    // Of long ago: the month, and what holds it. More than a few are merged by months first.
    let days: Vec<Partition> = (14_976..15_008).map(|day| attached(day, day + 1)).collect();
    assert_eq!(of(&days), [(14_976, 15_008, 32), (14_848, 15_360, 32)]);
    let more: Vec<Partition> = (14_976..15_040).map(|day| attached(day, day + 1)).collect();
    assert_eq!(of(&more), [(14_976, 15_008, 32), (15_008, 15_040, 32)]);
    // What a removal has left among them is put right first.
    for lies in [Lies::Pending, Lies::Apart] {
        let mut days = days.clone();
        days.push(part(DaySpan::of(15_100), lies));
        assert_eq!(of(&days), [(14_976, 15_008, 32)]);
    }
}
