//! The same messages leave the same rows, however they are batched and however often they come.

use std::cell::{Cell, RefCell};

use millwright_ingest::intake::Uplink;
use millwright_schemas::Timestamp;
use millwright_schemas::api::rules::Rule;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::harness::{Site, T0, above, event, rule, telemetry};

/// One message of a small world in which things collide.
#[derive(Debug, Clone)]
enum Sent {
    Samples { machine: u8, seq: Option<u8>, ts: Vec<(u8, u8)>, form: u8, through: Option<u8> },
    Event { machine: u8, id: Option<u8>, seq: Option<u8>, ts: Option<u8>, kind: u8 },
    Junk { machine: u8, n: u8 },
}

fn sent() -> impl Strategy<Value = Sent> {
    let samples = (
        1u8..3,
        prop::option::of(1u8..20),
        prop::collection::vec((0u8..12, 0u8..7), 0..4),
        0u8..8,
        prop::option::weighted(0.3, 0u8..12),
    )
        .prop_map(|(machine, seq, ts, form, through)| {
            // Only a counted stream keeps what it has said of the time that has passed.
            let through = through.filter(|_| seq.is_some());
            Sent::Samples { machine, seq, ts, form, through }
        });
    let events = (
        1u8..3,
        prop::option::of(0u8..4),
        prop::option::of(1u8..20),
        prop::option::of(0u8..4),
        0u8..5,
    )
        .prop_map(|(machine, id, seq, ts, kind)| Sent::Event { machine, id, seq, ts, kind });
    let junk = (1u8..3, any::<u8>()).prop_map(|(machine, n)| Sent::Junk { machine, n });
    prop_oneof![6 => samples, 3 => events, 1 => junk]
}

const OUTBOX: &str = "0198b2c4-7c1e-7000-8000-0000000000aa";

impl Sent {
    fn uplink(&self, n: i64) -> Uplink {
        let mut uplink = match self {
            Self::Samples { machine, seq, ts, form, through } => {
                telemetry(u128::from(*machine), &samples(*seq, ts, *form, *through))
            }
            Self::Event { machine, id, seq, ts, kind } => {
                event(u128::from(*machine), &reported(*id, *seq, *ts, *kind))
            }
            Self::Junk { machine, n } => telemetry(u128::from(*machine), &format!("junk {n}")),
        };
        uplink.received_at = Timestamp::from_micros(T0 + n * 300_000);
        uplink
    }
}

fn stream(seq: Option<u8>) -> String {
    seq.map_or_else(String::new, |seq| format!(r#""outbox":"{OUTBOX}","seq":{seq},"#))
}

fn samples(seq: Option<u8>, ts: &[(u8, u8)], form: u8, through: Option<u8>) -> String {
    let value = |ts: u8, n: u8| match form {
        0 => "null".to_owned(),
        1 => format!("\"{n}\""),
        2 => "true".to_owned(),
        // So that every signal is beyond its limit at times.
        _ => ((ts / 2 * 3 + n) % 6).to_string(),
    };
    let samples: Vec<String> = ts
        .iter()
        .map(|(ts, n)| {
            // In 1970, or by a clock that is an hour ahead.
            let off = match n {
                5 => -T0 / 1000,
                6 => 3_600_000,
                _ => 0,
            };
            let time = i64::from(*ts) + T0 / 1000 + off;
            format!(r#"{{"ts":{time},"values":{{"s{}":{}}}}}"#, n % 4, value(*ts, *n))
        })
        .collect();
    let through = through
        .map_or_else(String::new, |ts| format!("\"through_ts\":{},", i64::from(ts) + T0 / 1000));
    format!(r#"{{{}{through}"samples":[{}]}}"#, stream(seq), samples.join(","))
}

fn reported(id: Option<u8>, seq: Option<u8>, ts: Option<u8>, kind: u8) -> String {
    // Without a time the id must be given, or a repetition is a second event by design.
    let id = id.or(if ts.is_none() { Some(9) } else { None });
    let id = id.map_or_else(String::new, |id| {
        format!(r#""id":"0198b2c4-7c1e-7000-8000-0000000000{id:02}","#)
    });
    let ts = ts.map_or_else(String::new, |ts| format!("\"ts\":{},", i64::from(ts) + T0 / 1000));
    let what = match kind {
        0 => r#""type":"fault.raised","data":{"code":"E-1"}"#,
        1 => r#""type":"fault.cleared","data":{"code":"E-1"}"#,
        2 => r#""type":"fault.snapshot","data":{"faults":[]}"#,
        3 => r#""type":"help.requested","data":{}"#,
        _ => r#""type":"door.opened","data":{}"#,
    };
    format!("{{{id}{}{ts}{what}}}", stream(seq))
}

/// Machine, signal, value; whether it is counted and tells what time has passed.
type Told = (u8, u8, u8, bool);

/// Some messages by one clock, in hours ahead of the platform's.
#[derive(Debug, Clone)]
struct Phase {
    ahead_h: i64,
    messages: Vec<Told>,
}

/// Clocks that are ahead for some messages, or constantly, and are set right; in between single wrong times.
fn phases() -> impl Strategy<Value = Vec<Phase>> {
    let ahead_h = prop_oneof![3 => Just(0_i64), 3 => Just(2), 1 => Just(5), 1 => Just(-1)];
    let message = (1u8..3, 0u8..3, 0u8..6, any::<bool>());
    let messages = prop_oneof![
        1 => prop::collection::vec(message.clone(), 1..2),
        3 => prop::collection::vec(message, 4..12),
    ];
    let phase = (ahead_h, messages).prop_map(|(ahead_h, messages)| Phase { ahead_h, messages });
    prop::collection::vec(phase, 1..6)
}

/// One message every 75 seconds.
fn by_their_clocks(phases: &[Phase]) -> Vec<Uplink> {
    let all =
        phases.iter().flat_map(|phase| phase.messages.iter().map(move |it| (phase.ahead_h, *it)));
    let uplink = |(n, (ahead_h, (machine, signal, value, counted))): (i64, (i64, Told))| {
        let received_ms = T0 / 1000 + n * 75_000;
        let ts = received_ms + ahead_h * 3_600_000;
        let stream = if counted {
            format!(r#""outbox":"{OUTBOX}","seq":{},"through_ts":{ts},"#, n + 1)
        } else {
            String::new()
        };
        let sample = format!(r#"{{"ts":{ts},"values":{{"s{signal}":{value}}}}}"#);
        let payload = format!(r#"{{{stream}"samples":[{sample}]}}"#);
        let mut uplink = telemetry(u128::from(machine), &payload);
        uplink.received_at = Timestamp::from_micros(received_ms * 1000);
        uplink
    };
    (0..).zip(all).map(uplink).collect()
}

/// Rules for all machines, each with a limit on one of the signals.
async fn watched(site: Site) -> Site {
    let mut site = site.clear().await;
    for (n, hold_s) in [(0, 0.0), (1, 100.0), (2, 200.0)] {
        let condition = above(&format!("s{n}"), 2.5, hold_s, hold_s / 2.0);
        site.add_rule(&Rule { model: Some("mill".to_owned()), ..rule(n, condition) }).await;
    }
    site.execute("UPDATE machines SET model = 'mill'").await;
    site
}

/// What these messages leave, in batches of these sizes, with a restart after each if that is wanted.
async fn leave_by_clocks(
    site: Site,
    phases: &[Phase],
    sizes: &[usize],
    restarts: bool,
) -> (Site, Vec<String>) {
    let mut site = watched(site).await;
    let mut all = by_their_clocks(phases).into_iter();
    let mut sizes = sizes.iter().cycle();
    while all.len() > 0 {
        let part = all.by_ref().take(*sizes.next().unwrap()).collect();
        site.send_all(part).await;
        if restarts {
            site = site.restart().await;
        }
    }
    let tables = site.tables().await;
    (site, tables)
}

#[test]
fn batching_and_restarts_make_no_difference_to_what_is_known_of_a_clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let kept = RefCell::new(None);
    let known = Cell::new(0);
    let left = |phases: &[Phase], sizes: &[usize], restarts| {
        runtime.block_on(async {
            let site = match kept.take() {
                Some(site) => site,
                None => Site::new().await,
            };
            let (site, tables) = leave_by_clocks(site, phases, sizes, restarts).await;
            kept.replace(Some(site));
            tables
        })
    };
    let worlds = (phases(), prop::collection::vec(1_usize..7, 1..4));
    let config = ProptestConfig {
        cases: 24,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&worlds, |(phases, sizes)| {
        let whole = left(&phases, &[1_000], false);
        let is_known = |row: &&String| {
            let mut columns = row.split('|');
            columns.next() == Some("clock") && columns.nth(2) != Some("NULL")
        };
        known.set(known.get() + whole.iter().filter(is_known).count());
        prop_assert_eq!(&whole, &left(&phases, &sizes, false));
        prop_assert_eq!(&whole, &left(&phases, &sizes, true));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(known.get() > 4, "{} clocks were known at some time, in all cases", known.get());
}

/// What these messages leave on a site that had nothing, and what is counted of them.
async fn leave(
    site: Site,
    messages: &[Sent],
    sizes: &[usize],
    times: usize,
) -> (Site, Vec<String>, Vec<String>) {
    let mut site = site.clear().await;
    // Milliseconds, as the samples of this world.
    for (n, hold_s, clear_hold_s) in [(0, 0.0, 0.0), (1, 0.002, 0.0), (2, 0.001, 0.003)] {
        let condition = above(&format!("s{n}"), 2.5, hold_s, clear_hold_s);
        let rule = Rule { model: Some("mill".to_owned()), ..rule(n, condition) };
        site.add_rule(&rule).await;
    }
    site.execute("UPDATE machines SET model = 'mill'").await;
    for _ in 0..times {
        let all: Vec<Uplink> = (0..).zip(messages).map(|(n, sent)| sent.uplink(n)).collect();
        let mut all = all.into_iter();
        let mut sizes = sizes.iter().cycle();
        while all.len() > 0 {
            let part = all.by_ref().take(*sizes.next().unwrap()).collect();
            site.send_all(part).await;
        }
        site = site.restart().await;
    }
    let (tables, tallies) = (site.tables().await, site.tallies().await);
    (site, tables, tallies)
}

#[test]
fn batching_and_redelivery_make_no_difference() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    // One site for all cases, unless one of them ends in a panic.
    let kept = RefCell::new(None);
    let rows = Cell::new(0);
    let left = |messages: &[Sent], sizes: &[usize], times| {
        runtime.block_on(async {
            let site = match kept.take() {
                Some(site) => site,
                None => Site::new().await,
            };
            let (site, tables, tallies) = leave(site, messages, sizes, times).await;
            kept.replace(Some(site));
            (tables, tallies)
        })
    };
    let worlds = (prop::collection::vec(sent(), 1..40), prop::collection::vec(1_usize..10, 1..5));
    let config = ProptestConfig {
        cases: 24,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&worlds, |(messages, sizes)| {
        let (whole, tallies) = left(&messages, &[1_000], 1);
        rows.set(rows.get() + whole.len());
        let (split, split_tallies) = left(&messages, &sizes, 1);
        prop_assert_eq!(&whole, &split);
        prop_assert_eq!(tallies, split_tallies);
        let (twice, _) = left(&messages, &sizes, 2);
        prop_assert_eq!(without_receipt(whole), without_receipt(twice));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(rows.get() > 24 * 10, "{} rows in all cases", rows.get());
}

/// A cursor tells when its newest message was received: the second time, here.
fn without_receipt(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().filter(|row| !row.starts_with("cursor")).collect()
}
