//! Rules that learn: alarms with their cause, and what becomes of what was learned over restarts,
//! changes and repairs.

use std::collections::BTreeSet;

use millwright_alarms::{maintenance, relearn, rules};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_ingest::intake::Uplink;
use millwright_schemas::api::alarms::StartMaintenance;
use millwright_schemas::api::rules::{Rule, RuleCondition, RuleInput};
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use millwright_store::telemetry::detector_marks::{self, MarkRow};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Site, T0, above, machine, rule, telemetry};

/// Alarms: source, whether active, seconds of raise and clear after the start.
const ALARMS: &str = "SELECT source, active, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000 FROM alarms ORDER BY id";
const STATES: &str = "SELECT hex(state), through_ts FROM detector_states ORDER BY machine_id";

fn caller() -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::from_u128(7))),
        organization: OrganizationId(Uuid::from_u128(0xff)),
        permissions: BTreeSet::from([
            Permission::WriteRules,
            Permission::ReadMachines,
            Permission::MaintainMachines,
        ]),
    }
}

fn condition(value: Value) -> RuleCondition {
    serde_json::from_value(value).unwrap()
}

fn unusual() -> RuleCondition {
    condition(json!({"kind": "anomaly", "signals": ["t"], "train_rows": 150,
        "clear_hold_s": 60}))
}

fn second(s: i64) -> Timestamp {
    Timestamp::from_micros(T0).plus_seconds(s)
}

/// Noise between -0.5 and 0.5, always the same.
pub(crate) fn noise(s: i64) -> f64 {
    let mut x = s.unsigned_abs() + 1;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f64 / f64::from(1 << 24) - 0.5
}

/// Sends a sample a second of machine 1, ten in a message, received as they are measured.
async fn send(site: &Site, seconds: std::ops::Range<i64>, value: impl Fn(i64) -> f64) {
    send_behind(site, 0, seconds, value).await;
}

/// The same by a clock that is so many seconds behind.
async fn send_behind(
    site: &Site,
    behind_s: i64,
    seconds: std::ops::Range<i64>,
    value: impl Fn(i64) -> f64,
) {
    let all: Vec<i64> = seconds.collect();
    let messages = all.chunks(10).map(|part| {
        let sample = |s: &i64| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": value(*s)}});
        let samples: Vec<Value> = part.iter().map(sample).collect();
        let mut message = telemetry(1, &json!({"samples": samples}).to_string());
        message.received_at = second(part[0] + behind_s);
        message
    });
    site.send_all(messages.collect()).await;
}

/// A healthy machine, but at one second.
fn with_spike(at: i64) -> impl Fn(i64) -> f64 {
    move |s| noise(s) + if s == at { 50.0 } else { 0.0 }
}

#[tokio::test]
async fn an_alarm_says_what_is_unusual_and_ends() {
    let mut site = Site::new().await;
    site.rule(9, unusual()).await;
    send(&site, 0..600, with_spike(400)).await;
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].starts_with("t|0|400|"), "{alarms:?}");
    let told = site.rows("SELECT severity, message, context FROM alarms").await;
    assert!(told[0].starts_with("major|t: "), "{told:?}");
    assert!(told[0].contains("is beyond the highest seen so far"), "{told:?}");
    let context: Value = serde_json::from_str(told[0].rsplit_once('|').unwrap().1).unwrap();
    assert_eq!((&context["kind"], &context["signal"]), (&json!("anomaly"), &json!("t")));
    assert!(context["findings"].as_array().is_some_and(|all| !all.is_empty()), "{context}");
    let states = site.rows("SELECT count(*) FROM rule_states").await;
    assert_eq!(states, ["1"]);
}

/// Restarts between and behind checkpoints, and one while the alarm is active.
#[tokio::test]
async fn over_restarts_it_goes_on_as_if_there_had_been_none() {
    let spike = |s: i64| match s {
        700 => 50.0,
        1500 => 150.0,
        _ => 0.0,
    };
    let course = |s: i64| noise(s) + spike(s);
    let mut plain = Site::new().await;
    plain.rule(9, unusual()).await;
    send(&plain, 0..2000, course).await;
    let mut troubled = Site::new().await;
    troubled.rule(9, unusual()).await;
    let (mut from, mut relived) = (0, 0.0);
    for until in [5, 120, 310, 695, 710, 1200, 1505, 2000] {
        send(&troubled, from..until, course).await;
        relived += troubled.metric("relived_total");
        if until < 2000 {
            troubled = troubled.restart().await;
        }
        from = until;
    }
    assert_eq!(plain.rows(ALARMS).await, troubled.rows(ALARMS).await);
    assert_eq!(plain.rows(ALARMS).await.len(), 2);
    // Both tell what they know: the next checkpoint is due, and is the same.
    for site in [&plain, &troubled] {
        send(site, 4000..4001, course).await;
    }
    assert_eq!(plain.rows(STATES).await, troubled.rows(STATES).await);
    assert!(relived >= 115.0, "what came between the checkpoint and the second restart");
}

#[tokio::test]
async fn without_a_checkpoint_it_learns_from_what_is_stored_in_parts() {
    let mut site = Site::new().await;
    let healthy = noise;
    send(&site, 0..6000, healthy).await;
    // More than a batch takes: it is quiet meanwhile, and says afterwards what came since.
    site.rule(9, unusual()).await;
    send(&site, 6000..6010, |_| 50.0).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0, "it knows nothing yet");
    send(&site, 6010..6300, healthy).await;
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].starts_with("t|0|6000|"), "{alarms:?}");
    assert!(site.metric("relived_total") >= 5000.0);
    assert_eq!(site.metric("learning_begun_total"), 1.0);
    send(&site, 6300..6310, |s| if s == 6300 { 300.0 } else { noise(s) }).await;
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms[1..], ["t|1|6300|NULL"]);
}

/// Many rules with many signals and little that is new, as after a restart: looking costs too.
#[tokio::test]
async fn how_much_is_looked_at_in_a_batch_is_bounded() {
    const RULES: u64 = 12;
    let names: Vec<String> = (0..20).map(|signal| format!("s{signal}")).collect();
    let site = Site::new().await;
    for rule in 0..RULES {
        let learned = json!({"kind": "anomaly", "signals": names, "train_rows": 150});
        site.rule(u128::from(100 + rule), condition(learned)).await;
    }
    let message = |s: i64| {
        let values: Value = names.iter().map(|name| (name.clone(), json!(noise(s)))).collect();
        let sample = json!({"ts": T0 / 1000 + s * 1000, "values": values});
        let mut message = telemetry(1, &json!({"samples": [sample]}).to_string());
        message.received_at = second(s);
        message
    };
    site.send_all(vec![message(0)]).await;
    site.send_all(vec![message(1)]).await;
    let begun = site.metric("learning_begun_total");
    assert!((1.0..=10.0).contains(&begun), "{begun}");
    for s in 2..30 {
        site.send_all(vec![message(s)]).await;
    }
    assert_eq!(site.metric("learning_begun_total"), RULES as f64);
}

/// A message with all samples of this time, each second one. All are received at one time: no further
/// checkpoint is due.
fn at_once(seconds: std::ops::Range<i64>, spike: i64) -> Uplink {
    let course = with_spike(spike);
    let sample = |s: i64| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": course(s)}});
    let samples: Vec<Value> = seconds.map(sample).collect();
    let mut message = telemetry(1, &json!({"samples": samples}).to_string());
    message.received_at = second(7_200);
    message
}

/// The process may end while rules catch up.
#[tokio::test]
async fn what_came_before_a_second_restart_is_judged_after_it() {
    let mut site = Site::new().await;
    site.rule(9, unusual()).await;
    send_behind(&site, 7_000, 0..200, noise).await;
    let marks = "SELECT count(*) FROM detector_marks";
    assert_eq!(site.rows(marks).await, ["0"], "never behind for longer than a batch");
    for from in (200..6_000).step_by(1_000) {
        site.send_all(vec![at_once(from..(from + 1_000).min(6_000), 0)]).await;
    }
    let mut site = site.restart().await;
    site.send_all(vec![at_once(6_000..7_000, 6_500)]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0, "it is behind");
    assert_eq!(site.rows("SELECT judged FROM detector_marks").await.len(), 1);
    let mut site = site.restart().await;
    for from in [7_000, 7_010, 7_020] {
        site.send_all(vec![at_once(from..from + 10, 0)]).await;
    }
    let alarms = site.rows(ALARMS).await;
    let found = alarms.iter().filter(|alarm| alarm.starts_with("t|0|6500|")).count();
    assert_eq!(found, 1, "{alarms:?}");
    assert_eq!(site.rows(marks).await, ["0"]);
    // What was said then isn't said again.
    let mut site = site.restart().await;
    for from in [7_030, 7_040] {
        site.send_all(vec![at_once(from..from + 10, 0)]).await;
    }
    assert_eq!(site.rows(ALARMS).await, alarms);
}

/// After a restart machines send what has waited, while rules have much to catch up on.
#[tokio::test]
async fn what_comes_while_a_rule_catches_up_is_judged_afterwards() {
    let site = Site::new().await;
    site.rule(9, unusual()).await;
    send_behind(&site, 7_000, 0..200, noise).await;
    for from in (200..6_000).step_by(1_000) {
        site.send_all(vec![at_once(from..(from + 1_000).min(6_000), 0)]).await;
    }
    let mut site = site.restart().await;
    site.send_all(vec![at_once(6_000..7_000, 6_500)]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0, "it is behind");
    site.send_all(vec![at_once(7_000..7_010, 0)]).await;
    let alarms = site.rows(ALARMS).await;
    assert!(alarms.iter().any(|alarm| alarm.starts_with("t|0|6500|")), "{alarms:?}");
    // What was said then isn't said again.
    let mut site = site.restart().await;
    for from in [7_010, 7_020] {
        site.send_all(vec![at_once(from..from + 10, 0)]).await;
    }
    assert_eq!(site.rows(ALARMS).await, alarms);
}

/// Watched while the machine runs, which it says when that changes.
fn while_running() -> RuleCondition {
    condition(json!({"kind": "while",
        "while": {"kind": "state", "signal": "state", "is": ["running"]},
        "condition": {"kind": "anomaly", "signals": ["t"], "train_rows": 150,
        "clear_hold_s": 60}}))
}

async fn say(site: &Site, s: i64, state: &str) {
    let payload = json!({"ts": T0 / 1000 + s * 1000, "values": {"state": state}});
    let mut message = telemetry(1, &payload.to_string());
    message.received_at = second(s.max(0));
    site.send_all(vec![message]).await;
}

#[tokio::test]
async fn while_a_machine_stands_nothing_is_learned_and_nothing_said_over_restarts_too() {
    let site = Site::new().await;
    site.rule(9, while_running()).await;
    say(&site, -1, "running").await;
    send(&site, 0..200, noise).await;
    let site = site.restart().await;
    send(&site, 200..310, with_spike(300)).await;
    say(&site, 310, "stopped").await;
    let mut site = site.restart().await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|300|310"]);
    send(&site, 311..500, |_| 500.0).await;
    let site = site.restart().await;
    say(&site, 500, "running").await;
    let mut site = site.restart().await;
    send(&site, 501..640, noise).await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|300|310"]);
    send(&site, 640..641, |_| 200.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|300|310", "t|1|640|NULL"]);
    let known = site.rows("SELECT message FROM alarms ORDER BY id").await;
    assert!(known[1].contains("is beyond the highest seen so far"), "{known:?}");
}

#[tokio::test]
async fn a_new_rule_knows_from_what_is_stored_when_a_machine_ran() {
    let mut site = Site::new().await;
    say(&site, -1, "running").await;
    send(&site, 0..500, noise).await;
    say(&site, 500, "stopped").await;
    send(&site, 501..700, |_| 500.0).await;
    say(&site, 700, "running").await;
    site.rule(9, while_running()).await;
    send(&site, 701..760, noise).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    send(&site, 760..761, |_| 200.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|760|NULL"]);
}

#[tokio::test]
async fn it_is_stored_every_five_minutes_and_when_it_begins_to_watch() {
    let mut site = Site::new().await;
    site.rule(9, unusual()).await;
    let through = "SELECT (through_ts - 1767225600000000) / 1000000 FROM detector_states";
    for (until, expected) in [(10, "9"), (100, "9"), (160, "159"), (450, "159"), (470, "459")] {
        let from = match until {
            10 => 0,
            100 => 10,
            160 => 100,
            450 => 160,
            _ => 450,
        };
        for begin in (from..until).step_by(10) {
            send(&site, begin..begin + 10, noise).await;
        }
        assert_eq!(site.rows(through).await, [expected], "after {until} s");
    }
}

#[tokio::test]
async fn it_learns_anew_by_request_and_after_maintenance_and_nothing_during_it() {
    let mut site = Site::new().await;
    site.rule(9, unusual()).await;
    send(&site, 0..400, noise).await;
    let (caller, store) = (caller(), site.store.clone());
    relearn::relearn(&store, &caller, machine(1), second(400)).await.unwrap();
    assert_eq!(site.rows(STATES).await.len(), 0);
    // At another level: no alarm, it is what is normal now. Then it is watched.
    send(&site, 400..800, |s| 90.0 + noise(s)).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    send(&site, 800..801, |_| 0.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|800|NULL"]);
    send(&site, 801..1000, |s| 90.0 + noise(s)).await;
    assert!(site.rows(ALARMS).await[0].starts_with("t|0|800|"));
    let input = StartMaintenance { for_s: 3_600, reason: "bearing".to_owned() };
    maintenance::start(&store, &caller, machine(1), input, second(1000)).await.unwrap();
    send(&site, 1000..1300, |s| 500.0 * noise(s)).await;
    maintenance::end(&store, &caller, machine(1), second(1300)).await.unwrap();
    let mut site = site.restart().await;
    send(&site, 1300..1700, |s| 10.0 + noise(s)).await;
    assert_eq!(site.rows(ALARMS).await.len(), 1, "nothing of the repair, nothing of before");
    send(&site, 1700..1701, |_| 90.0).await;
    assert_eq!(site.rows(ALARMS).await[1], "t|1|1700|NULL");
    let events =
        site.rows("SELECT type FROM events WHERE type LIKE 'machine.%' ORDER BY seq").await;
    let expected =
        ["machine.relearning_started", "machine.maintenance_started", "machine.maintenance_ended"];
    assert_eq!(events, expected);
    let audit = site.rows("SELECT action FROM audit WHERE action LIKE '%relearn%'").await;
    assert_eq!(audit, ["machine.relearning_started"]);
    let nobody = Caller { permissions: BTreeSet::new(), ..caller };
    let refused = relearn::relearn(&store, &nobody, machine(1), second(1700)).await.unwrap_err();
    assert!(refused.to_string().contains("rules.write"), "{refused}");
}

#[tokio::test]
async fn a_machine_whose_clock_is_behind_learns_anew_at_once() {
    let mut site = Site::new().await;
    site.rule(9, unusual()).await;
    send_behind(&site, 3_600, 0..400, noise).await;
    let store = site.store.clone();
    relearn::relearn(&store, &caller(), machine(1), second(4_000)).await.unwrap();
    send_behind(&site, 3_600, 400..800, |s| 90.0 + noise(s)).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    send_behind(&site, 3_600, 800..801, |_| 0.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|800|NULL"]);
}

#[tokio::test]
async fn what_was_learned_outlives_other_words_but_not_another_condition() {
    let mut site = Site::new().await;
    let first = site.rule(9, unusual()).await;
    send(&site, 0..400, noise).await;
    let input = |condition: RuleCondition, name: &str| RuleInput {
        name: name.to_owned(),
        organization_id: None,
        machine_id: Some(machine(1)),
        model: None,
        condition,
        severity: first.severity,
        message: None,
        enabled: true,
    };
    let words = input(unusual(), "other words");
    let now = second(400);
    let changed =
        rules::replace(&site.store, &caller(), first.id, first.version, words, now).await.unwrap();
    send(&site, 400..401, |_| 50.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|400|NULL"]);
    let longer = condition(json!({"kind": "anomaly", "signals": ["t"], "train_rows": 5000,
        "clear_hold_s": 20}));
    let other = input(longer, "other words");
    let now = second(401);
    rules::replace(&site.store, &caller(), first.id, changed.version, other, now).await.unwrap();
    assert_eq!(site.rows(STATES).await.len(), 0);
    send(&site, 401..600, noise).await;
    send(&site, 600..601, |_| 500.0).await;
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms.len(), 1, "it learns: {alarms:?}");
    assert!(alarms[0].starts_with("t|0|400|"), "{alarms:?}");
    let now = second(700);
    rules::delete(&site.store, &caller(), first.id, now).await.unwrap();
    assert_eq!(site.rows("SELECT count(*) FROM detector_states").await, ["0"]);
}

/// Else it would be taken for what is normal when the machine is of that model again.
#[tokio::test]
async fn of_a_machine_of_another_model_nothing_that_was_learned_is_kept() {
    let mut site = Site::new().await;
    let of_model = |rule: Rule| Rule { model: Some("mill".to_owned()), ..rule };
    let other_rule = of_model(rule(10, above("t", 80.0, 0.0, 0.0)));
    site.add_rule(&of_model(rule(9, unusual()))).await;
    site.add_rule(&other_rule).await;
    site.execute("UPDATE machines SET model = 'mill' WHERE serial_number <> '3'").await;
    let other =
        |s: i64| telemetry(2, &json!({"ts": T0 / 1000 + s, "values": {"t": 1}}).to_string());
    send(&site, 0..10, noise).await;
    site.send_all(vec![other(0)]).await;
    // Each by itself, as of a rule that is behind and has learned nothing yet.
    let mut tx = site.store.begin_batch().await.unwrap();
    for machine in [machine(1), machine(2)] {
        let mark = MarkRow { machine, rule: other_rule.id, version: 1, judged: vec![Some(T0)] };
        detector_marks::save(&mut tx, &[mark]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let states = "SELECT hex(machine_id) FROM detector_states ORDER BY 1";
    let marks = "SELECT hex(machine_id) FROM detector_marks ORDER BY 1";
    let hex = |n: u128| machine(n).uuid().simple().to_string().to_uppercase();
    for kept in [states, marks] {
        assert_eq!(site.rows(kept).await, [hex(1), hex(2)]);
    }
    site.execute("UPDATE machines SET model = 'lathe' WHERE serial_number = '1'").await;
    site.execute("UPDATE revisions SET revision = revision + 1").await;
    send(&site, 10..11, noise).await;
    for kept in [states, marks] {
        assert_eq!(site.rows(kept).await, [hex(2)]);
    }
    // Of rules that aren't understood everything is left as it is.
    site.execute("UPDATE rules SET condition = '{\"kind\":\"of_tomorrow\"}'").await;
    site.execute("UPDATE revisions SET revision = revision + 1").await;
    site.send_all(vec![other(1_000)]).await;
    for kept in [states, marks] {
        assert_eq!(site.rows(kept).await, [hex(2)]);
    }
}

/// Nobody can clear it by hand, and nothing that comes is judged.
#[tokio::test]
async fn the_alarm_of_a_rule_for_which_there_is_no_room_any_more_is_over() {
    let site = Site::new().await;
    site.rule(9, unusual()).await;
    send(&site, 0..401, with_spike(400)).await;
    let mut site = site.restart_with_room(0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|400|NULL"]);
    for from in [401, 405] {
        send(&site, from..from + 4, noise).await;
        assert_eq!(site.rows(ALARMS).await, ["t|0|400|400"]);
        assert_eq!(site.metric("learning_left_out_total"), 1.0);
    }
    // When there is room again, it goes on.
    let mut site = site.restart().await;
    send(&site, 409..700, noise).await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|400|400"]);
    send(&site, 700..701, |_| 900.0).await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|400|400", "t|1|700|NULL"]);
}

#[tokio::test]
async fn signals_of_different_messages_are_learned_together() {
    let mut site = Site::new().await;
    let together = json!({"kind": "anomaly", "signals": ["a", "b"], "train_rows": 200,
        "clear_hold_s": 20});
    site.rule(9, condition(together)).await;
    let mut messages = Vec::new();
    for s in 0..400_i64 {
        let a = 10.0 * (s as f64 / 20.0).sin() + noise(s);
        let b = if s >= 300 { -a } else { a } + 0.3 * noise(s + 1000);
        for (signal, value, ms) in [("a", a, 0), ("b", b, 5)] {
            let payload = json!({"ts": T0 / 1000 + s * 1000 + ms, "values": {signal: value}});
            messages.push(telemetry(1, &payload.to_string()));
        }
    }
    site.send_all(messages).await;
    let alarms = site.rows(ALARMS).await;
    let raised = |alarm: &String| alarm.split('|').nth(2)?.parse::<i64>().ok();
    let found = alarms.iter().filter_map(raised).any(|s| (300..360).contains(&s));
    assert!(found && alarms.iter().all(|alarm| alarm.starts_with("a|")), "{alarms:?}");
    let context = site.rows("SELECT context FROM alarms ORDER BY id DESC LIMIT 1").await;
    let context: Value = serde_json::from_str(&context[0]).unwrap();
    assert_eq!(context["together"], true);
}
