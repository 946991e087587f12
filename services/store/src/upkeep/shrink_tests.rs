use std::collections::BTreeSet;

use millwright_schemas::SignalKind;
use millwright_schemas::api::policies::{PolicyInput, RetentionPolicy, SignalRetention};

use super::*;
use crate::policies;
use crate::telemetry::layout;
use crate::telemetry::points::{self, TextRow};
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, now, organization, store};
use crate::upkeep::{packing, retention, take_turn};

#[test]
fn only_what_gives_back_more_than_half_is_written_anew() {
    for (used, size, worth) in [
        (0, SMALL, false),
        (0, SMALL + 1, true),
        (150_000, 1_900_000, true),
        (950_000, 1_900_000, false),
        (USED_MAX, 10_000_000_000, true),
        (USED_MAX + 1, 10_000_000_000, false),
    ] {
        assert_eq!(is_worth_it(used, size), worth, "{used} of {size} bytes");
    }
}

#[tokio::test]
async fn a_partition_that_somebody_looks_at_is_hardly_waited_for() {
    let (store, _folder) = store().await;
    let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool()) else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    };
    crate::upkeep::make_room(&store, now()).await.unwrap();
    let name = layout::partition("points", NOW / DAY_US);
    let full = format!("VACUUM (FULL) {name}");
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE points IN ACCESS SHARE MODE").execute(&mut *reader).await.unwrap();
    let error = alone_within(&store, &full, PATIENCE, REWRITE).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    reader.rollback().await.unwrap();
    alone_within(&store, &full, PATIENCE, REWRITE).await.unwrap();

    let short = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '100ms' \
                 AND current_setting('statement_timeout') = '4s'; END $$";
    alone_within(&store, short, PATIENCE, REWRITE).await.unwrap();
    let long = "SELECT pg_sleep(60)";
    let error = alone_within(&store, long, PATIENCE, PATIENCE).await.unwrap_err();
    assert_eq!(error.sqlstate().as_deref(), Some(TOO_LONG));
    // For others it is as it was.
    let long = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '5s' \
                AND current_setting('statement_timeout') = '1min'; END $$";
    let mut all = Vec::new();
    for _ in 0..pool.size() {
        all.push(pool.acquire().await.unwrap());
    }
    for connection in &mut all {
        sqlx::raw_sql(long).execute(&mut **connection).await.unwrap();
    }
}

#[test]
fn a_partition_is_looked_at_once_its_first_day_may_have_gone() {
    let gone = Gone { points: Some(40 * DAY_US), texts: Some(10 * DAY_US) };
    let days = |from, to| DaySpan { from, to };
    for (table, days, looked_at) in [
        ("points", days(39, 40), true),
        ("points", days(40, 41), false),
        ("points", days(32, 64), true),
        (TEXTS, days(9, 10), true),
        (TEXTS, days(10, 11), false),
        (TEXTS, days(0, 512), true),
    ] {
        assert_eq!(gone.concerns(table, days), looked_at, "{table} {days:?}");
    }
    let nothing = Gone { points: None, texts: None };
    assert!(!nothing.concerns("points", days(0, 1)) && !nothing.concerns(TEXTS, days(0, 1)));
}

/// A day of more than two years ago: it shares a partition with 511 others.
const OLD: i64 = 19_200;

/// A series of texts of 200 bytes, each an hour after the other, from the start of a day on.
async fn texts(store: &Store, series: i64, day: i64, count: i64) {
    store.make_room(&BTreeSet::from([day, NOW / DAY_US])).await.unwrap();
    let row = |n| TextRow {
        series,
        ts: day * DAY_US + n * DAY_US / 24,
        value: Some(format!("{n:0200}")),
        quality: 0,
    };
    let rows: Vec<TextRow> = (0..count).map(row).collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_texts(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn number(store: &Store, sql: &str) -> i64 {
    store.reader_pool().fetch(sql, &[]).await.unwrap()[0].get(0).unwrap()
}

#[tokio::test]
async fn a_partition_of_many_days_gives_back_the_room_of_texts_that_retention_has_removed() {
    let (store, _folder) = store().await;
    if !matches!(store.layout(), Layout::Days { .. }) {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let of = |signal: &str| NewSeries {
        machine,
        signal: signal.to_owned(),
        kind: Some(SignalKind::Text),
        created_at: NOW,
    };
    let mut tx = store.begin_batch().await.unwrap();
    let ids = series::create(&mut tx, &[of("program"), of("kept")]).await.unwrap();
    tx.commit().await.unwrap();
    // Both lie in partitions of 512 days: that of the second is full of what is kept.
    let wide = |day: i64| {
        let from = day.div_euclid(512) * 512;
        format!("points_text_{from}_{}", from + 512)
    };
    texts(&store, ids[0], OLD - 200, 5_000).await;
    texts(&store, ids[1], OLD - 600, 3_000).await;
    let size = format!("SELECT pg_total_relation_size('{}')", wide(OLD));
    let file = format!("SELECT pg_relation_filenode('{}')::bigint", wide(OLD - 600));
    let (before, full) = (number(&store, &size).await, number(&store, &file).await);
    assert!(before > 1_000_000, "{before}");

    // Of 208 days the last eight are left; numbers are never packed.
    let kept = SignalRetention {
        signal: "kept".to_owned(),
        raw_days: None,
        minute_days: None,
        hour_days: None,
        compress_after_days: None,
    };
    let days = u32::try_from(NOW / DAY_US - OLD).unwrap();
    let policy = PolicyInput {
        retention: RetentionPolicy {
            raw_days: Some(days),
            compress_after_days: Some(0),
            signals: vec![kept],
            ..RetentionPolicy::default()
        },
        ..PolicyInput::default()
    };
    let tx = store.begin().await.unwrap();
    policies::put(&tx, top, &policy, 1, now()).await.unwrap();
    tx.commit().await.unwrap();
    let wanted = retention::Wanted::read(&store, now()).await.unwrap();
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    retention::apply(&store, &wanted, &steps).await.unwrap();
    let count = format!("SELECT count(*) FROM {}", wide(OLD));
    let left = number(&store, &count).await;
    assert!((100..300).contains(&left), "{left}");

    let mut after = before;
    // Somebody may still look at it just then.
    for _ in 0..100 {
        let mut round = packing::Round::default();
        assert!(packing::run(&store, &wanted, &mut round, &steps).await.unwrap().finished);
        after = number(&store, &size).await;
        if after < before / 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(after < before / 4, "{before} to {after}");
    assert_eq!(number(&store, &count).await, left);
    assert_eq!(number(&store, &file).await, full, "what is full isn't written anew");
    turn.end().await.unwrap();
}
