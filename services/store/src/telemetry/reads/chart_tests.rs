use super::*;
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
