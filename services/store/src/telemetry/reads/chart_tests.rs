use super::*;
use crate::telemetry::points::{self, TextRow};
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, organization, store};
use crate::upkeep::rollups::HOUR_US;
use crate::upkeep::rollups::tests::{SECOND, settle, write};

fn width(seconds: i64, points: u32) -> i64 {
    let from = Timestamp::from_micros(1_763_775_000_000_000);
    bucket_width(Range { from, to: from.plus_seconds(seconds), points })
}

#[test]
fn a_range_never_has_more_buckets_than_points() {
    assert_eq!(width(1, 1_000), 1_000);
    assert_eq!(width(86_400, 500), 300_000_000);
    assert_eq!(width(3_600, 500), 10_000_000);
    for points in [1, 2, 7, 500, 5_000] {
        for seconds in [1, 59, 3_601, 86_400 * 365 * 20] {
            let width = width(seconds, points);
            let from = 1_763_775_000_000_000_i64;
            let buckets = (from + seconds * 1_000_000 - 1) / width - from / width + 1;
            assert!(buckets <= i64::from(points), "{seconds} s in {points}: {buckets}");
        }
    }
}

#[tokio::test]
async fn a_chart_shows_what_was_there_when_a_part_of_its_values_is_gone() {
    let (store, folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let names = ["load", "door"].map(str::to_owned);
    let rows: Vec<NewSeries> = names
        .iter()
        .zip([SignalKind::Number, SignalKind::Boolean])
        .map(|(name, kind)| NewSeries {
            machine,
            signal: name.clone(),
            kind: Some(kind),
            created_at: NOW,
        })
        .collect();
    let mut tx = store.begin_batch().await.unwrap();
    let ids = series::create(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    // Ten minutes from one to the next: few enough to be shown as they are.
    let start = floor(NOW, HOUR_US);
    for series in ids {
        let values: Vec<_> = (0..12_i32)
            .map(|n| (start + i64::from(n) * 600 * SECOND, Some(f64::from(n % 2))))
            .collect();
        write(&store, series, &values, true).await;
    }
    settle(&store).await;
    let chart = async |points: u32| {
        let [from, to] = [start, start + 2 * HOUR_US].map(Timestamp::from_micros);
        let range = Range { from, to, points };
        read(&store, Scope::Platform, machine, &names, range).await.unwrap()
    };
    let before = [chart(100).await, chart(1_000).await];
    assert!(before.iter().all(|charts| charts[0].resolution_us == 0));
    assert_eq!(before[1][1].resolution_us, 0);

    let gone = start + HOUR_US;
    marks::raise(&store, marks::RAW_REMOVED, gone).await.unwrap();
    folder.peer().await.execute(&format!("DELETE FROM points WHERE ts < {gone}")).await;
    let after = [chart(100).await, chart(1_000).await];
    for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
        assert_eq!(after.points, before.points, "{}", before.signal);
        assert!(after.resolution_us >= MINUTE_US, "{}: by their rollups", before.signal);
    }
}

async fn series_of(store: &Store, kind: SignalKind) -> i64 {
    let top = organization(store, None).await;
    let machine = machine(store, top).await;
    let row = NewSeries { machine, signal: "state".to_owned(), kind: Some(kind), created_at: NOW };
    let mut tx = store.begin_batch().await.unwrap();
    let ids = series::create(&mut tx, &[row]).await.unwrap();
    tx.commit().await.unwrap();
    ids[0]
}

#[tokio::test]
async fn of_many_texts_the_ends_of_stretches_are_shown_over_all_of_the_time() {
    let (store, _folder) = store().await;
    let series = series_of(&store, SignalKind::Text).await;
    let start = floor(NOW, HOUR_US);
    // Nothing comes for half a minute.
    let program = |second: i64| match second {
        0..40 => Some("P0"),
        40..60 => Some("P1"),
        90..95 => Some("P2"),
        _ => None,
    };
    let rows: Vec<TextRow> = (0..60)
        .chain(90..100)
        .map(|second| TextRow {
            series,
            ts: start + second * SECOND,
            value: program(second).map(str::to_owned),
            quality: 0,
        })
        .collect();
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_texts(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    let read = async |from: i64, points: u32, most: i64, mut bytes: usize| {
        let [from, to] = [from, 100].map(|at| Timestamp::from_micros(start + at * SECOND));
        let range = Range { from, to, points };
        let changes = texts::changes(&store, series, range, most, &mut bytes).await.unwrap();
        let found = changes.found.into_iter();
        let found: Vec<_> = found.map(|(ts, text)| ((ts - start) / SECOND, text)).collect();
        (found, changes.width / SECOND, changes.truncated, bytes)
    };
    let at = |second: i64, text: Option<&str>| (second, text.map(str::to_owned));
    let (p0, p1, p2) = (Some("P0"), Some("P1"), Some("P2"));
    let exact = vec![at(0, p0), at(40, p1), at(90, p2), at(95, None)];
    assert_eq!(read(0, 10, 70, 100).await, (exact, 0, false, 94), "as many as are looked at");
    // In four stretches of half a minute: one of them ends with another text, one is empty.
    let stretches = vec![at(0, p0), at(45, p1), at(90, p2), at(95, None)];
    assert_eq!(read(0, 10, 69, 100).await, (stretches.clone(), 30, false, 94));
    let part = vec![at(35, p0), at(40, p1), at(90, p2), at(95, None)];
    let found = read(35, 10, 20, 100).await;
    assert_eq!(found, (part, 15, false, 94), "they begin where the time begins");
    assert_eq!(read(0, 10, 69, 5).await, (stretches[..2].to_vec(), 30, true, 1));
    // With room for one point the stretch is the time as a whole, and its end is too much.
    assert_eq!(read(0, 1, 20, 100).await, (vec![at(0, p0)], 120, true, 98));
}

#[tokio::test]
async fn of_a_boolean_with_many_values_minutes_are_shown_and_what_wasnt_looked_at_is_told() {
    let (store, _folder) = store().await;
    let series = series_of(&store, SignalKind::Boolean).await;
    let start = floor(NOW, HOUR_US);
    let values: Vec<_> = (0..180_i32)
        .map(|second| (start + i64::from(second) * SECOND, Some(f64::from(second / 50 % 2))))
        .collect();
    write(&store, series, &values, true).await;
    settle(&store).await;
    let read = async |looked_at: usize| {
        let [from, to] = [0, 180].map(|at| Timestamp::from_micros(start + at * SECOND));
        let mut chart = empty("state");
        let range = Range { from, to, points: 500 };
        booleans(&store, series, range, looked_at, &mut chart).await.unwrap();
        let ChartPoints::Booleans(points) = chart.points else { return (Vec::new(), 0, false) };
        let points = points.into_iter().map(|(ts, value)| ((ts - start) / SECOND, value));
        (points.collect::<Vec<_>>(), chart.resolution_us / SECOND, chart.truncated)
    };
    let changes = |times: [i64; 4]| {
        let values = [false, true, false, true].map(Some);
        times.into_iter().zip(values).collect::<Vec<_>>()
    };
    let exact = changes([0, 50, 100, 150]);
    assert_eq!(read(180).await, (exact, 0, false));
    // The last minute, which nothing has come after yet, is looked at one by one.
    let by_minute = changes([0, 30, 90, 150]);
    assert_eq!(read(179).await, (by_minute.clone(), 60, false));
    let told = !crate::upkeep::timescale::is_there(&store);
    assert_eq!(read(59).await, (by_minute, 60, told));
}
