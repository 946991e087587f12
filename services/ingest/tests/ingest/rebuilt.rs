//! Rules that need days of samples, on machines that are known for days: what they would have learned is rebuilt
//! from the store, and is what they have learned where they were there.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use millwright_alarms::relearn;
use millwright_core::access::{Actor, Caller, Permission};
use millwright_ingest::intake::Uplink;
use millwright_ingest::limits::REBUILD_TRIES;
use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Site, T0, machine, rule, telemetry, until};
use crate::learned::noise;

/// Seconds between two samples: twelve are looked at together.
const STEP: i64 = 5;
const HOUR: i64 = 3_600;
/// Three days, of which a batch takes a small part.
const HOURS: Range<i64> = 0..72;
/// Samples of an hour.
const OF_HOUR: f64 = 720.0;
const PATIENCE: Duration = Duration::from_secs(120);

const STATES: &str = "SELECT hex(state), through_ts FROM detector_states ORDER BY machine_id";
/// Alarms of what is behind these days.
const ALARMS: &str = "SELECT source, active, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000 FROM alarms \
                      WHERE raised_at >= 1767484800000000 ORDER BY id";

fn condition(value: Value) -> RuleCondition {
    serde_json::from_value(value).unwrap()
}

/// As it is shipped: it looks once a minute, and says nothing before a day.
fn shipped() -> RuleCondition {
    condition(json!({"kind": "anomaly", "signals": ["t"], "clear_hold_s": 60}))
}

/// The same, while the machine runs.
fn while_running() -> RuleCondition {
    condition(json!({"kind": "while",
        "while": {"kind": "state", "signal": "state", "is": ["running"]},
        "condition": {"kind": "anomaly", "signals": ["t"], "clear_hold_s": 60}}))
}

fn second(s: i64) -> Timestamp {
    Timestamp::from_micros(T0).plus_seconds(s)
}

fn message(samples: &[Value], last: i64) -> Uplink {
    message_of(1, samples, last)
}

fn message_of(n: u128, samples: &[Value], last: i64) -> Uplink {
    let mut message = telemetry(n, &json!({"samples": samples}).to_string());
    message.received_at = second(last);
    message
}

/// A machine with a course of the day.
fn healthy(s: i64) -> f64 {
    5.0 * (s as f64 / 86_400.0 * std::f64::consts::TAU).sin() + noise(s)
}

/// Sends hours of machine 1, each in a message.
async fn send(site: &Site, hours: Range<i64>, value: impl Fn(i64) -> f64) {
    let messages = hours.map(|hour| {
        let seconds = (hour * HOUR..(hour + 1) * HOUR).step_by(5);
        let sample = |s: i64| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": value(s)}});
        let samples: Vec<Value> = seconds.map(sample).collect();
        message(&samples, (hour + 1) * HOUR - STEP)
    });
    site.send_all(messages.collect()).await;
}

async fn say(site: &Site, s: i64, state: &str) {
    let sample = json!({"ts": T0 / 1000 + s * 1000, "values": {"state": state}});
    site.send_all(vec![message(&[sample], s.max(0))]).await;
}

/// Sends the first sample behind these days until its rule watches: only the first time it is news.
async fn send_until_begun(site: &Site) {
    send_until_begun_with(site, Vec::new).await;
}

/// The same, each time with other messages.
async fn send_until_begun_with(site: &Site, others: impl Fn() -> Vec<Uplink>) {
    let s = HOURS.end * HOUR;
    let sample = json!({"ts": T0 / 1000 + s * 1000, "values": {"t": healthy(s)}});
    let begun = async {
        loop {
            let mut messages = others();
            messages.insert(0, message(std::slice::from_ref(&sample), s));
            site.send_all(messages).await;
            if site.metric("learning_begun_total") >= 1.0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
}

/// A quarter of an hour that is well, one that isn't; each in a message, so that what was learned is stored.
async fn send_incident(site: &Site) {
    for (part, level) in [(0, 0.0), (1, 40.0)] {
        let from = HOURS.end * HOUR + part * 900 + STEP;
        let samples: Vec<Value> = (from..from + 900)
            .step_by(5)
            .map(|s| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": level + healthy(s)}}))
            .collect();
        site.send_all(vec![message(&samples, from + 900)]).await;
    }
}

/// What is known and told behind these days.
async fn found(site: &mut Site) -> [Vec<String>; 2] {
    send_incident(site).await;
    [site.rows(STATES).await, site.rows(ALARMS).await]
}

/// What it is where the rule has been there all the time.
async fn lived() -> [Vec<String>; 2] {
    let mut site = Site::new().await;
    site.rule(9, shipped()).await;
    send(&site, HOURS, healthy).await;
    send_until_begun(&site).await;
    let lived = found(&mut site).await;
    assert_eq!((lived[0].len(), lived[1].len()), (1, 1), "{:?}", lived[1]);
    assert_eq!(site.metric("relived_total"), 0.0);
    lived
}

#[tokio::test]
async fn a_new_rule_knows_a_machine_as_if_it_had_been_there() {
    let mut site = Site::new().await;
    send(&site, HOURS, healthy).await;
    site.rule(9, shipped()).await;
    send_until_begun(&site).await;
    assert_eq!(site.rows("SELECT count(*) FROM detector_marks").await, ["0"]);
    assert!(site.metric("relived_total") >= 72.0 * OF_HOUR, "all that is stored");
    assert_eq!(found(&mut site).await, lived().await);
}

#[tokio::test]
async fn what_is_missing_is_rebuilt_and_what_is_old_goes_on() {
    let lived = lived().await;
    let mut site = Site::new().await;
    site.rule(9, shipped()).await;
    send(&site, 0..20, healthy).await;
    site.execute("CREATE TABLE kept AS SELECT * FROM detector_states").await;
    send(&site, 20..72, healthy).await;
    site.execute("DELETE FROM detector_states").await;
    site.execute("INSERT INTO detector_states SELECT * FROM kept").await;
    let mut site = site.restart().await;
    send_until_begun(&site).await;
    let relived = site.metric("relived_total");
    // Nothing that was in it is taken again.
    assert!((52.0 * OF_HOUR..54.0 * OF_HOUR).contains(&relived), "{relived}");
    assert_eq!(found(&mut site).await, lived);
    site.execute("DELETE FROM detector_states").await;
    let site = site.restart().await;
    send_until_begun(&site).await;
    assert!(site.metric("relived_total") >= 72.0 * OF_HOUR);
}

/// What comes meanwhile is judged afterwards, with its own time.
#[tokio::test]
async fn what_comes_while_a_rule_is_rebuilt_is_judged_afterwards() {
    let mut site = Site::new().await;
    send(&site, HOURS, healthy).await;
    site.rule(9, shipped()).await;
    let first = HOURS.end * HOUR;
    let sample = json!({"ts": T0 / 1000 + first * 1000, "values": {"t": healthy(first)}});
    site.send_all(vec![message(&[sample], first)]).await;
    send_incident(&site).await;
    send_until_begun(&site).await;
    let mut other = Site::new().await;
    other.rule(9, shipped()).await;
    send(&other, HOURS, healthy).await;
    send_until_begun(&other).await;
    send_incident(&other).await;
    assert_eq!(site.rows(ALARMS).await, other.rows(ALARMS).await);
    assert_eq!(site.rows(ALARMS).await.len(), 1);
}

#[tokio::test]
async fn a_database_that_can_not_be_read_for_a_while_is_waited_for() {
    let mut site = Site::new().await;
    send(&site, HOURS, healthy).await;
    site.rule(9, shipped()).await;
    // Of the packed days a batch reads nothing while there is so much beside them.
    site.execute("ALTER TABLE packed_points RENAME TO away").await;
    let s = HOURS.end * HOUR;
    let sample = json!({"ts": T0 / 1000 + s * 1000, "values": {"t": healthy(s)}});
    site.send_all(vec![message(&[sample], s)]).await;
    let often = f64::from(REBUILD_TRIES) + 1.0;
    until("tried again", || site.metric("rebuild_retries_total") >= often).await;
    site.execute("ALTER TABLE away RENAME TO packed_points").await;
    send_until_begun(&site).await;
    assert!(site.metric("relived_total") >= 72.0 * OF_HOUR, "all that is stored");
}

/// What is refused is refused together with what else is in its batch, at first.
#[tokio::test]
async fn batches_that_fail_cost_nothing_that_is_rebuilt() {
    let mut site = Site::new().await;
    send(&site, HOURS, healthy).await;
    site.rule(9, shipped()).await;
    site.db.refuse("points", Some("NEW.value = 666"), "poisonous value").await;
    let s = HOURS.end * HOUR;
    let poison = json!({"ts": T0 / 1000 + s * 1000, "values": {"t": 666}});
    let poisonous = || vec![message_of(2, std::slice::from_ref(&poison), s)];
    send_until_begun_with(&site, poisonous).await;
    let relived = site.metric("relived_total");
    assert!((72.0 * OF_HOUR..2.0 * 72.0 * OF_HOUR).contains(&relived), "{relived}");
    assert_ne!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
    site.db.accept("points").await;
    assert_eq!(found(&mut site).await, lived().await);
}

#[tokio::test]
async fn rules_that_are_switched_off_are_not_rebuilt() {
    let mut site = Site::new().await;
    send(&site, 0..10, healthy).await;
    for n in [9, 10] {
        site.rule(n, shipped()).await;
    }
    // As long as this is away, none is done.
    site.execute("ALTER TABLE packed_points RENAME TO away").await;
    for (s, waiting) in [(10 * HOUR, 1.0), (10 * HOUR + STEP, 0.0)] {
        let sample = json!({"ts": T0 / 1000 + s * 1000, "values": {"t": healthy(s)}});
        site.send_all(vec![message(&[sample], s)]).await;
        let is_worked_on = || site.metric("rebuild_retries_total") >= 1.0;
        until("counted", || is_worked_on() && site.metric("rebuilds_waiting") == waiting).await;
        site.execute("UPDATE rules SET enabled = FALSE").await;
        site.execute("UPDATE revisions SET revision = revision + 1").await;
    }
    site.execute("ALTER TABLE away RENAME TO packed_points").await;
    assert_eq!(site.metric("learning_begun_total"), 0.0);
}

#[tokio::test]
async fn who_needs_nothing_rebuilt_waits_for_no_room_for_that() {
    let mut site = Site::new().await;
    let say = async |site: &Site, n: u128, s: i64| {
        let sample = json!({"ts": T0 / 1000 + s * 1000, "values": {"t": healthy(s)}});
        site.send_all(vec![message_of(n, &[sample], s)]).await;
        site.metric("learning_begun_total")
    };
    let watch = async |site: &Site, n: u128| {
        let of_machine = Rule { machine_id: Some(machine(n)), ..rule(100 + n, shipped()) };
        site.add_rule(&of_machine).await;
    };
    send(&site, 0..10, healthy).await;
    watch(&site, 2).await;
    say(&site, 2, 10 * HOUR).await;
    assert_eq!(site.rows("SELECT count(*) FROM detector_states").await, ["1"]);
    watch(&site, 1).await;
    watch(&site, 3).await;
    let site = site.restart_with_queue(0).await;
    assert_eq!(say(&site, 1, 10 * HOUR).await, 0.0, "of ten hours, for which there is no room");
    assert_eq!(say(&site, 2, 10 * HOUR + STEP).await, 1.0, "of a checkpoint");
    assert_eq!(say(&site, 3, 10 * HOUR).await, 2.0, "of nothing");
    assert_eq!(say(&site, 1, 10 * HOUR + STEP).await, 2.0);
    let site = site.restart().await;
    send_until_begun(&site).await;
    assert!(site.metric("relived_total") >= 10.0 * OF_HOUR);
}

#[tokio::test]
async fn it_is_rebuilt_of_the_time_in_which_the_machine_ran() {
    let send_all = async |site: &Site| {
        say(site, -1, "running").await;
        send(site, 0..20, healthy).await;
        say(site, 20 * HOUR - 1, "stopped").await;
        send(site, 20..30, |s| 300.0 * noise(s)).await;
        say(site, 30 * HOUR - 1, "running").await;
        send(site, 30..72, healthy).await;
    };
    let mut lived = Site::new().await;
    lived.rule(9, while_running()).await;
    send_all(&lived).await;
    send_until_begun(&lived).await;
    let mut later = Site::new().await;
    send_all(&later).await;
    later.rule(9, while_running()).await;
    send_until_begun(&later).await;
    let expected = found(&mut lived).await;
    assert_eq!(expected[1].len(), 1, "{:?}", expected[1]);
    assert_eq!(found(&mut later).await, expected);
}

#[tokio::test]
async fn nothing_of_before_the_last_repair_is_taken() {
    let mut site = Site::new().await;
    send(&site, 0..60, |s| 500.0 + healthy(s)).await;
    let caller = Caller {
        actor: Actor::User(UserId(Uuid::from_u128(7))),
        organization: OrganizationId(Uuid::from_u128(0xff)),
        permissions: BTreeSet::from([Permission::WriteRules, Permission::ReadMachines]),
    };
    let store = site.store.clone();
    relearn::relearn(&store, &caller, machine(1), second(60 * HOUR)).await.unwrap();
    send(&site, 60..72, healthy).await;
    site.rule(9, shipped()).await;
    send_until_begun(&site).await;
    let relived = site.metric("relived_total");
    assert!((12.0 * OF_HOUR - 5.0..12.0 * OF_HOUR + 5.0).contains(&relived), "{relived}");
    send_incident(&site).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0, "it learns for a day");
}
