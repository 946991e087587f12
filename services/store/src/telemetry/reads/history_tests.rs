use millwright_schemas::{EventId, OrganizationId};
use uuid::Uuid;

use super::*;
use crate::telemetry::latest::{self, LatestRow};
use crate::telemetry::points::{self, PointRow, TextRow};
use crate::telemetry::reported::{self, ReportedRow};
use crate::telemetry::series::{self, NewSeries};
use crate::testing::{NOW, machine, organization, store};

const SECOND: i64 = 1_000_000;

async fn create(
    store: &Store,
    machine: MachineId,
    signals: &[(&str, Option<SignalKind>)],
) -> Vec<i64> {
    let row = |(signal, kind): &(&str, Option<SignalKind>)| NewSeries {
        machine,
        signal: (*signal).to_owned(),
        kind: *kind,
        created_at: NOW,
    };
    let rows: Vec<_> = signals.iter().map(row).collect();
    let mut tx = store.begin_batch().await.unwrap();
    let ids = series::create(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

async fn report(
    store: &Store,
    machine: MachineId,
    organization: OrganizationId,
    event_type: &str,
    times: &[i64],
) {
    let row = |ts: &i64| ReportedRow {
        machine,
        id: EventId(Uuid::now_v7()),
        organization,
        ts: *ts,
        ts_is_device_time: true,
        received_at: NOW,
        event_type: event_type.to_owned(),
        stream: None,
        data: "{}".to_owned(),
    };
    let rows: Vec<_> = times.iter().map(row).collect();
    let mut tx = store.begin_batch().await.unwrap();
    reported::insert(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn write(store: &Store, points: &[PointRow], texts: &[TextRow]) {
    for piece in points.chunks(5_000) {
        let mut tx = store.begin_batch().await.unwrap();
        points::insert_new(&mut tx, piece).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = store.begin_batch().await.unwrap();
    points::insert_texts(&mut tx, texts).await.unwrap();
    tx.commit().await.unwrap();
}

/// All of it, and in how many pieces it came.
async fn all(store: &Store, mut history: History) -> (Vec<Sample>, usize) {
    let (mut samples, mut pieces) = (Vec::new(), 0);
    while let Some(mut piece) = history.next(store).await.unwrap() {
        let starts_later = |last: &Sample| piece[0].at > last.at;
        assert!(samples.last().is_none_or(starts_later), "a time is in one piece");
        samples.append(&mut piece);
        pieces += 1;
    }
    (samples, pieces)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn all_sources_together_are_bounded_also_of_packed_days() {
    for sources in [1, 2, 20, 32, 64, 200] {
        let share = share(sources);
        let packed = packed_share(share);
        assert!(packed >= share, "{sources}");
        assert!(sources * packed <= VALUES_AHEAD * PACKED_MORE, "{sources}: {packed}");
    }
    assert_eq!(packed_share(share(20)), PACKED_MAX, "a day of a value each 5 s at once");
}

#[tokio::test]
async fn sources_are_merged_in_order_piece_by_piece_without_losing_any() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let kinds = [
        ("load", Some(SignalKind::Number)),
        ("door", Some(SignalKind::Boolean)),
        ("state", Some(SignalKind::Text)),
    ];
    let ids = create(&store, machine, &kinds).await;
    let at = |s: i64| NOW + s * SECOND;
    let mut expected: Vec<(i64, usize, SampleOf)> = Vec::new();
    let (mut points, mut texts) = (Vec::new(), Vec::new());
    for n in 0..12_000_i32 {
        let (ts, value) = (at(i64::from(n)), f64::from(n));
        points.push(PointRow { series: ids[0], ts, value: Some(value), quality: 0 });
        expected.push((ts, 0, SampleOf::Number(value)));
        if n % 1_000 == 0 {
            let open = n % 2_000 == 0;
            let value = Some(f64::from(u8::from(open)));
            points.push(PointRow { series: ids[1], ts, value, quality: 1 });
            expected.push((ts, 1, SampleOf::Boolean(open)));
        }
        if n % 8 == 0 {
            let text = format!("s{n}");
            texts.push(TextRow { series: ids[2], ts, value: Some(text.clone()), quality: 0 });
            expected.push((ts, 2, SampleOf::Text(text)));
        }
    }
    write(&store, &points, &texts).await;
    // Two at one time are one; another type, and what is outside, don't count.
    report(&store, machine, top, "lift.call", &[at(-5), at(10), at(10), at(11_000)]).await;
    report(&store, machine, top, "lift.other", &[at(20)]).await;
    expected.push((at(-5), 4, SampleOf::Event));
    expected.extend([at(10), at(11_000)].map(|ts| (ts, 4, SampleOf::Event)));
    expected.retain(|(ts, ..)| *ts < at(11_900));
    expected.sort_by_key(|(ts, source, _)| (*ts, *source));
    let signals = names(&["load", "door", "state", "none"]);
    let wanted = Wanted {
        signals: &signals,
        events: &names(&["lift.call"]),
        from: Timestamp::from_micros(at(0)),
        to: Timestamp::from_micros(at(11_900)),
    };
    let history = History::open(&store, Scope::Organization(top), machine, wanted).await.unwrap();
    assert_eq!(history.missing().collect::<Vec<_>>(), [3]);
    let (samples, pieces) = all(&store, history).await;
    let samples: Vec<_> =
        samples.into_iter().map(|it| (it.at.micros(), it.source, it.value)).collect();
    assert!(pieces > 3, "{pieces}");
    assert_eq!(samples.len(), expected.len());
    assert!(samples == expected);
}

#[tokio::test]
async fn the_last_value_before_comes_first_and_what_is_unusable_says_so() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = machine(&store, top).await;
    let kinds = [("load", Some(SignalKind::Number)), ("silent", None)];
    let ids = create(&store, machine, &kinds).await;
    let point = |place: usize, s: i64, value: Option<f64>, quality: i64| PointRow {
        series: ids[place],
        ts: NOW + s * SECOND,
        value,
        quality,
    };
    let points = [
        point(0, -7_200, Some(1.0), 0),
        point(0, -3_600, Some(2.0), 0),
        point(0, 0, Some(3.0), 2),
        point(0, 1, None, 0),
        point(0, 2, Some(4.0), 1),
        point(1, 1, None, 0),
    ];
    write(&store, &points, &[]).await;
    let signals = names(&["load", "silent"]);
    let wanted = Wanted {
        signals: &signals,
        events: &[],
        from: Timestamp::from_micros(NOW),
        to: Timestamp::from_micros(NOW + 10 * SECOND),
    };
    let history = History::open(&store, Scope::Platform, machine, wanted).await.unwrap();
    assert_eq!(history.told_until(), None);
    let (samples, _) = all(&store, history).await;
    let said: Vec<_> = samples
        .into_iter()
        .map(|it| ((it.at.micros() - NOW) / SECOND, it.source, it.value))
        .collect();
    use SampleOf::{Number, Unusable};
    let expected = [
        (-3_600, 0, Number(2.0)),
        (0, 0, Unusable),
        (1, 0, Unusable),
        (1, 1, Unusable),
        (2, 0, Number(4.0)),
    ];
    assert_eq!(said, expected);

    let mut tx = store.begin_batch().await.unwrap();
    let row = LatestRow {
        series: ids[0],
        ts: NOW + 2 * SECOND,
        value: Some(4.0),
        text: None,
        quality: 1,
        received_at: NOW,
        unseen: false,
    };
    latest::save(&mut tx, &[row]).await.unwrap();
    tx.commit().await.unwrap();
    let history = History::open(&store, Scope::Platform, machine, wanted).await.unwrap();
    assert_eq!(history.told_until(), Some(Timestamp::from_micros(NOW + 2 * SECOND)));
}

#[tokio::test]
async fn a_machine_outside_the_scope_does_not_exist() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let below = organization(&store, Some(top)).await;
    let machine = machine(&store, top).await;
    let (from, to) = (Timestamp::from_micros(NOW), Timestamp::from_micros(NOW + SECOND));
    let wanted = Wanted { signals: &[], events: &[], from, to };
    let refused = History::open(&store, Scope::Organization(below), machine, wanted).await;
    assert!(matches!(refused, Err(StoreError::NotFound("machine"))));
    let empty = History::open(&store, Scope::Organization(top), machine, wanted).await.unwrap();
    assert_eq!(all(&store, empty).await.0, []);
}
