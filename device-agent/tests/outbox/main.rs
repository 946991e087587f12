//! The outbox against a disk that fills up and crashes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod disk;
mod model;
mod rules;

use disk::Disk;
use millwright_agent::driver::{FaultChange, Reading, Sample};
use millwright_agent::limits;
use millwright_agent::outbox::{
    Appended, Delivery, Outbox, OutboxError, OutboxSettings, Readings, Topic,
};
use millwright_schemas::wire::events::{self, FaultCleared, FaultEvent, FaultRaised, Severity};
use millwright_schemas::wire::telemetry::{self, SampleValue};
use millwright_schemas::{Quality, Timestamp};

const SETTINGS: OutboxSettings = OutboxSettings {
    max_bytes: 1024 * 1024,
    event_reserve_bytes: 128 * 1024,
    samples_per_message: 10,
};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn now() -> Timestamp {
    at(1_763_775_000_000)
}

fn outbox() -> Outbox {
    Outbox::open_with(Disk::default().opener(), SETTINGS).unwrap()
}

fn number(signal: &str, ts: Timestamp, value: f64) -> Sample {
    Sample {
        ts,
        values: vec![(signal.parse().unwrap(), SampleValue::Number(value), Quality::Good)],
    }
}

fn delivery(samples: Vec<Sample>) -> Delivery {
    Delivery { driver: "d".to_owned(), reading: Reading { samples, ..Reading::default() } }
}

/// One append of readings.
fn append(outbox: &mut Outbox, deliveries: &[Delivery]) -> Result<Appended, OutboxError> {
    outbox.append(&Readings::new(deliveries.to_vec()))
}

fn raised(code: &str) -> FaultRaised {
    FaultRaised {
        code: code.to_owned(),
        source: "axis.x".to_owned(),
        severity: Severity::Major,
        message: String::new(),
        context: serde_json::Map::new(),
        since_ts: None,
    }
}

fn cleared(code: &str) -> FaultCleared {
    FaultCleared { code: code.to_owned(), source: "axis.x".to_owned() }
}

fn all(outbox: &mut Outbox, topic: Topic) -> Vec<millwright_agent::outbox::Waiting> {
    outbox.peek(topic, 0, usize::MAX, usize::MAX).unwrap()
}

fn points(outbox: &mut Outbox) -> Vec<(Timestamp, String)> {
    all(outbox, Topic::Telemetry)
        .iter()
        .flat_map(|waiting| telemetry::decode(&waiting.payload).unwrap().points)
        .map(|point| (point.ts.unwrap(), point.signal))
        .collect()
}

#[test]
fn times_increase_strictly_per_signal() {
    let mut outbox = outbox();
    let samples = vec![
        number("a", at(5), 1.0),
        number("a", at(5), 2.0),
        number("a", at(3), 3.0),
        number("b", at(5), 4.0),
        number("a", at(6), 5.0),
    ];
    append(&mut outbox, &[delivery(samples)]).unwrap();
    let us = |ms, us| at(ms).plus_micros(us);
    let expected = [(at(5), "a"), (us(5, 1), "a"), (us(5, 2), "a"), (at(5), "b"), (at(6), "a")];
    assert_eq!(points(&mut outbox), expected.map(|(ts, signal)| (ts, signal.to_owned())));
}

#[test]
fn a_clock_that_was_far_ahead_is_not_followed_for_ever() {
    let mut outbox = outbox();
    let (year, hour) = (now().plus_seconds(400 * 86_400), now().plus_seconds(3_600));
    let just = now().plus_micros(limits::CLOCK_STEP_US);
    let samples = [year, hour, now(), just, now()].map(|ts| number("a", ts, 1.0)).to_vec();
    append(&mut outbox, &[delivery(samples)]).unwrap();
    let times: Vec<_> = points(&mut outbox).into_iter().map(|(ts, _)| ts).collect();
    assert_eq!(times, [year, hour, now(), just, just.plus_micros(1)]);
}

#[test]
fn a_checkpoint_is_stored_with_its_samples() {
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    let mut reading = delivery(vec![number("a", at(1), 1.0)]);
    reading.reading.checkpoint = Some(vec![7]);
    append(&mut outbox, &[reading.clone()]).unwrap();
    reading.reading.checkpoint = Some(vec![8]);
    disk.fill_after(Some(0));
    assert!(append(&mut outbox, &[reading]).is_err());
    disk.crash(0);
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    assert_eq!(outbox.checkpoint("d").unwrap(), Some(vec![7]));
    assert_eq!(points(&mut outbox).len(), 1);
    assert_eq!(outbox.checkpoint("other").unwrap(), None);
}

#[test]
fn a_full_disk_fails_the_append_and_nothing_else() {
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    append(&mut outbox, &[delivery(vec![number("a", at(1), 1.0)])]).unwrap();
    for writes in 0..40 {
        disk.fill_after(Some(writes));
        let text = SampleValue::Text("x".repeat(4_000));
        let values =
            (0..50).map(|i| (format!("t{i}").parse().unwrap(), text.clone(), Quality::Good));
        let sample = Sample { ts: at(2 + i64::from(writes)), values: values.collect() };
        let before = points_when_writable(&disk, &mut outbox);
        disk.fill_after(Some(writes));
        let result = append(&mut outbox, &[delivery(vec![sample])]);
        let after = points_when_writable(&disk, &mut outbox);
        match result {
            Err(OutboxError::DiskFull(_)) => assert_eq!(after, before, "half-done"),
            Err(OutboxError::InDoubt(_)) if after == before => {}
            Err(error) if !matches!(error, OutboxError::InDoubt(_)) => panic!("{error:?}"),
            Err(_) | Ok(_) => {
                assert_eq!(after, before + 50);
                let last = all(&mut outbox, Topic::Telemetry).last().unwrap().seq;
                outbox.remove_through(Topic::Telemetry, last).unwrap();
            }
        }
    }
    // Faults fail visibly, and succeed once there is room.
    disk.fill_after(Some(0));
    assert!(outbox.raise(&raised("E-1"), now()).unwrap_err().is_storage());
    disk.fill_after(None);
    assert_eq!(outbox.raise(&raised("E-1"), now()).unwrap().seq, 1);
}

fn points_when_writable(disk: &Disk, outbox: &mut Outbox) -> usize {
    disk.fill_after(None);
    points(outbox).len()
}

#[test]
fn telemetry_goes_first_and_is_told() {
    let mut outbox = outbox();
    outbox.raise(&raised("E-1"), now()).unwrap();
    for ts in 0..400 {
        let text = SampleValue::Text("x".repeat(4_000));
        let sample =
            Sample { ts: at(ts), values: vec![("t".parse().unwrap(), text, Quality::Good)] };
        append(&mut outbox, &[delivery(vec![sample])]).unwrap();
    }
    let status = outbox.status().unwrap();
    assert!(status.telemetry_bytes + SETTINGS.event_reserve_bytes <= SETTINGS.max_bytes);
    assert_eq!(status.dropped + status.telemetry, 400);
    outbox.report_losses(now()).unwrap();
    let told = all(&mut outbox, Topic::Events);
    let event = events::decode(&told[1].payload).unwrap();
    assert_eq!(event.event_type.as_str(), "outbox.dropped");
    let first = all(&mut outbox, Topic::Telemetry)[0].seq;
    assert_eq!(
        serde_json::Value::Object(event.data),
        serde_json::json!({"topic": "telemetry", "from_seq": 1, "to_seq": first - 1,
            "messages": first - 1, "reason": "full"})
    );
    outbox.report_losses(now()).unwrap();
    assert_eq!(all(&mut outbox, Topic::Events).len(), 2, "told once");
}

#[test]
fn readings_that_never_reached_the_disk_leave_a_gap_that_is_told() {
    let mut outbox = outbox();
    let readings = Readings::new(vec![delivery(vec![number("a", at(1), 1.0)])]);
    outbox.append(&Readings { unsaved: 3, ..readings }).unwrap();
    assert_eq!(all(&mut outbox, Topic::Telemetry)[0].seq, 4);
    let loss = outbox.loss(Topic::Telemetry).unwrap();
    assert_eq!((loss.from_seq, loss.to_seq, loss.messages), (1, 3, 3));
    assert_eq!(loss.reason, "disk_full");
}

#[test]
fn faults_use_all_of_the_outbox_then_coalesce_then_fail_visibly() {
    let mut outbox = outbox();
    let mut filler = raised("E-big");
    filler.context.insert("x".to_owned(), "x".repeat(50_000).into());
    let mut sent = 0;
    // The same fault over and over: obsolete ones make room for the newest.
    for _ in 0..60 {
        outbox.raise(&filler, now()).unwrap();
        sent += 1;
    }
    let waiting = all(&mut outbox, Topic::Events);
    assert_eq!(waiting.last().unwrap().seq, sent);
    let loss = outbox.loss(Topic::Events).unwrap();
    assert_eq!(loss.messages + waiting.len() as u64, sent);
    // Different faults can't make room for each other.
    let mut refused = None;
    for index in 0..60 {
        filler.code = format!("E-{index}");
        if let Err(error) = outbox.raise(&filler, now()) {
            refused = Some((index, error));
            break;
        }
    }
    let (index, error) = refused.expect("it is full at some point");
    assert!(matches!(error, OutboxError::EventsFull { .. }), "{error:?}");
    let active = outbox.active_faults().unwrap();
    assert!(
        !active.iter().any(|fault| fault.code == format!("E-{index}")),
        "refused, not half-done"
    );
    // What was lost is told even now, and so is the state.
    outbox.report_losses(now()).unwrap();
    outbox.append_snapshot(now()).unwrap().unwrap();
}

#[test]
fn a_drivers_fault_without_room_is_told_by_the_next_snapshot() {
    let mut outbox = outbox();
    let mut filler = raised("E-0");
    filler.context.insert("x".to_owned(), "x".repeat(60_000).into());
    for index in 0.. {
        filler.code = format!("E-{index}");
        if outbox.raise(&filler, now()).is_err() {
            break;
        }
    }
    let change = FaultChange::Raised(now(), FaultRaised { ..filler.clone() });
    let reading = Reading { faults: vec![change], ..Reading::default() };
    let delivery = Delivery { driver: "d".to_owned(), reading };
    assert_eq!(append(&mut outbox, &[delivery]).unwrap().refused_events, 1);
    assert_eq!(outbox.loss(Topic::Events).unwrap().messages, 1);
    let last = all(&mut outbox, Topic::Events).last().unwrap().seq;
    outbox.remove_through(Topic::Events, last).unwrap();
    outbox.append_snapshot(now()).unwrap().unwrap();
    let snapshot = all(&mut outbox, Topic::Events).pop().unwrap();
    let Some(FaultEvent::Snapshot(snapshot)) = events::decode(&snapshot.payload).unwrap().fault
    else {
        panic!("a snapshot")
    };
    assert!(snapshot.faults.iter().any(|fault| fault.code == filler.code));
}

#[test]
fn the_snapshot_tells_since_when_and_always_fits() {
    let settings = OutboxSettings { max_bytes: 4 * 1024 * 1024, ..SETTINGS };
    let mut outbox = Outbox::open_with(Disk::default().opener(), settings).unwrap();
    for index in 0..limits::ACTIVE_FAULTS {
        let fault = FaultRaised {
            source: "\"".repeat(128),
            message: "m".repeat(2_000),
            ..raised(&format!("{index:0>128}"))
        };
        outbox.raise(&fault, now()).unwrap();
    }
    assert!(matches!(
        outbox.raise(&raised("one more"), now()),
        Err(OutboxError::TooManyFaults { .. })
    ));
    let taken = outbox.append_snapshot(now().plus_seconds(9)).unwrap().unwrap();
    let payload = all(&mut outbox, Topic::Events).pop().unwrap().payload;
    let event = events::decode(&payload).unwrap();
    assert_eq!(event.seq, Some(taken.seq));
    let Some(FaultEvent::Snapshot(snapshot)) = event.fault else { panic!("a snapshot") };
    assert_eq!(snapshot.faults.len(), limits::ACTIVE_FAULTS);
    assert!(snapshot.faults.iter().all(|fault| fault.since_ts == Some(now().millis())));
    // One that still waits is enough.
    assert_eq!(outbox.append_snapshot(now()).unwrap(), None);
    outbox.remove_through(Topic::Events, taken.seq).unwrap();
    assert!(outbox.append_snapshot(now()).unwrap().is_some());
}

#[test]
fn a_fault_is_active_from_its_first_raise_to_its_clear() {
    let mut outbox = outbox();
    outbox.raise(&raised("E-1"), at(1)).unwrap();
    outbox.raise(&FaultRaised { severity: Severity::Minor, ..raised("E-1") }, at(2)).unwrap();
    let active = outbox.active_faults().unwrap();
    assert_eq!((active[0].since_ts, active[0].severity), (Some(1), Severity::Minor));
    outbox.clear(&cleared("E-1"), at(3)).unwrap();
    assert!(outbox.active_faults().unwrap().is_empty());
    let told = all(&mut outbox, Topic::Events);
    assert_eq!(told.iter().map(|waiting| waiting.seq).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn an_event_that_is_too_large_is_refused() {
    let mut outbox = outbox();
    let mut fault = raised("E-1");
    fault.context.insert("x".to_owned(), "x".repeat(limits::EVENT_BYTES).into());
    let error = outbox.raise(&fault, now()).unwrap_err();
    assert!(matches!(error, OutboxError::EventTooLarge { .. }), "{error:?}");
    assert!(outbox.active_faults().unwrap().is_empty());
}

#[test]
fn signals_beyond_the_limit_are_refused_and_counted() {
    let mut outbox = outbox();
    let values = (0..limits::SIGNALS + 5)
        .map(|i| (format!("s{i}").parse().unwrap(), SampleValue::Null, Quality::Good));
    let sample = Sample { ts: at(1), values: values.collect() };
    let appended = append(&mut outbox, &[delivery(vec![sample])]).unwrap();
    assert_eq!(appended.refused_values, 5);
    assert_eq!(points(&mut outbox).len() as u64, limits::SIGNALS);
}

#[test]
fn peek_respects_count_and_bytes_but_gives_at_least_one() {
    let mut outbox = outbox();
    for index in 0..5 {
        outbox.raise(&raised(&format!("E-{index}")), now()).unwrap();
    }
    let seqs = |waiting: Vec<millwright_agent::outbox::Waiting>| {
        waiting.into_iter().map(|waiting| waiting.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(outbox.peek(Topic::Events, 1, 2, usize::MAX).unwrap()), [2, 3]);
    assert_eq!(seqs(outbox.peek(Topic::Events, 0, 9, 1).unwrap()), [1]);
    outbox.acknowledge(Topic::Events, 3);
    assert_eq!(seqs(outbox.peek(Topic::Events, 0, 9, usize::MAX).unwrap()), [4, 5]);
    assert!(outbox.peek(Topic::Events, 5, 9, usize::MAX).unwrap().is_empty());
}

#[test]
fn readings_given_again_after_a_failure_are_stored_once() {
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    let mut in_doubt = 0;
    for writes in 0..60 {
        let sample = number("a", at(i64::from(writes)), 1.0);
        let readings = Readings::new(vec![delivery(vec![sample])]);
        disk.fill_after(Some(writes));
        if let Err(error) = outbox.append(&readings) {
            in_doubt += u32::from(matches!(error, OutboxError::InDoubt(_)));
            disk.fill_after(None);
            outbox.append(&readings).unwrap();
        }
        disk.fill_after(None);
        let times: Vec<_> = points(&mut outbox).into_iter().map(|(ts, _)| ts).collect();
        assert_eq!(times, (0..=i64::from(writes)).map(at).collect::<Vec<_>>());
    }
    assert!(in_doubt > 0, "no commit was cut at its end: the test tests nothing");
}
