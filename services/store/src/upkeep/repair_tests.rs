use millwright_schemas::SignalKind;

use super::*;
use crate::telemetry::points::{self, PointRow};
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, organization, store};
use crate::upkeep::rollups::tests::{
    SECOND, expected, new_series, repair, repair_within, settle, stored, through, write,
};
use crate::upkeep::rollups::{MINUTE_US, Round, run};
use crate::upkeep::{Steps, take_turn};

async fn marks(store: &Store) -> Vec<i64> {
    let sql = "SELECT hour FROM rollup_dirty ORDER BY hour";
    let rows = store.reader_pool().fetch(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

#[tokio::test]
async fn an_hour_with_many_points_is_made_anew_in_several_steps() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let mut all: BTreeMap<i64, Option<f64>> = (0..720_i32)
        .map(|step| (start + i64::from(step) * 10 * SECOND, Some(f64::from(step * 31 % 97))))
        .collect();
    let first: Vec<_> = all.iter().map(|(ts, value)| (*ts, *value)).collect();
    write(&store, series, &first, true).await;
    settle(&store).await;
    let mut late = async |values: &[(i64, f64)]| {
        let values: Vec<_> = values.iter().map(|(at, value)| (start + at, Some(*value))).collect();
        all.extend(values.iter().copied());
        write(&store, series, &values, false).await;
    };
    late(&[(5 * SECOND, -5.0), (HOUR_US + 5 * SECOND, 1_000.0)]).await;
    assert_eq!(marks(&store).await, [start, start + HOUR_US]);

    // A hundred points end within the 17th minute.
    let rest = start + 16 * MINUTE_US;
    assert_eq!(repair_within(&store, 100).await.unwrap(), 1);
    assert_eq!(marks(&store).await, [rest, start + HOUR_US]);
    // Something comes for what was just done, and for what is still to come.
    late(&[(15 * SECOND, -9.0), (20 * MINUTE_US + SECOND, 7.0)]).await;
    assert_eq!(marks(&store).await, [start, rest, start + HOUR_US]);
    assert_eq!(repair_within(&store, 100).await.unwrap(), 1);
    assert_eq!(marks(&store).await, [rest, start + HOUR_US]);
    while repair_within(&store, 100).await.unwrap() > 0 {}
    assert_eq!(marks(&store).await, [0_i64; 0]);

    // A minute with more points than a step takes is done at once, and small hours together.
    late(&[(30 * MINUTE_US + SECOND, 8.0)]).await;
    let mut steps = 0;
    while repair_within(&store, 3).await.unwrap() > 0 {
        steps += 1;
    }
    assert_eq!(steps, 60);
    late(&[(40 * MINUTE_US + SECOND, 9.0), (HOUR_US + 40 * MINUTE_US + SECOND, 10.0)]).await;
    assert_eq!(repair(&store).await.unwrap(), 2);
    assert_eq!(repair(&store).await.unwrap(), 0);

    let minutes = stored(&store, "rollups_1m").await;
    let until = through(&minutes, floor(*all.keys().next_back().unwrap(), MINUTE_US));
    assert_eq!(minutes, expected(&all, MINUTE_US, until));
    assert_eq!(stored(&store, "rollups_1h").await, expected(&all, HOUR_US, until));
}

#[tokio::test]
async fn an_hour_that_is_late_all_the_time_is_made_anew_now_and_then() {
    let (store, folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let values = [(start, Some(1.0)), (start + 2 * HOUR_US, Some(2.0))];
    write(&store, series, &values, true).await;
    settle(&store).await;
    let turn = take_turn(&store).await.unwrap().unwrap();
    let always = || true;
    let steps = Steps::new(&turn, &always);
    let mut round = Round::default();
    let count = async || stored(&store, "rollups_1h").await[&start].0;

    write(&store, series, &[(start + SECOND, Some(3.0))], false).await;
    let young = run(&store, &mut round, &steps).await.unwrap();
    assert_eq!((young.count, young.finished), (0, true), "nothing is due, and the round ends");
    assert_eq!((count().await, marks(&store).await), (1, vec![start]));

    // Its wait is over, though something comes for it once more.
    let mut peer = folder.peer().await;
    let age = format!("UPDATE rollup_dirty SET marked_at = marked_at - {REPAIR_WAIT_US} - 1");
    peer.execute(&age).await;
    write(&store, series, &[(start + 2 * SECOND, Some(4.0))], false).await;
    assert_eq!(run(&store, &mut round, &steps).await.unwrap().count, 1);
    assert_eq!((count().await, marks(&store).await), (3, Vec::new()));

    // By a clock that was set back it would never be due.
    write(&store, series, &[(start + 3 * SECOND, Some(5.0))], false).await;
    peer.execute("UPDATE rollup_dirty SET marked_at = 9000000000000000").await;
    assert_eq!(run(&store, &mut round, &steps).await.unwrap().count, 1);
    assert_eq!((count().await, marks(&store).await), (4, Vec::new()));
    turn.end().await.unwrap();
}

#[tokio::test]
async fn one_pass_goes_over_all_marks() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let start = floor(NOW, HOUR_US);
    let hours = REPAIRED_HOURS + 3;
    for _ in 0..2 {
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        write(&store, series, &[(start + hours * HOUR_US, Some(1.0))], true).await;
        let late: Vec<_> = (0..hours).map(|hour| (start + hour * HOUR_US, Some(2.0))).collect();
        write(&store, series, &late, false).await;
    }
    let mut pass = Pass::default();
    let mut done = 0;
    while !pass.over {
        done += step(&store, &mut pass, Step { wait: 0, points: ROLLED_POINTS }).await.unwrap();
    }
    assert_eq!(i64::try_from(done).unwrap(), 2 * hours);
    assert_eq!(marks(&store).await, [0_i64; 0]);
}

#[tokio::test]
async fn nulls_of_a_signal_that_has_no_values_leave_nothing_to_be_done() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB needs no marks");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let row = NewSeries { machine, signal: "flow".to_owned(), kind: None, created_at: NOW };
    let mut tx = store.begin_batch().await.unwrap();
    let series = series::create(&mut tx, &[row]).await.unwrap()[0];
    tx.commit().await.unwrap();
    let start = floor(NOW, HOUR_US);
    for minute in 0..3 {
        write(&store, series, &[(start + minute * MINUTE_US, None)], false).await;
    }
    assert_eq!(marks(&store).await, [0_i64; 0]);

    // Once it has a kind, all of it is rolled up, and what is late marks its hour.
    let mut tx = store.begin_batch().await.unwrap();
    series::fix_kind(&mut tx, series, SignalKind::Number).await.unwrap();
    let late = PointRow { series, ts: start + SECOND, value: Some(1.0), quality: 0 };
    points::insert_any(&mut tx, &[late]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(marks(&store).await, [start]);
    write(&store, series, &[(start + 5 * MINUTE_US, Some(2.0))], true).await;
    settle(&store).await;
    let counts: Vec<_> =
        stored(&store, "rollups_1m").await.into_values().map(|minute| minute.0).collect();
    assert_eq!(counts, [1, 0, 0, 1]);
}

#[tokio::test]
async fn hours_that_are_to_be_removed_are_made_anew_at_once_and_once_only() {
    let (store, _folder) = store().await;
    if crate::upkeep::timescale::is_there(&store) {
        eprintln!("SKIPPED: TimescaleDB does this by itself");
        return;
    }
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let series = new_series(&store, machine).await;
    let start = floor(NOW, HOUR_US);
    let all: Vec<_> = (0..30).map(|hour| (start + hour * HOUR_US, Some(1.0))).collect();
    write(&store, series, &all, false).await;
    let before = start + (REPAIRED_HOURS + 5) * HOUR_US;
    let (mut after, mut late, mut ends) = (i64::MIN, start, Vec::new());
    while let Some(done) = at_once(&store, series, (after, before)).await.unwrap() {
        ends.push((done - start) / HOUR_US);
        after = done;
        // All the time something comes late for the first one.
        late += SECOND;
        write(&store, series, &[(late, Some(2.0))], false).await;
    }
    assert_eq!(ends, [REPAIRED_HOURS - 1, REPAIRED_HOURS + 4]);
    let left = [0].into_iter().chain(REPAIRED_HOURS + 5..30).map(|hour| start + hour * HOUR_US);
    assert_eq!(marks(&store).await, left.collect::<Vec<_>>());
}
