use std::collections::BTreeMap;
use std::time::Duration;

use millwright_schemas::api::policies::{PolicyInput, SignalRetention};

use super::*;
use crate::telemetry::layout::tests::half_detach;
use crate::testing::{NOW, machine, now, organization, store};
use crate::upkeep::limits::REMOVED_ROWS;
use crate::upkeep::removal::POINTS;
use crate::upkeep::rollups::MINUTE_US;
use crate::upkeep::rollups::tests::{
    SECOND, expected, new_series, settle, so_often, stored, write,
};
use crate::upkeep::{Kept, packing, take_turn};

async fn keep(store: &Store, organization: OrganizationId, retention: RetentionPolicy) {
    let tx = store.begin().await.unwrap();
    let policy = PolicyInput { retention, ..PolicyInput::default() };
    policies::put(&tx, organization, &policy, 1, now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn apply_now(store: &Store) -> u64 {
    let wanted = Wanted::read(store, now()).await.unwrap();
    let turn = take_turn(store).await.unwrap().unwrap();
    let removed = apply(store, &wanted, &Steps::new(&turn, &|| true)).await.unwrap();
    turn.end().await.unwrap();
    removed
}

/// Packs what is a week old; how many values.
async fn pack(store: &Store) -> u64 {
    let wanted = Wanted::read(store, now()).await.unwrap();
    let turn = take_turn(store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    let done = packing::run(store, &wanted, &mut packing::Round::default(), &steps).await.unwrap();
    turn.end().await.unwrap();
    done.points
}

async fn number(store: &Store, sql: &str) -> i64 {
    let rows = store.reader_pool().fetch(sql, &[]).await.unwrap();
    rows[0].get(0).unwrap()
}

async fn points(store: &Store) -> i64 {
    number(store, "SELECT count(*) FROM points").await
}

async fn blocks(store: &Store) -> i64 {
    number(store, "SELECT count(*) FROM packed_points").await
}

#[tokio::test]
async fn nothing_is_removed_before_it_is_rolled_up() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    keep(&store, top, RetentionPolicy { raw_days: Some(2), ..RetentionPolicy::default() }).await;
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    // Its last minute isn't whole, and never will be.
    let all: BTreeMap<i64, Option<f64>> = (0..500_i32)
        .map(|step| (start + i64::from(step) * 10 * SECOND, Some(f64::from(step))))
        .collect();
    let values: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &values, true).await;
    if timescale::is_there(&store) {
        settle(&store).await;
    } else {
        assert_eq!(apply_now(&store).await, 0);
        assert_eq!(points(&store).await, 500);
        settle(&store).await;
        // What is late is rolled up first, however young its mark is.
        write(&store, series, &[(start + 5 * SECOND, Some(-1.0))], false).await;
        assert_eq!(apply_now(&store).await, 501);
    }
    apply_now(&store).await;
    assert_eq!(points(&store).await, 0);
    let mut all = all;
    if !timescale::is_there(&store) {
        all.insert(start + 5 * SECOND, Some(-1.0));
    }
    assert_eq!(stored(&store, "rollups_1m").await, expected(&all, MINUTE_US, i64::MAX));
    assert_eq!(stored(&store, "rollups_1h").await, expected(&all, HOUR_US, i64::MAX));
    let mark = marks::get(&store, marks::RAW_REMOVED).await.unwrap();
    assert_eq!(mark, Some(floor(NOW - 2 * DAY_US, HOUR_US)));

    // Whatever is wanted now: what is gone isn't made anew of nothing.
    keep(&store, top, RetentionPolicy::default()).await;
    let minutes = stored(&store, "rollups_1m").await;
    settle(&store).await;
    assert_eq!(stored(&store, "rollups_1m").await, minutes);
}

#[tokio::test]
async fn a_partition_that_cant_be_had_keeps_nothing_else_from_being_removed() {
    let (store, folder) = store().await;
    if !matches!(store.layout(), Layout::Days { .. }) {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    keep(&store, top, RetentionPolicy { raw_days: Some(2), ..RetentionPolicy::default() }).await;
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    // The other one lies in a day of which something is kept.
    let cut = floor(NOW - 2 * DAY_US, HOUR_US);
    write(&store, series, &[(start, Some(1.0)), (cut - MINUTE_US, Some(2.0))], true).await;
    settle(&store).await;
    let mut peer = folder.peer().await;
    // A view that hangs on it.
    let name = layout::partition("points", start / DAY_US);
    peer.execute(&format!("CREATE VIEW kept AS SELECT * FROM {name}")).await;
    let wanted = Wanted::read(&store, now()).await.unwrap();
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    apply(&store, &wanted, &steps).await.unwrap_err();
    assert_eq!(points(&store).await, 0, "the rest went on");
    peer.execute("DROP VIEW kept").await;
    apply(&store, &wanted, &steps).await.unwrap();
    let there = format!("SELECT count(*) FROM pg_class WHERE relname = '{name}'");
    assert_eq!(peer.value(&there).await, "0");
}

#[tokio::test]
async fn from_when_on_values_are_there_is_known_whatever_is_wanted_now() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let since = async |signal: &str| {
        let kept = Kept::read(&store, top, machine, now()).await.unwrap();
        kept.signal(signal).map(Timestamp::micros)
    };
    let cut = |days: i64| Some(floor(NOW - days * DAY_US, HOUR_US));
    write(&store, series, &[(NOW - 10 * DAY_US, Some(1.0)), (NOW, Some(2.0))], true).await;
    settle(&store).await;
    assert_eq!((since("s").await, since("other").await), (None, None));
    // Another signal is kept for ever, so nothing goes of all at once.
    let other = SignalRetention {
        signal: "other".to_owned(),
        raw_days: None,
        minute_days: None,
        hour_days: None,
        compress_after_days: None,
    };
    let mut retention = RetentionPolicy { raw_days: Some(2), ..RetentionPolicy::default() };
    retention.signals = vec![other];
    keep(&store, top, retention.clone()).await;
    assert_eq!((since("s").await, since("other").await), (cut(2), None), "what is to be removed");
    assert_eq!(apply_now(&store).await, 1);
    retention.raw_days = Some(30);
    keep(&store, top, retention).await;
    assert_eq!((since("s").await, since("other").await), (cut(2), None), "it isn't there again");
    // All is wanted for so long only.
    keep(&store, top, RetentionPolicy { raw_days: Some(20), ..RetentionPolicy::default() }).await;
    apply_now(&store).await;
    keep(&store, top, RetentionPolicy { event_days: Some(3), ..RetentionPolicy::default() }).await;
    assert_eq!((since("s").await, since("other").await), (cut(2), cut(20)));
    let kept = Kept::read(&store, top, machine, now()).await.unwrap();
    assert_eq!(kept.events().map(Timestamp::micros), cut(3));
}

#[tokio::test]
async fn large_blocks_go_in_more_transactions() {
    let (store, folder) = store().await;
    let data = if folder.url().is_some() { r"'\x01'::bytea" } else { "x'01'" };
    for day in 0..3 {
        let sql = format!(
            "INSERT INTO packed_points (series_id, day, count, filled, first_ts, last_ts, data) \
             VALUES (1, {day}, 600000, 600000, 0, 0, {data})"
        );
        folder.peer().await.execute(&sql).await;
    }
    let turn = take_turn(&store).await.unwrap().unwrap();
    let removed = async |yes: u32| {
        let wanted = so_often(yes);
        let steps = Steps::new(&turn, &wanted);
        let mut removal = Removal::new(&store, &steps, now());
        let ended = removal.blocks(1, 10 * DAY_US).await.unwrap();
        (removal.count, ended)
    };
    assert_eq!(removed(1).await, (600_000, false));
    assert_eq!(removed(9).await, (1_200_000, true));
    turn.end().await.unwrap();
}

#[tokio::test]
async fn values_that_lie_close_go_in_more_transactions() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    // A value each millisecond: some 20 seconds.
    let all: Vec<_> =
        (0..REMOVED_ROWS + 5).map(|n| (NOW + n * SECOND / 1_000, Some(1.0))).collect();
    write(&store, series, &all, true).await;
    if !timescale::is_there(&store) {
        settle(&store).await;
        rollups::finish(&store, i64::MAX).await.unwrap();
    }
    let turn = take_turn(&store).await.unwrap().unwrap();
    let removed = async |yes: u32, before: i64| {
        let wanted = so_often(yes);
        let steps = Steps::new(&turn, &wanted);
        let mut removal = Removal::new(&store, &steps, now());
        let ended = removal.rows(&POINTS, series, before).await.unwrap();
        (i64::try_from(removal.count).unwrap(), ended)
    };
    assert_eq!(removed(9, NOW).await, (0, true));
    assert_eq!(removed(0, i64::MAX).await, (0, false));
    assert_eq!(removed(1, i64::MAX).await, (REMOVED_ROWS, false));
    assert_eq!(points(&store).await, 5);
    let last = all[all.len() - 1].0;
    assert_eq!(removed(1, last).await, (4, true), "the last one isn't before itself");
    turn.end().await.unwrap();
}

#[tokio::test]
async fn what_comes_while_others_are_removed_stays_until_it_is_rolled_up() {
    let (store, _folder) = store().await;
    if timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB rolls up by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    let second = start + HOUR_US;
    let mut all: BTreeMap<i64, Option<f64>> =
        [(start, Some(1.0)), (second, Some(2.0)), (second + SECOND, Some(3.0))].into();
    let values: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &values, true).await;
    settle(&store).await;
    rollups::finish(&store, NOW).await.unwrap();
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    // From here on it is taken for rolled up.
    assert_eq!(rollups::through(&store, series).await.unwrap(), None);
    let removed = async || {
        let mut removal = Removal::new(&store, &steps, now());
        assert!(removal.rows(&POINTS, series, NOW).await.unwrap(), "it comes to an end");
        removal.count
    };
    // A machine that was off goes on in its last minute.
    let next = (second + 2 * SECOND, Some(4.0));
    write(&store, series, &[next], true).await;
    assert_eq!(removed().await, 1, "what is before that minute");
    rollups::finish(&store, NOW).await.unwrap();
    // And brings something late.
    let late = (start + HOUR_US / 2, Some(5.0));
    write(&store, series, &[late], false).await;
    assert_eq!(removed().await, 0);
    assert_eq!(points(&store).await, 4);
    settle(&store).await;
    // And much that comes in order.
    let more = (second + 7 * MINUTE_US, Some(6.0));
    write(&store, series, &[more], true).await;
    assert_eq!(removed().await, 1, "only the late one is before its cursor");
    settle(&store).await;
    rollups::finish(&store, NOW).await.unwrap();
    assert_eq!(removed().await, 4);
    assert_eq!(points(&store).await, 0);
    all.extend([next, late, more]);
    assert_eq!(stored(&store, "rollups_1m").await, expected(&all, MINUTE_US, i64::MAX));
    assert_eq!(stored(&store, "rollups_1h").await, expected(&all, HOUR_US, i64::MAX));
    turn.end().await.unwrap();
}

#[tokio::test]
async fn what_goes_on_in_a_packed_last_minute_stays_until_it_is_rolled_up() {
    let (store, _folder) = store().await;
    if timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB rolls up and compresses by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    let mut all: BTreeMap<i64, Option<f64>> =
        (0..10_i32).map(|n| (start + i64::from(n) * SECOND, Some(f64::from(n)))).collect();
    let values: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &values, true).await;
    settle(&store).await;
    rollups::finish(&store, NOW).await.unwrap();
    assert_eq!((pack(&store).await, points(&store).await, blocks(&store).await), (10, 0, 1));
    let more = async || {
        let mut after = 0;
        rollups::finish_some(&store, NOW, &mut after).await.unwrap()
    };
    assert!(!more().await, "it isn't done again and again");

    // A machine that was off goes on, after all was rolled up.
    let next = (start + 20 * SECOND, Some(99.0));
    all.insert(next.0, next.1);
    write(&store, series, &[next], true).await;
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    let removed = async || {
        let mut removal = Removal::new(&store, &steps, now());
        assert!(removal.rows(&POINTS, series, NOW).await.unwrap());
        assert!(removal.blocks(series, NOW).await.unwrap());
        removal.count
    };
    assert_eq!(removed().await, 0);
    if let (Layout::Days { made }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool()) {
        layout::drop_before(pool, made, start / DAY_US + 1).await.unwrap();
    }
    assert_eq!((points(&store).await, blocks(&store).await), (1, 1));
    assert!(more().await);
    assert_eq!(stored(&store, "rollups_1m").await, expected(&all, MINUTE_US, i64::MAX));
    assert_eq!(removed().await, 11);
    assert_eq!((points(&store).await, blocks(&store).await), (0, 0));
    assert_eq!(stored(&store, "rollups_1h").await, expected(&all, HOUR_US, i64::MAX));
    turn.end().await.unwrap();
}

#[tokio::test]
async fn a_packed_day_into_which_something_comes_stays_until_that_is_rolled_up() {
    let (store, _folder) = store().await;
    if timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB compresses itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW - 10 * DAY_US, DAY_US);
    let last = NOW - 3 * DAY_US;
    let mut all: BTreeMap<i64, Option<f64>> =
        (0..10_i32).map(|n| (start + i64::from(n) * MINUTE_US, Some(f64::from(n)))).collect();
    all.insert(last, Some(10.0));
    let values: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &values, true).await;
    settle(&store).await;
    assert_eq!((pack(&store).await, points(&store).await, blocks(&store).await), (10, 1, 1));
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    // All of it is taken for rolled up from here on, and something comes late.
    let late = (start + SECOND, Some(-1.0));
    all.insert(late.0, late.1);
    write(&store, series, &[late], false).await;
    let removed = async || {
        let mut removal = Removal::new(&store, &steps, now());
        assert!(removal.blocks(series, NOW).await.unwrap(), "it comes to an end");
        removal.count
    };
    assert_eq!((removed().await, blocks(&store).await), (0, 1));
    settle(&store).await;
    assert_eq!((removed().await, blocks(&store).await), (10, 0));
    assert_eq!(stored(&store, "rollups_1m").await, expected(&all, MINUTE_US, last));
    assert_eq!(stored(&store, "rollups_1h").await, expected(&all, HOUR_US, last));
    turn.end().await.unwrap();
}

#[tokio::test]
async fn a_partition_that_got_something_just_before_it_goes_stays_until_that_is_rolled_up() {
    let (store, folder) = store().await;
    let (Layout::Days { made }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
    else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    };
    let top = organization(&store, None).await;
    let (first, second) = (machine(&store, top).await, machine(&store, top).await);
    let series = new_series(&store, first).await;
    let day = NOW / DAY_US - 10;
    let start = day * DAY_US + HOUR_US;
    let values = [(start, Some(1.0)), (start + 2 * DAY_US, Some(2.0))];
    write(&store, series, &values, true).await;
    settle(&store).await;
    // Something late,
    write(&store, series, &[(start + SECOND, Some(3.0))], false).await;
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 3);
    // also as if it had come while it was being taken out,
    let name = layout::partition("points", day);
    let mut peer = folder.peer().await;
    peer.execute(&format!("ALTER TABLE points DETACH PARTITION {name}")).await;
    assert_eq!(points(&store).await, 1);
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 3);
    settle(&store).await;
    // in order, of a signal that is new,
    let other = new_series(&store, second).await;
    let values = [(start + MINUTE_US, Some(4.0)), (start + 5 * MINUTE_US, Some(5.0))];
    write(&store, other, &values, true).await;
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 5);
    // and in a last minute.
    settle(&store).await;
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 5);
    rollups::finish(&store, NOW).await.unwrap();
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 1);
    let counted = "SELECT CAST(sum(count) AS BIGINT) FROM rollups_1h";
    let rows = store.reader_pool().fetch(counted, &[]).await.unwrap();
    assert_eq!(rows[0].get::<i64>(0).unwrap(), 5);
}

#[tokio::test]
async fn what_a_removal_has_left_is_rolled_up_before_it_goes() {
    let (store, folder) = store().await;
    let (Layout::Days { made }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool())
    else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    };
    let top = organization(&store, None).await;
    let (first, second) = (machine(&store, top).await, machine(&store, top).await);
    let (series, other) = (new_series(&store, first).await, new_series(&store, second).await);
    let day = NOW / DAY_US - 10;
    let start = day * DAY_US + HOUR_US;
    let last = start + 2 * DAY_US;
    write(&store, series, &[(start, Some(1.0)), (last, Some(2.0))], true).await;
    settle(&store).await;
    // As if it had come while the partition was being taken out: something late, and in order of a machine that
    // was off for long.
    write(&store, series, &[(start + SECOND, Some(3.0))], false).await;
    write(&store, other, &[(start, Some(4.0)), (last, Some(5.0))], true).await;
    let name = layout::partition("points", day);
    let mut peer = folder.peer().await;
    peer.execute(&format!("ALTER TABLE points DETACH PARTITION {name}")).await;
    assert_eq!(points(&store).await, 2);
    // Rollups have their turn first.
    peer.execute("UPDATE rollup_dirty SET marked_at = 0").await;
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    let mut round = rollups::Round::default();
    assert!(rollups::run(&store, &mut round, &steps).await.unwrap().finished);
    turn.end().await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM rollup_dirty").await, 0);
    layout::drop_before(pool, made, day + 1).await.unwrap();
    assert_eq!(points(&store).await, 2);
    let sum = "SELECT CAST(sum(sum) AS BIGINT) FROM rollups_1h";
    assert_eq!(number(&store, sum).await, 1 + 3 + 4);
}

#[tokio::test]
async fn nothing_is_made_anew_while_a_partition_is_half_removed() {
    let (store, folder) = store().await;
    let (Layout::Days { .. }, Pool::Postgres(pool)) = (store.layout(), store.writer_pool()) else {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    };
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    keep(&store, top, RetentionPolicy { raw_days: Some(2), ..RetentionPolicy::default() }).await;
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    write(&store, series, &[(start, Some(1.0)), (NOW, Some(2.0))], true).await;
    settle(&store).await;
    write(&store, series, &[(start + SECOND, Some(3.0))], false).await;
    let day = start / DAY_US;
    half_detach(pool, day).await;
    assert_eq!(points(&store).await, 1, "what is half removed isn't seen");

    let wanted = Wanted::read(&store, now()).await.unwrap();
    let turn = take_turn(&store).await.unwrap().unwrap();
    let go_on = || true;
    let steps = Steps::new(&turn, &go_on);
    // Somebody looks at it, such as a backup: the next round gives up waiting, and goes on with all else.
    let (mut reader, mut peer) = (folder.peer().await, folder.peer().await);
    let name = layout::partition("points", day);
    reader.execute(&format!("BEGIN; SELECT count(*) FROM {name}")).await;
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE state = 'active' \
                  AND datname = current_database() \
                  AND query LIKE 'ALTER TABLE points DETACH PARTITION%'";
    let mut applied = Box::pin(apply(&store, &wanted, &steps));
    loop {
        tokio::select! {
            done = &mut applied => {
                done.unwrap_err();
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => peer.execute(cancel).await,
        }
    }
    drop(applied);
    assert_eq!(number(&store, "SELECT count(*) FROM rollup_dirty").await, 1, "it isn't seen");

    reader.execute("ROLLBACK").await;
    apply(&store, &wanted, &steps).await.unwrap();
    turn.end().await.unwrap();
    assert_eq!(points(&store).await, 1);
    let sum = "SELECT CAST(sum(sum) AS BIGINT) FROM rollups_1h";
    assert_eq!(number(&store, sum).await, 1 + 3);
}

#[tokio::test]
async fn a_round_that_is_broken_off_goes_on_where_it_was() {
    let (store, _folder) = store().await;
    let (first, second) = (organization(&store, None).await, organization(&store, None).await);
    let start = floor(NOW - 10 * DAY_US, HOUR_US);
    for top in [first, second] {
        let policy =
            RetentionPolicy { raw_days: Some(2), event_days: Some(2), ..Default::default() };
        keep(&store, top, policy).await;
        for _ in 0..3 {
            let machine = machine(&store, top).await;
            let series = new_series(&store, machine).await;
            write(&store, series, &[(start, Some(1.0)), (start + SECOND, Some(2.0))], true).await;
        }
    }
    settle(&store).await;
    let wanted = Wanted::read(&store, now()).await.unwrap();
    let turn = take_turn(&store).await.unwrap().unwrap();
    let mut round = Round::default();
    let mut slices = 0;
    loop {
        // A few steps, of more than there are; the events of an organization take three.
        let few = so_often(5);
        let done = run(&store, &wanted, &mut round, &Steps::new(&turn, &few)).await.unwrap();
        slices += 1;
        if done.finished {
            break;
        }
        assert!(slices < 50, "it doesn't get on: {round:?}");
    }
    assert!(slices > 2, "{slices}");
    assert_eq!(points(&store).await, 0);
    assert_eq!(round.place, None, "the next round begins at the first");
    turn.end().await.unwrap();
}

#[tokio::test]
async fn what_late_samples_have_shown_goes_with_events() {
    let (store, folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    keep(&store, top, RetentionPolicy { event_days: Some(2), ..RetentionPolicy::default() }).await;
    let mut peer = folder.peer().await;
    let (organization, machine) = (peer.id(top.uuid()), peer.id(machine.uuid()));
    // Old by when it was found, and by what it is about; and one of the two only.
    for (days_from, days_found) in [(10, 10), (10, 1), (1, 10)] {
        let id = peer.id(Uuid::now_v7());
        let (from, found) = (NOW - days_from * DAY_US, NOW - days_found * DAY_US);
        let sql = format!(
            "INSERT INTO alarm_revisions (id, organization_id, machine_id, kind, from_ts, message, \
             context, found_at) \
             VALUES ({id}, {organization}, {machine}, 'not_evaluated', {from}, '', '{{}}', {found})"
        );
        peer.execute(&sql).await;
    }
    assert_eq!(apply_now(&store).await, 1);
    assert_eq!(apply_now(&store).await, 0);
    assert_eq!(peer.value("SELECT count(*) FROM alarm_revisions").await, "2");
}
