use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use millwright_schemas::{MachineId, SignalKind};

use super::*;
use crate::telemetry::latest::{self, LatestRow};
use crate::telemetry::points::{self, PointRow};
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, organization, store};
use crate::upkeep::take_turn;

pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) async fn new_series(store: &Store, machine: MachineId) -> i64 {
    let mut tx = store.begin_batch().await.unwrap();
    let row = NewSeries {
        machine,
        signal: "s".to_owned(),
        kind: Some(SignalKind::Number),
        created_at: NOW,
    };
    let ids = series::create(&mut tx, &[row]).await.unwrap();
    tx.commit().await.unwrap();
    ids[0]
}

/// As ingest does it: what is later than all of the series, and the rest.
pub(crate) async fn write(
    store: &Store,
    series: i64,
    values: &[(i64, Option<f64>)],
    in_order: bool,
) {
    let mut tx = store.begin_batch().await.unwrap();
    let row =
        |(ts, value): &(i64, Option<f64>)| PointRow { series, ts: *ts, value: *value, quality: 0 };
    let rows: Vec<PointRow> = values.iter().map(row).collect();
    if in_order {
        points::insert_new(&mut tx, &rows).await.unwrap();
    } else {
        points::insert_any(&mut tx, &rows).await.unwrap();
    }
    let newest = rows.iter().max_by_key(|row| row.ts).unwrap();
    let latest = LatestRow {
        series,
        ts: newest.ts,
        value: newest.value,
        text: None,
        quality: 0,
        received_at: NOW,
        unseen: false,
    };
    latest::save(&mut tx, &[latest]).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn settle(store: &Store) {
    if crate::upkeep::timescale::is_there(store) {
        crate::upkeep::timescale::refresh(store, None, NOW + 400 * 86_400 * SECOND).await.unwrap();
        return;
    }
    while advance(store).await.unwrap() > 0 {}
    while repair(store).await.unwrap() > 0 {}
}

/// A step of a pass that begins anew; how many series.
async fn advance_within(store: &Store, points: i64) -> Result<u64, StoreError> {
    super::advance(store, &mut Pass::default(), points).await
}

async fn advance(store: &Store) -> Result<u64, StoreError> {
    advance_within(store, ROLLED_POINTS).await
}

/// A step of a pass that begins anew, over all marks, however young they are; how many hours.
pub(crate) async fn repair_within(store: &Store, points: i64) -> Result<u64, StoreError> {
    let step = repair::Step { wait: 0, points };
    repair::step(store, &mut repair::Pass::default(), step).await
}

pub(crate) async fn repair(store: &Store) -> Result<u64, StoreError> {
    repair_within(store, ROLLED_POINTS).await
}

/// Count, smallest, largest, sum, last.
pub(crate) type Bucket = (i64, Option<f64>, Option<f64>, Option<f64>, Option<f64>);

pub(crate) async fn stored(store: &Store, table: &str) -> BTreeMap<i64, Bucket> {
    let sql = format!("SELECT bucket, count, min, max, sum, last FROM {table} ORDER BY bucket");
    let rows = store.reader_pool().fetch(&sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| {
            let bucket = (
                row.get(1).unwrap(),
                row.get(2).unwrap(),
                row.get(3).unwrap(),
                row.get(4).unwrap(),
                row.get(5).unwrap(),
            );
            (row.get(0).unwrap(), bucket)
        })
        .collect()
}

/// What the rollups must be, by the plain way.
pub(crate) fn expected(
    values: &BTreeMap<i64, Option<f64>>,
    width: i64,
    until: i64,
) -> BTreeMap<i64, Bucket> {
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    for (ts, value) in values.range(..until) {
        let bucket = buckets.entry(floor(*ts, width)).or_insert((0, None, None, None, None));
        let Some(value) = value else { continue };
        bucket.0 += 1;
        bucket.1 = Some(bucket.1.map_or(*value, |min: f64| min.min(*value)));
        bucket.2 = Some(bucket.2.map_or(*value, |max: f64| max.max(*value)));
        bucket.3 = Some(bucket.3.unwrap_or(0.0) + value);
        bucket.4 = Some(*value);
    }
    buckets
}

/// Up to where the minutes go: to the last whole one at least. What goes on may be among them, as far
/// as it has come.
pub(crate) fn through(minutes: &BTreeMap<i64, Bucket>, whole: i64) -> i64 {
    let until = minutes.keys().next_back().map_or(0, |last| last + MINUTE_US);
    assert!(until >= whole, "rolled up to {until}, not to {whole}");
    until
}

#[tokio::test]
async fn rollups_are_what_their_points_say_whatever_comes_late_or_twice() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let mut all: BTreeMap<i64, Option<f64>> = BTreeMap::new();
    // Whole numbers, so that sums don't depend on their order.
    for step in 0..600 {
        let value = if step % 17 == 0 { None } else { Some(f64::from((step * 31) % 97)) };
        all.insert(start + i64::from(step) * 10 * SECOND, value);
    }
    let first: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &first[..300], true).await;
    settle(&store).await;
    write(&store, series, &first[300..], true).await;
    settle(&store).await;
    let end = floor(*all.keys().next_back().unwrap(), MINUTE_US);
    let minutes = stored(&store, "rollups_1m").await;
    let until = through(&minutes, end);
    assert_eq!(minutes, expected(&all, MINUTE_US, until));

    // Late ones, into hours that were done, one of them twice, one with another value.
    let late = [(start + 5 * SECOND, Some(-5.0)), (start + 3_605 * SECOND, Some(1_000.0))];
    for (ts, value) in late {
        all.insert(ts, value);
    }
    write(&store, series, &late, false).await;
    write(&store, series, &late, false).await;
    write(&store, series, &[(late[0].0, Some(77.0))], false).await;
    settle(&store).await;
    let minutes = stored(&store, "rollups_1m").await;
    let until = through(&minutes, end);
    assert_eq!(minutes, expected(&all, MINUTE_US, until));
    let hours = stored(&store, "rollups_1h").await;
    assert_eq!(hours, expected(&all, HOUR_US, until));
    settle(&store).await;
    assert_eq!(stored(&store, "rollups_1h").await, hours, "doing it again changes nothing");
}

#[tokio::test]
async fn what_waits_to_be_rolled_up_is_counted_with_the_oldest_of_it() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB keeps its own account");
        return;
    }
    assert_eq!(waiting(&store).await.unwrap(), Waiting::default());
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US) + 7 * SECOND;
    let later = start + 10 * MINUTE_US;
    write(&store, series, &[(start, Some(1.0)), (later, Some(2.0))], true).await;
    let new = Waiting { series: 1, hours: 0, from: Some(start) };
    assert_eq!(waiting(&store).await.unwrap(), new);
    settle(&store).await;
    assert_eq!(waiting(&store).await.unwrap(), Waiting::default(), "the last minute isn't counted");

    let next = later + 5 * MINUTE_US;
    write(&store, series, &[(next, Some(3.0))], true).await;
    let goes_on = Waiting { series: 1, hours: 0, from: Some(floor(later, MINUTE_US)) };
    assert_eq!(waiting(&store).await.unwrap(), goes_on);
    let late = start - 3 * HOUR_US;
    write(&store, series, &[(late, Some(4.0))], false).await;
    let both = Waiting { series: 1, hours: 1, from: Some(floor(late, HOUR_US)) };
    assert_eq!(waiting(&store).await.unwrap(), both);
    settle(&store).await;
    assert_eq!(waiting(&store).await.unwrap(), Waiting::default());
}

#[tokio::test]
async fn what_comes_in_order_is_rolled_up_in_steps_of_few_points() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let start = floor(NOW, HOUR_US);
    let mut series = Vec::new();
    for _ in 0..2 {
        let machine = machine(&store, top).await;
        series.push(new_series(&store, machine).await);
    }
    // A hundred minutes of six each; the last one waits for what comes after it.
    let values: Vec<_> = (0..600_i32)
        .map(|step| (start + i64::from(step) * 10 * SECOND, Some(f64::from(step))))
        .collect();
    for series in &series {
        write(&store, *series, &values, true).await;
    }
    let cursors = async || {
        let sql = "SELECT (through - ?) / ? FROM rollup_cursors ORDER BY series_id";
        let rows = store.reader_pool().fetch(sql, &[start.into(), MINUTE_US.into()]).await;
        rows.unwrap().iter().map(|row| row.get::<i64>(0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(advance_within(&store, 61).await.unwrap(), 1);
    assert_eq!(cursors().await, [10]);
    assert_eq!(advance_within(&store, 3).await.unwrap(), 1, "a minute is never cut");
    assert_eq!(cursors().await, [11]);
    // All that is left of one, and the beginning of the other.
    assert_eq!(advance_within(&store, 88 * 6 + 8).await.unwrap(), 2);
    assert_eq!(cursors().await, [99, 1]);
    assert_eq!(advance_within(&store, 600).await.unwrap(), 1);
    assert_eq!(advance_within(&store, 600).await.unwrap(), 0);
    assert_eq!(cursors().await, [99, 99]);
    for (table, rows) in [("rollups_1m", 2 * 99), ("rollups_1h", 2 * 2)] {
        let sql = format!("SELECT count(*), CAST(sum(count) AS BIGINT) FROM {table}");
        let row = store.reader_pool().first(&sql, &[]).await.unwrap().unwrap();
        let found: (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        assert_eq!(found, (rows, 2 * 99 * 6), "{table}");
    }
}

#[tokio::test]
async fn a_long_silence_is_passed_over() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let year = 365 * 86_400 * SECOND;
    write(&store, series, &[(start, Some(1.0))], true).await;
    write(&store, series, &[(start + year, Some(2.0)), (start + year + 90 * SECOND, None)], true)
        .await;
    let mut steps = 0;
    while advance(&store).await.unwrap() > 0 {
        steps += 1;
    }
    assert!(steps <= 4, "{steps} steps");
    let minutes = stored(&store, "rollups_1m").await;
    assert_eq!(minutes.keys().copied().collect::<Vec<_>>(), [start, start + year]);
}

#[tokio::test]
async fn a_late_value_doesnt_replace_rollups_whose_values_are_gone() {
    let (store, folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB refreshes nothing whose values were removed");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let values: Vec<_> = (0..700_i32)
        .map(|step| (start + i64::from(step) * 10 * SECOND, Some(f64::from(step))))
        .collect();
    write(&store, series, &values, true).await;
    settle(&store).await;
    let minutes = stored(&store, "rollups_1m").await;
    let hours = stored(&store, "rollups_1h").await;
    assert_eq!(hours[&start].0, 360);

    let gone = format!("DELETE FROM points WHERE ts < {}", start + HOUR_US);
    folder.peer().await.execute(&gone).await;
    write(&store, series, &[(start + 5 * SECOND, Some(-5.0))], false).await;
    settle(&store).await;
    assert_eq!(stored(&store, "rollups_1m").await, minutes);
    assert_eq!(stored(&store, "rollups_1h").await, hours);
}

#[tokio::test]
async fn a_late_value_doesnt_take_the_place_of_one_that_is_gone() {
    let (store, folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB refreshes nothing whose values were removed");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    // One a minute.
    let values = [(start, Some(1.0)), (start + MINUTE_US, Some(2.0)), (start + HOUR_US, Some(3.0))];
    write(&store, series, &values, true).await;
    settle(&store).await;
    finish(&store, i64::MAX).await.unwrap();
    let rolled = async || (stored(&store, "rollups_1m").await, stored(&store, "rollups_1h").await);
    let before = rolled().await;
    assert_eq!(before.0, expected(&values.into(), MINUTE_US, i64::MAX));

    folder.peer().await.execute("DELETE FROM points").await;
    write(&store, series, &[(start + SECOND, Some(-7.0))], false).await;
    settle(&store).await;
    assert_eq!(rolled().await, before);
}

/// The answer to so many questions whether to go on.
pub(crate) fn so_often(steps: u32) -> impl Fn() -> bool + Send + Sync {
    let asked = AtomicU32::new(0);
    move || asked.fetch_add(1, Relaxed) < steps
}

#[tokio::test]
async fn a_round_that_is_broken_off_goes_on_where_it_was_and_ends() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let start = floor(NOW, HOUR_US);
    // More minutes than a step takes of one.
    let minutes = 2 * ROLLED_MINUTES + 10;
    let values: Vec<_> =
        (0..=minutes).map(|minute| (start + minute * MINUTE_US, Some(1.0))).collect();
    let mut series = Vec::new();
    for _ in 0..3 {
        let machine = machine(&store, top).await;
        series.push(new_series(&store, machine).await);
        write(&store, series[series.len() - 1], &values, true).await;
    }
    let turn = take_turn(&store).await.unwrap().unwrap();
    let mut round = Round::default();
    let through = async |series: i64| -> Option<i64> {
        let sql = "SELECT (through - ?) / ? FROM rollup_cursors WHERE series_id = ?";
        let cells = [start.into(), MINUTE_US.into(), series.into()];
        let row = store.reader_pool().first(sql, &cells).await.unwrap();
        row.map(|row| row.get(0).unwrap())
    };
    let once = so_often(1);
    let done = run(&store, &mut round, &Steps::new(&turn, &once)).await.unwrap();
    assert_eq!((done.count, done.finished), (3, false));
    assert_eq!(through(series[2]).await, Some(ROLLED_MINUTES), "each has had its turn");
    assert_eq!(through(series[0]).await, Some(ROLLED_MINUTES));

    // The first one gets more all the time: the others don't wait for it, and the round ends.
    let mut last = start + minutes * MINUTE_US;
    for _ in 0..2 {
        let more: Vec<_> =
            (1..=ROLLED_MINUTES).map(|minute| (last + minute * MINUTE_US, Some(2.0))).collect();
        last += ROLLED_MINUTES * MINUTE_US;
        write(&store, series[0], &more, true).await;
        let once = so_often(1);
        run(&store, &mut round, &Steps::new(&turn, &once)).await.unwrap();
    }
    assert_eq!(through(series[2]).await, Some(minutes));
    let always = || true;
    let steps = Steps::new(&turn, &always);
    assert!(run(&store, &mut round, &steps).await.unwrap().finished);
    assert_eq!(through(series[0]).await, Some((last - start) / MINUTE_US));
    let again = run(&store, &mut round, &steps).await.unwrap();
    assert_eq!(again, Done { count: 0, finished: true });
    turn.end().await.unwrap();
}

#[test]
fn a_pass_comes_back_to_what_was_cut_for_others_and_to_what_is_longer_than_a_step() {
    let wanted = |series, to, whole| Behind { span: Span { series, from: 0, to }, whole };
    let span = |series, to| Span { series, from: 0, to };
    let step = |wanted: &[Behind], spans: &[Span]| {
        let mut pass = Pass { after: 3, ..Pass::default() };
        pass.stepped(wanted, spans);
        (pass.after, pass.more, pass.over)
    };
    assert_eq!(step(&[], &[]), (0, false, true));
    let two = [wanted(5, 60, 60), wanted(9, 60, 60)];
    assert_eq!(step(&two, &[span(5, 60), span(9, 60)]), (0, false, true));
    assert_eq!(step(&two, &[span(5, 60)]), (5, false, false), "the other one is still to come");
    assert_eq!(step(&two, &[span(5, 60), span(9, 30)]), (5, false, false), "it is first now");
    assert_eq!(step(&two, &[span(5, 30)]), (5, true, false), "it has had a step of its own");
    // Longer than a step: the pass begins anew.
    let long = [wanted(5, 60, 90)];
    assert_eq!(step(&long, &[span(5, 60)]), (0, false, false));
}
