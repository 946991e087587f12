//! Rules of several signals, severities and kinds, in the transaction of what they come from.

use millwright_alarms::rules;
use millwright_core::access::{Actor, Caller, Permission};
use millwright_ingest::limits::MachineLimits;
use millwright_schemas::api::rules::{Rule, RuleCondition, RuleInput};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Site, T0, machine, rule, telemetry};

/// Alarms: source, severity, whether active, count, seconds of raise and clear after the start.
const ALARMS: &str = "SELECT source, severity, active, count, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000 FROM alarms ORDER BY id";

fn condition(value: Value) -> RuleCondition {
    serde_json::from_value(value).unwrap()
}

/// Values at so many seconds after the start.
fn sample(s: i64, values: &Value) -> Value {
    json!({"ts": T0 / 1000 + s * 1000, "values": values})
}

/// A message of a counted stream that says that nothing older than `through` will come.
fn message(seq: i64, through: i64, samples: &[Value]) -> String {
    json!({"outbox": "0198b2c4-7c1e-7000-8000-0000000000aa", "seq": seq,
        "through_ts": T0 / 1000 + through * 1000, "samples": samples})
    .to_string()
}

#[tokio::test]
async fn one_alarm_goes_up_and_down_and_is_counted_once() {
    let mut site = Site::new().await;
    let level = |severity: &str, above: i32| {
        json!({"severity": severity,
            "condition": {"kind": "threshold", "signal": "t", "above": above, "clear_at": above - 2}})
    };
    let levels = [level("warning", 70), level("major", 80), level("critical", 90)];
    let levels = condition(json!({"kind": "levels", "levels": levels}));
    let of_rule = Rule { severity: Severity::Critical, ..rule(9, levels) };
    site.add_rule(&Rule { machine_id: Some(machine(1)), ..of_rule }).await;
    let at = |s: i64, t: i32| sample(s, &json!({"t": t}));
    site.telemetry(&[&message(1, 3, &[at(1, 75), at(2, 95)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|critical|1|1|1|NULL"]);
    let mut site = site.restart().await;
    site.telemetry(&[&message(2, 5, &[at(4, 79)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|major|1|1|1|NULL"]);
    let messages = site.rows("SELECT message FROM alarms").await;
    assert_eq!(messages, ["t above 80"]);
    site.telemetry(&[&message(3, 9, &[at(6, 70), at(7, 60)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|warning|0|1|1|7"]);
    let events = site.rows("SELECT type FROM events ORDER BY seq").await;
    let changes =
        ["alarm.raised", "alarm.changed", "alarm.changed", "alarm.changed", "alarm.cleared"];
    assert_eq!(events, changes);
}

#[tokio::test]
async fn samples_of_a_message_come_in_order_and_those_of_a_moment_at_once() {
    let mut site = Site::new().await;
    let deviation = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 5});
    site.rule(9, condition(deviation)).await;
    // Both jump at once, twice; the message isn't in order.
    let samples = [
        sample(3, &json!({"b": 300})),
        sample(1, &json!({"a": 100, "b": 100})),
        sample(2, &json!({"b": 200, "a": 200})),
        sample(3, &json!({"a": 300})),
    ];
    site.telemetry(&[&message(1, 4, &samples)]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    // The older sample of b is late: its newest was at 3.
    assert_eq!(site.rows("SELECT late FROM machine_counters").await, ["2"]);
    site.telemetry(&[&message(2, 6, &[sample(5, &json!({"a": 310}))])]).await;
    assert_eq!(site.rows(ALARMS).await, ["a|major|1|1|5|NULL"]);
}

#[tokio::test]
async fn what_does_not_come_is_told_by_time_alone_over_a_restart() {
    let site = Site::new().await;
    site.rule(8, condition(json!({"kind": "missing", "signal": "t", "for_s": 60}))).await;
    site.rule(9, condition(json!({"kind": "missing", "event": "lift.test_call", "for_s": 100})))
        .await;
    site.telemetry(&[&message(1, 1, &[sample(1, &json!({"t": 1}))])]).await;
    let call = |s: i64| {
        json!({"id": Uuid::from_u128(s as u128), "ts": T0 / 1000 + s * 1000,
            "type": "lift.test_call", "data": {}})
        .to_string()
    };
    site.events(&[&call(20)]).await;
    let mut site = site.restart().await;
    site.telemetry(&[&message(2, 61, &[])]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0, "what comes at that moment is in time");
    site.telemetry(&[&message(3, 200, &[])]).await;
    let expected = ["t|major|1|1|61|NULL", "lift.test_call|major|1|1|120|NULL"];
    assert_eq!(site.rows(ALARMS).await, expected);
    site.telemetry(&[&message(4, 201, &[sample(201, &json!({"t": 1}))])]).await;
    site.events(&[&call(210)]).await;
    let expected = ["t|major|0|1|61|201", "lift.test_call|major|0|1|120|210"];
    assert_eq!(site.rows(ALARMS).await, expected);
}

#[tokio::test]
async fn texts_booleans_and_a_machines_own_limit() {
    let mut site = Site::new().await;
    let all = json!({"kind": "while",
        "while": {"kind": "all", "conditions": [
            {"kind": "state", "signal": "state", "is": ["running"]},
            {"kind": "state", "signal": "door", "is": [false]}
        ]},
        "condition": {"kind": "threshold", "signal": "t",
            "above": {"parameter": "max", "default": 80}}});
    site.rule(9, condition(all)).await;
    let running = json!({"t": 85, "door": false, "state": "running"});
    site.telemetry(&[&message(1, 2, &[sample(1, &running)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|major|1|1|1|NULL"]);
    site.telemetry(&[&message(2, 3, &[sample(2, &json!({"door": true}))])]).await;
    assert_eq!(site.rows(ALARMS).await, ["t|major|0|1|1|2"]);
    site.execute(r#"UPDATE machines SET parameters = '{"max":90}' WHERE serial_number = '1'"#)
        .await;
    site.execute("UPDATE revisions SET revision = revision + 1").await;
    site.telemetry(&[&message(3, 4, &[sample(3, &json!({"door": false}))])]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 1);
    site.telemetry(&[&message(4, 5, &[sample(4, &json!({"t": 91}))])]).await;
    assert_eq!(site.rows(ALARMS).await[1], "t|major|1|1|4|NULL");
}

#[tokio::test]
async fn a_rule_that_costs_too_much_is_switched_off_and_holds_up_nothing() {
    let mut site = Site::with(MachineLimits { rule_work: 60, ..Default::default() }).await;
    let office = json!({"kind": "all", "conditions": [
        {"kind": "state", "signal": "on", "is": [true]},
        {"kind": "schedule", "from": "08:00", "to": "18:00", "time_zone": "UTC"}
    ]});
    let costly = site.rule(8, condition(office)).await;
    site.rule(9, condition(json!({"kind": "state", "signal": "on", "is": [true]}))).await;
    site.telemetry(&[&message(1, 1, &[sample(1, &json!({"on": true}))])]).await;
    assert_eq!(site.rows(ALARMS).await, ["on|major|1|1|1|NULL"]);
    // Twenty days of edges at once, three judgements each.
    let days = 20 * 86_400;
    let mut later = telemetry(1, &message(2, days, &[]));
    later.received_at = Timestamp::from_micros(T0).plus_seconds(days);
    site.send_all(vec![later]).await;
    let alarms = site
        .rows("SELECT source, severity, active, message FROM alarms WHERE active ORDER BY id")
        .await;
    let expected =
        "|minor|1|The rule \"r\" was switched off: one event needed more than 60 judgements";
    assert_eq!(alarms, ["on|major|1|on is true", expected]);
    assert_eq!(site.rows("SELECT enabled, version FROM rules ORDER BY id").await, ["0|2", "1|1"]);
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["1"]);
    let audit = site.rows("SELECT action, actor FROM audit ORDER BY seq").await;
    assert!(
        audit.iter().any(|row| row.starts_with(r#"rule.updated|{"kind":"platform""#)),
        "{audit:?}"
    );
    // Changed, its failure is over.
    let caller = Caller {
        actor: Actor::User(UserId(Uuid::from_u128(7))),
        organization: OrganizationId(Uuid::from_u128(0xff)),
        permissions: [Permission::WriteRules].into(),
    };
    let input = RuleInput {
        name: "better".to_owned(),
        organization_id: None,
        machine_id: costly.machine_id,
        model: None,
        condition: condition(json!({"kind": "state", "signal": "on", "is": [true], "hold_s": 5})),
        severity: Severity::Major,
        message: None,
        enabled: true,
    };
    let now = Timestamp::from_micros(T0).plus_seconds(days + 10);
    rules::replace(&site.store, &caller, costly.id, 2, input, now).await.unwrap();
    let active = site.rows("SELECT source FROM alarms WHERE active").await;
    assert_eq!(active, ["on"]);
}

#[tokio::test]
async fn a_rule_that_was_switched_off_raises_nothing_more_in_its_batch() {
    let mut site = Site::with(MachineLimits { rule_work: 60, ..Default::default() }).await;
    site.execute("UPDATE machines SET model = 'mill'").await;
    let office = json!({"kind": "all", "conditions": [
        {"kind": "state", "signal": "on", "is": [true]},
        {"kind": "schedule", "from": "08:00", "to": "18:00", "time_zone": "UTC"}
    ]});
    site.add_rule(&Rule { model: Some("mill".to_owned()), ..rule(8, condition(office)) }).await;
    site.telemetry(&[&message(1, 1, &[sample(1, &json!({"on": true}))])]).await;
    let days = 20 * 86_400;
    let mut fails = telemetry(1, &message(2, days, &[]));
    fails.received_at = Timestamp::from_micros(T0).plus_seconds(days);
    let at_nine = sample(9 * 3600, &json!({"on": true}));
    let mut other = telemetry(2, &message(1, 9 * 3600, &[at_nine]));
    other.received_at = fails.received_at;
    site.send_all(vec![fails, other]).await;
    assert_eq!(site.rows("SELECT source FROM alarms WHERE active").await, [""]);
    let of_other = "SELECT count(*) FROM alarms JOIN machines ON machines.id = machine_id \
                    WHERE serial_number = '2'";
    assert_eq!(site.rows(of_other).await, ["0"]);
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["0"]);
}

/// As after a change of the program that gives states another form.
#[tokio::test]
async fn an_alarm_whose_state_is_not_understood_ends_when_all_is_well() {
    let mut site = Site::new().await;
    let deviation = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 5});
    site.rule(9, condition(deviation)).await;
    let limit = json!({"kind": "threshold", "signal": "a", "above": 5, "clear_at": 4});
    site.rule(8, condition(limit)).await;
    let at = |s: i64, a: i32| sample(s, &json!({"a": a, "b": 1}));
    site.telemetry(&[&message(1, 1, &[at(1, 9)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["a|major|1|1|1|NULL", "a|major|1|1|1|NULL"]);
    site.execute("UPDATE rule_states SET state = '{\"of\":\"another age\"}'").await;
    let mut site = site.restart().await;
    site.telemetry(&[&message(2, 2, &[at(2, 9)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["a|major|1|1|1|NULL", "a|major|1|1|1|NULL"]);
    site.telemetry(&[&message(3, 3, &[at(3, 1)])]).await;
    assert_eq!(site.rows(ALARMS).await, ["a|major|0|1|1|3", "a|major|0|1|1|3"]);
}
