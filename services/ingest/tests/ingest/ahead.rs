//! A clock that is ahead: what it says is stored and shown, and rules don't go by it.

use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, Timestamp};
use millwright_store::Scope;
use millwright_store::telemetry::reads::signals;
use serde_json::{Value, json};

use crate::harness::{Site, T0, above, event, machine, rule, telemetry};
use crate::learned::noise;

const ALARMS: &str = "SELECT source, active, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000 FROM alarms ORDER BY id";
const COUNTED: &str = "SELECT late, ahead, duplicates FROM machine_counters";
const HOUR: i64 = 3_600;

/// A value of `t` so many seconds after the start.
fn value(s: i64, value: f64) -> String {
    json!({"ts": T0 / 1000 + s * 1000, "values": {"t": value}}).to_string()
}

/// A message of a counted stream, with what it says of the time that has passed.
fn message(seq: i64, through_s: i64, samples: &[String]) -> String {
    let samples: Vec<Value> = samples.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    json!({"outbox": "0198b2c4-7c1e-7000-8000-0000000000aa", "seq": seq,
        "through_ts": T0 / 1000 + through_s * 1000, "samples": samples})
    .to_string()
}

/// Receives them so many seconds after the start.
async fn receive(site: &Site, s: i64, payloads: &[String]) {
    let messages = payloads.iter().map(|payload| {
        let mut message = telemetry(1, payload);
        message.received_at = Timestamp::from_micros(T0).plus_seconds(s);
        message
    });
    site.send_all(messages.collect()).await;
}

/// The newest value of `t`, as it is shown: seconds after the start, and what it says.
async fn shown(site: &Site) -> (i64, SampleValue) {
    let all = signals::all(&site.store, Scope::Platform, machine(1)).await.unwrap();
    let latest = all.into_iter().find(|it| it.signal == "t").unwrap().latest.unwrap();
    assert_eq!(latest.quality, Quality::Good);
    (latest.ts.micros_since(Timestamp::from_micros(T0)) / 1_000_000, latest.value)
}

#[tokio::test]
async fn one_wrong_time_blinds_no_rule() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    receive(&site, 0, &[value(0, 20.0), value(20 * HOUR, 99.0)]).await;
    assert!(site.rows(ALARMS).await.is_empty(), "nor is it judged");
    assert_eq!(site.rows(COUNTED).await, ["1|1|0"]);
    receive(&site, 5, &[value(5, 90.0)]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|5|NULL"]);
    let mut site = site.restart().await;
    receive(&site, 9, &[value(9, 20.0), value(8, 90.0)]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|0|5|9"]);
    assert_eq!(site.rows(COUNTED).await, ["2|1|0"], "a late one is late as ever");
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["5"]);
    // Looked at when its time has come.
    let spans = "SELECT (from_ts - 1767225600000000) / 1000000, \
                 (to_ts - 1767225600000000) / 1000000 FROM late_spans";
    assert_eq!(site.rows(spans).await, [format!("8|{}", 20 * HOUR)]);
}

#[tokio::test]
async fn a_clock_that_was_set_right_is_gone_by_at_once() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 10.0, 0.0)).await;
    let wrong = |s: i64| value(s + 2 * HOUR, 90.0);
    let messages = [message(1, 2 * HOUR, &[wrong(0)]), message(2, 2 * HOUR + 60, &[wrong(60)])];
    receive(&site, 60, &messages).await;
    assert!(site.rows(ALARMS).await.is_empty(), "no time passes by a clock that is ahead");
    receive(&site, 70, &[message(3, 70, &[value(65, 90.0)])]).await;
    let site = site.restart().await;
    receive(&site, 80, &[message(4, 74, &[])]).await;
    let mut site = site.restart().await;
    assert!(site.rows(ALARMS).await.is_empty());
    receive(&site, 80, &[message(5, 76, &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|75|NULL"]);
    assert_eq!(site.rows(COUNTED).await, ["2|2|0"]);
}

#[tokio::test]
async fn a_clock_that_is_a_little_ahead_is_gone_by() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    let most = AHEAD_TOLERANCE_US / 1_000_000;
    receive(&site, 0, &[value(most, 90.0)]).await;
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{most}|NULL")]);
    receive(&site, 1, &[value(most + 2, 20.0)]).await;
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{most}|NULL")]);
    assert_eq!(site.rows(COUNTED).await, ["1|1|0"]);
}

#[tokio::test]
async fn what_was_received_last_is_shown_while_a_clock_is_ahead() {
    let site = Site::new().await;
    receive(&site, 0, &[value(0, 1.0)]).await;
    receive(&site, 1, &[value(HOUR, 2.0)]).await;
    assert_eq!(shown(&site).await, (HOUR, SampleValue::Number(2.0)));
    receive(&site, 2, &[value(2, 3.0)]).await;
    assert_eq!(shown(&site).await, (2, SampleValue::Number(3.0)));
    // What is older than that isn't.
    receive(&site, 3, &[value(1, 4.0)]).await;
    assert_eq!(shown(&site).await, (2, SampleValue::Number(3.0)));
    let mut site = site.restart().await;
    receive(&site, 4, &[value(HOUR + 1, 5.0)]).await;
    assert_eq!(shown(&site).await, (HOUR + 1, SampleValue::Number(5.0)));
    // Its time has come.
    receive(&site, HOUR + 2, &[value(HOUR + 2, 6.0)]).await;
    assert_eq!(shown(&site).await, (HOUR + 2, SampleValue::Number(6.0)));
    // Again, within one batch: of what came at once, what is in time is shown.
    receive(&site, HOUR + 3, &[value(HOUR + 3, 7.0), value(9 * HOUR, 8.0)]).await;
    assert_eq!(shown(&site).await, (HOUR + 3, SampleValue::Number(7.0)));
    let mut rows = site.rows("SELECT value FROM latest_in_time").await;
    rows.extend(site.rows("SELECT value FROM latest").await);
    assert_eq!(rows, ["7.0", "8.0"]);
}

#[tokio::test]
async fn an_event_that_has_not_happened_yet_counts_as_none() {
    let mut site = Site::new().await;
    let missing = json!({"kind": "missing", "event": "lift.test_call", "for_s": 100});
    let missing: RuleCondition = serde_json::from_value(missing).unwrap();
    site.rule(9, missing).await;
    let call = |s: i64| {
        json!({"ts": T0 / 1000 + s * 1000, "type": "lift.test_call", "data": {}}).to_string()
    };
    site.events(&[&call(0), &call(2 * HOUR)]).await;
    receive(&site, 300, &[message(1, 300, &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["lift.test_call|1|100|NULL"]);
}

/// Stored values of times that haven't come aren't learned, else the rule would hear nothing until then.
#[tokio::test]
async fn a_rule_that_learns_catches_up_to_now_only() {
    let site = Site::new().await;
    let course = |s: i64| noise(s) + if s == 500 { 60.0 } else { 0.0 };
    let send = async |site: &Site, seconds: std::ops::Range<i64>| {
        let payloads: Vec<String> = seconds.clone().map(|s| value(s, course(s))).collect();
        receive(site, seconds.start, &payloads).await;
    };
    send(&site, 0..300).await;
    receive(&site, 300, &[value(10 * HOUR, 0.5)]).await;
    let learns: RuleCondition =
        serde_json::from_value(json!({"kind": "anomaly", "signals": ["t"], "train_rows": 150}))
            .unwrap();
    site.rule(9, learns).await;
    send(&site, 300..400).await;
    let mut site = site.restart().await;
    send(&site, 400..600).await;
    let alarms = site.rows(ALARMS).await;
    assert!(alarms.iter().any(|alarm| alarm.contains("|500|")), "{alarms:?}");
}

/// So far ahead, in seconds.
const AHEAD: i64 = 2 * HOUR;

#[tokio::test]
async fn a_clock_that_is_constantly_ahead_is_gone_by_once_it_is_known() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    for s in [0, 120, 240] {
        receive(&site, s, &[value(s + AHEAD, 90.0)]).await;
        site = site.restart().await;
    }
    assert!(site.rows(ALARMS).await.is_empty(), "not for long enough");
    receive(&site, 300, &[value(300 + AHEAD, 91.0)]).await;
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{}|NULL", 300 + AHEAD)]);
    let mut site = site.restart().await;
    receive(&site, 310, &[value(305 + AHEAD, 20.0), value(300 + 5 * HOUR, 99.0)]).await;
    let over = [format!("t|0|{}|{}", 300 + AHEAD, 305 + AHEAD)];
    assert_eq!(site.rows(ALARMS).await, over, "one that is further ahead isn't judged");
    assert_eq!(site.rows(COUNTED).await, ["4|4|0"]);
    // In a message that waited times may be any.
    receive(&site, 320, &[value(320, 99.0), value(316 + AHEAD, 21.0)]).await;
    assert_eq!(site.rows(ALARMS).await, over);
    assert_eq!(shown(&site).await, (316 + AHEAD, SampleValue::Number(21.0)));
}

#[tokio::test]
async fn one_wrong_time_that_comes_again_is_none_of_the_clock() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    for s in [0, 100, 200, 300, 400] {
        receive(&site, s, &[value(AHEAD, 99.0)]).await;
    }
    assert!(site.rows(ALARMS).await.is_empty());
    receive(&site, 401, &[value(401, 90.0)]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|1|401|NULL"]);
}

#[tokio::test]
async fn a_known_clock_that_is_set_right_is_gone_by_within_minutes() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 10.0, 0.0)).await;
    let ahead = |s: i64, value: f64| self::value(s + AHEAD, value);
    receive(&site, 0, &[message(1, AHEAD, &[ahead(0, 20.0)])]).await;
    receive(&site, 150, &[message(2, 150 + AHEAD, &[ahead(150, 20.0)])]).await;
    receive(&site, 300, &[message(3, 300 + AHEAD, &[ahead(300, 90.0)])]).await;
    assert!(site.rows(ALARMS).await.is_empty(), "a hold");
    receive(&site, 312, &[message(4, 312 + AHEAD, &[])]).await;
    let raised = 310 + AHEAD;
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{raised}|NULL")]);
    // Set right.
    for (seq, s) in [(5, 400), (6, 550)] {
        receive(&site, s, &[message(seq, s, &[value(s, 20.0)])]).await;
        site = site.restart().await;
    }
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{raised}|NULL")]);
    receive(&site, 700, &[message(7, 700, &[value(700, 20.0)])]).await;
    assert_eq!(site.rows(ALARMS).await, [format!("t|0|{raised}|{raised}")]);
    assert_eq!(shown(&site).await, (700, SampleValue::Number(20.0)));
    let mut site = site.restart().await;
    // One of before isn't judged any more.
    receive(&site, 705, &[value(540, 99.0), message(8, 705, &[value(705, 90.0)])]).await;
    receive(&site, 716, &[message(9, 716, &[])]).await;
    assert_eq!(site.rows(ALARMS).await.last().unwrap(), "t|1|715|NULL");
    assert_eq!(shown(&site).await, (705, SampleValue::Number(90.0)));
    let through = "SELECT (through_ts - 1767225600000000) / 1000000 FROM stream_cursors";
    assert_eq!(site.rows(through).await, ["716"]);
}

/// An alarm of the time to come, of a clock that was ahead, with values that are as bad since the clock
/// was set right.
async fn turned() -> (Site, Rule) {
    let mut site = Site::new().await;
    let rule = site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    for (s, bad) in [(0, 20.0), (150, 20.0), (300, 90.0)] {
        receive(&site, s, &[value(s + AHEAD, bad)]).await;
    }
    for s in [400, 550, 700] {
        receive(&site, s, &[value(s, 90.0)]).await;
    }
    assert_eq!(site.rows(ALARMS).await, [format!("t|1|{}|NULL", 300 + AHEAD)]);
    (site, rule)
}

#[tokio::test]
async fn a_changed_rule_is_not_deaf_after_a_clock_was_set_right() {
    use crate::detection::{input, replace};
    let (mut site, rule) = turned().await;
    replace(&site, &rule, input(&rule, above("t", 95.0, 0.0, 0.0))).await;
    receive(&site, 710, &[value(710, 20.0)]).await;
    let raised = 300 + AHEAD;
    assert_eq!(site.rows(ALARMS).await, [format!("t|0|{raised}|{raised}")]);
}

#[tokio::test]
async fn an_alarm_whose_state_is_not_understood_ends_after_a_clock_was_set_right() {
    let (mut site, _) = turned().await;
    site.execute("UPDATE rule_states SET state = '\"of tomorrow\"'").await;
    let mut site = site.restart().await;
    receive(&site, 710, &[value(710, 20.0)]).await;
    let raised = 300 + AHEAD;
    assert_eq!(site.rows(ALARMS).await, [format!("t|0|{raised}|{raised}")]);
}

#[tokio::test]
async fn of_two_clocks_of_one_machine_rules_go_by_the_right_one() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.rule(10, above("u", 80.0, 0.0, 0.0)).await;
    let other = |s: i64, value: f64| {
        json!({"ts": T0 / 1000 + s * 1000, "values": {"u": value}}).to_string()
    };
    for n in 0..10 {
        let s = n * 60;
        receive(&site, s, &[message(n + 1, s + AHEAD, &[value(s + AHEAD, 90.0)])]).await;
        receive(&site, s + 30, &[other(s + 30, 20.0)]).await;
    }
    receive(&site, 600, &[other(600, 90.0)]).await;
    assert_eq!(site.rows(ALARMS).await, ["u|1|600|NULL"]);
    // Alone it is known.
    for n in 11..17 {
        let s = n * 60;
        receive(&site, s, &[message(n, s + AHEAD, &[value(s + AHEAD, 90.0)])]).await;
    }
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms, ["u|1|600|NULL".to_owned(), format!("t|1|{}|NULL", 960 + AHEAD)]);
}

#[tokio::test]
async fn a_machine_has_its_own_clock_whoever_speaks_for_it() {
    let mut site = Site::new().await;
    site.make_child(2, 1).await;
    let of_child = Rule { machine_id: Some(machine(2)), ..rule(9, above("t", 80.0, 0.0, 0.0)) };
    site.add_rule(&of_child).await;
    site.rule(10, above("u", 80.0, 0.0, 0.0)).await;
    for s in [0, 150, 300] {
        let own = json!({"ts": T0 / 1000 + s * 1000, "values": {"u": s}}).to_string();
        receive(&site, s, &[own]).await;
        let mut member = telemetry(2, &value(s + AHEAD, 90.0));
        member.sender = machine(1);
        member.received_at = Timestamp::from_micros(T0).plus_seconds(s);
        site.send_all(vec![member]).await;
    }
    let alarms = site.rows(ALARMS).await;
    assert_eq!(alarms, ["u|1|150|NULL".to_owned(), format!("t|1|{}|NULL", 300 + AHEAD)]);
}

/// A clock that is ahead leaves samples of times at which the right one measures again.
#[tokio::test]
async fn what_meets_samples_of_the_other_clock_hides_no_late_one() {
    const FEW: i64 = 700;
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    for s in [0, 150, 300] {
        receive(&site, s, &[value(s + FEW, 20.0)]).await;
    }
    // Set right.
    for s in [400, 550, 710] {
        receive(&site, s, &[value(s, 20.0)]).await;
    }
    assert_eq!(site.rows(COUNTED).await, ["4|2|0"]);
    site.execute("DELETE FROM late_spans").await;
    // At 850 another value is stored, at 1,000 the same one; at 705 nothing is.
    let samples = [(850, 90.0), (1_000, 20.0), (705, 20.0)];
    let samples = samples.map(|(s, it)| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": it}}));
    receive(&site, 1_000, &[json!({"samples": samples}).to_string()]).await;
    let spans = "SELECT (from_ts - 1767225600000000) / 1000000, \
                 (to_ts - 1767225600000000) / 1000000 FROM late_spans";
    assert_eq!(site.rows(spans).await, ["705|705"]);
    assert_eq!(site.rows(COUNTED).await, ["5|2|1"]);
    assert_eq!(site.rows("SELECT conflicts FROM machine_counters").await, ["1"]);
    assert_eq!(site.rows(ALARMS).await, ["t|0|850|1000"], "rules judge what came");
    // All of it again: nothing of it is late.
    receive(&site, 1_001, &[json!({"samples": samples}).to_string()]).await;
    assert_eq!(site.rows(COUNTED).await, ["5|2|3"]);
    assert_eq!(site.rows("SELECT conflicts FROM machine_counters").await, ["2"]);
}

/// What has no time gets one of the platform's clock; that was an hour fast, and steps back.
#[tokio::test]
async fn a_time_that_the_platform_gave_is_never_ahead() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    let missing = json!({"kind": "missing", "event": "lift.test_call", "for_s": 100});
    let missing: RuleCondition = serde_json::from_value(missing).unwrap();
    site.rule(10, missing).await;
    let call = async |site: &Site, s: i64| {
        let mut message = event(1, r#"{"type":"lift.test_call","data":{}}"#);
        message.received_at = Timestamp::from_micros(T0).plus_seconds(s);
        site.send_all(vec![message]).await;
    };
    call(&site, 0).await;
    let plain = |value: f64| json!({"t": value}).to_string();
    receive(&site, HOUR, &[plain(20.0)]).await;
    assert_eq!(site.rows(ALARMS).await, ["lift.test_call|1|100|NULL"]);
    // Each gets a time right after the one before.
    call(&site, 10).await;
    assert_eq!(site.rows(ALARMS).await, [format!("lift.test_call|0|100|{HOUR}")]);
    receive(&site, 20, &[plain(90.0)]).await;
    let alarms = [format!("lift.test_call|0|100|{HOUR}"), format!("t|1|{HOUR}|NULL")];
    assert_eq!(site.rows(ALARMS).await, alarms);
    // One of the machine's own beside it is.
    let both = json!({"samples": [{"values": {"t": 91}},
        {"ts": T0 / 1000 + 2 * HOUR * 1000, "values": {"t": 20}}]});
    receive(&site, 30, &[both.to_string()]).await;
    assert_eq!(site.rows(ALARMS).await, alarms);
    assert_eq!(site.rows(COUNTED).await, ["1|1|0"]);
}

/// Rules that learn are behind after a turn: what is stored with it is judged by them like what comes later.
#[tokio::test]
async fn what_follows_a_turn_is_judged_by_rules_that_learn_in_any_batching() {
    let course = |s: i64| noise(s) + if s == 1_325 { 60.0 } else { 0.0 };
    let mut left = Vec::new();
    for in_a_message in [20, 1] {
        let mut site = Site::new().await;
        let learns = json!({"kind": "anomaly", "signals": ["t"], "train_rows": 150});
        let learns: RuleCondition = serde_json::from_value(learns).unwrap();
        site.rule(9, learns).await;
        let healthy: Vec<String> = (0..300).map(|s| value(s, course(s))).collect();
        receive(&site, 0, &healthy).await;
        for s in [400, 550, 700] {
            receive(&site, s, &[value(s + AHEAD, course(s))]).await;
        }
        // Set right: known with the message that begins at 1,310.
        for s in [1_000, 1_150] {
            receive(&site, s, &[value(s, course(s))]).await;
        }
        let after: Vec<i64> = (1_310..1_330).collect();
        for part in after.chunks(in_a_message) {
            let sample = |s: &i64| json!({"ts": T0 / 1000 + s * 1000, "values": {"t": course(*s)}});
            let samples: Vec<Value> = part.iter().map(sample).collect();
            receive(&site, part[0], &[json!({"samples": samples}).to_string()]).await;
            // The process may end while they are behind.
            site = site.restart().await;
        }
        receive(&site, 1_330, &[value(1_330, course(1_330))]).await;
        let clocks =
            "SELECT ahead_us, (begins_ts - 1767225600000000) / 1000000 FROM machine_clocks";
        assert_eq!(site.rows(clocks).await, ["0|1150"]);
        left.push(site.rows(ALARMS).await);
    }
    assert!(left[0].iter().any(|alarm| alarm.contains("|1325|")), "{left:?}");
    assert_eq!(left[0], left[1]);
}
