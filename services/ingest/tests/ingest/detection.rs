//! Rules and faults become alarms, in the transaction of what they come from.

use std::collections::BTreeSet;

use millwright_alarms::rules;
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::rules::{Rule, RuleCondition, RuleInput};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use millwright_store::rules::set_state;
use uuid::Uuid;

use crate::harness::{Site, T0, above, machine, rule, telemetry};

/// A value of `t` so many seconds after the start.
fn value(s: i64, value: &str) -> String {
    format!(r#"{{"ts":{},"values":{{"t":{value}}}}}"#, T0 / 1000 + s * 1000)
}

/// A message of a counted stream.
fn message(seq: i64, through_s: Option<i64>, samples: &[String]) -> String {
    let through =
        through_s.map_or_else(String::new, |s| format!("\"through_ts\":{},", T0 / 1000 + s * 1000));
    format!(
        r#"{{"outbox":"0198b2c4-7c1e-7000-8000-0000000000aa","seq":{seq},{through}"samples":[{}]}}"#,
        samples.join(",")
    )
}

/// Alarms: seconds of raise and clear after the start.
const ALARMS: &str = "SELECT origin, source, active, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000, clear_reason \
                      FROM alarms ORDER BY id";
const LATE: &str = "SELECT late, duplicates FROM machine_counters";

fn admin() -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::from_u128(7))),
        organization: OrganizationId(Uuid::from_u128(0xff)),
        permissions: BTreeSet::from([Permission::WriteRules]),
    }
}

/// What makes a rule one with this condition.
pub(crate) fn input(rule: &Rule, condition: RuleCondition) -> RuleInput {
    RuleInput {
        name: rule.name.clone(),
        organization_id: None,
        machine_id: rule.machine_id,
        model: rule.model.clone(),
        condition,
        severity: rule.severity,
        message: None,
        enabled: true,
    }
}

pub(crate) async fn replace(site: &Site, rule: &Rule, input: RuleInput) -> Rule {
    let now = Timestamp::from_micros(T0).plus_seconds(500);
    rules::replace(&site.store, &admin(), rule.id, rule.version, input, now).await.unwrap()
}

#[tokio::test]
async fn an_alarm_tells_rule_value_and_event_time() {
    let mut site = Site::new().await;
    let rule = site.rule(9, above("t", 80.0, 10.0, 0.0)).await;
    site.telemetry(&[&message(1, Some(3), &[value(0, "70"), value(3, "81.5")])]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    site.telemetry(&[&message(2, Some(20), &[value(5, "82.5"), value(20, "79")])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|13|20|normal"]);
    let told = site.rows("SELECT code, rule_version, severity, message, context FROM alarms").await;
    let context = r#"{"hold_s":10.0,"limit":80.0,"message_key":"condition","side":"above","signal":"t","value":82.5}"#;
    let expected = format!("{}|1|major|t above 80 for 10 s|{context}", rule.id);
    assert_eq!(told, [expected]);
    let events = site.rows("SELECT type FROM events ORDER BY seq").await;
    assert_eq!(events, ["alarm.raised", "alarm.cleared"]);
}

#[tokio::test]
async fn a_hold_passes_over_a_restart_and_by_time_alone() {
    let site = Site::new().await;
    site.rule(9, above("t", 80.0, 10.0, 5.0)).await;
    site.telemetry(&[&message(1, Some(3), &[value(3, "90")])]).await;
    let mut site = site.restart().await;
    site.telemetry(&[&message(2, Some(12), &[])]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    site.telemetry(&[&message(3, Some(99), &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|13|NULL|NULL"]);
    let site = site.restart().await;
    site.telemetry(&[&message(4, Some(100), &[value(100, "10")])]).await;
    let mut site = site.restart().await;
    site.telemetry(&[&message(5, Some(106), &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|13|105|normal"]);
}

#[tokio::test]
async fn what_comes_late_or_again_raises_and_clears_nothing() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    let first = message(1, Some(50), &[value(50, "70")]);
    site.telemetry(&[&first]).await;
    // Older than its signal's newest, and than what the stream has said has passed.
    let late = message(2, None, &[value(40, "90")]);
    let passed = message(3, Some(60), &[]);
    let older_than_passed = message(4, None, &[value(55, "95")]);
    site.telemetry(&[&late, &passed, &older_than_passed, &first, &late]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    assert_eq!(site.rows(LATE).await, ["2|2"]);
    site.telemetry(&[&message(5, None, &[value(61, "90")]), &late]).await;
    // A good value that is older doesn't clear it.
    site.telemetry(&[&message(6, None, &[value(60, "70")])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|61|NULL|NULL"]);
    assert_eq!(site.rows(LATE).await, ["3|3"]);
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["5"]);
}

#[tokio::test]
async fn values_without_use_neither_raise_nor_clear() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 10.0, 10.0)).await;
    let bad = |s: i64, value: &str| {
        let ts = T0 / 1000 + s * 1000;
        format!(r#"{{"ts":{ts},"values":{{"t":{value}}},"quality":{{"t":"bad"}}}}"#)
    };
    let uncertain = bad(50, "90").replace("bad", "uncertain");
    let samples =
        [value(1, "90"), bad(5, "90"), value(20, "null"), value(30, "90"), value(35, "null")];
    site.telemetry(&[&message(1, Some(49), &samples)]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    let samples = [uncertain, value(70, "1"), bad(75, "1"), value(80, "1")];
    site.telemetry(&[&message(2, Some(89), &samples)]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|60|NULL|NULL"]);
    site.telemetry(&[&message(3, Some(90), &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|60|90|normal"]);
}

/// An alarm that can't be written takes its samples with it, and the rule's state.
#[tokio::test]
async fn alarm_and_samples_commit_together_or_not_at_all() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value(1, "70")]).await;
    site.db.refuse("alarms", None, "no").await;
    site.telemetry(&[&value(2, "90"), &value(3, "70")]).await;
    assert_eq!(site.rows("SELECT value FROM points ORDER BY ts").await, ["70.0", "70.0"]);
    assert_eq!(site.rows("SELECT code FROM quarantine").await, ["refused_by_database"]);
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["0"]);
    site.db.accept("alarms").await;
    site.telemetry(&[&value(4, "90")]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|4|NULL|NULL"]);
}

#[tokio::test]
async fn a_changed_rule_holds_from_the_next_batch_and_knows_its_alarm() {
    let mut site = Site::new().await;
    let first = site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value(1, "90")]).await;
    let second = replace(&site, &first, input(&first, above("t", 100.0, 0.0, 0.0))).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|1|NULL|NULL"]);
    site.telemetry(&[&value(2, "95")]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|1|2|normal"]);
    site.telemetry(&[&value(3, "101")]).await;
    let versions = site.rows("SELECT rule_version FROM alarms ORDER BY id").await;
    assert_eq!(versions, ["1", "2"]);
    // Switched off: cleared at once; and on again: raised anew.
    let off = RuleInput { enabled: false, ..input(&second, second.condition.clone()) };
    let third = replace(&site, &second, off).await;
    assert_eq!(site.rows(ALARMS).await[1], "rule|t|0|3|500|rule_disabled");
    site.telemetry(&[&value(4, "102")]).await;
    replace(&site, &third, input(&third, third.condition.clone())).await;
    site.telemetry(&[&value(5, "102")]).await;
    assert_eq!(site.rows(ALARMS).await[2], "rule|t|1|5|NULL|NULL");
    let now = Timestamp::from_micros(T0).plus_seconds(600);
    rules::delete(&site.store, &admin(), first.id, now).await.unwrap();
    assert_eq!(site.rows(ALARMS).await[2], "rule|t|0|5|600|rule_deleted");
    site.telemetry(&[&value(6, "70"), &value(7, "102")]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 3);
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["0"]);
    assert_eq!(site.rows("SELECT count(*) FROM rule_versions").await, ["4"]);
}

/// Another name changes nothing of what is judged: neither a hold nor an alarm begins anew.
#[tokio::test]
async fn a_rule_with_another_name_goes_on_where_it_stood() {
    let mut site = Site::new().await;
    let first = site.rule(9, above("t", 80.0, 10.0, 10.0)).await;
    let named = |rule: &Rule, name: &str| RuleInput {
        name: name.to_owned(),
        ..input(rule, rule.condition.clone())
    };
    site.telemetry(&[&message(1, Some(3), &[value(1, "90")])]).await;
    let second = replace(&site, &first, named(&first, "hot")).await;
    let versions = site.rows("SELECT rule_version FROM rule_states").await;
    assert_eq!(versions, ["2"]);
    site.telemetry(&[&message(2, Some(12), &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|11|NULL|NULL"]);
    site.telemetry(&[&message(3, Some(21), &[value(20, "10")])]).await;
    let third = replace(&site, &second, named(&second, "too hot")).await;
    site.telemetry(&[&message(4, Some(31), &[])]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|11|30|normal"]);
    // What judges otherwise begins anew.
    site.telemetry(&[&message(5, Some(41), &[value(41, "90")])]).await;
    let other = RuleInput { severity: Severity::Minor, ..named(&third, "too hot") };
    replace(&site, &third, other).await;
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["0"]);
}

#[tokio::test]
async fn a_models_rule_watches_its_machines_while_they_are_of_it() {
    let mut site = Site::new().await;
    let of_model = Rule { model: Some("mill".to_owned()), ..rule(9, above("t", 80.0, 0.0, 0.0)) };
    site.add_rule(&of_model).await;
    site.execute("UPDATE machines SET model = 'mill' WHERE serial_number <> '3'").await;
    for n in 1..=3 {
        site.send_all(vec![telemetry(n, &value(1, "90"))]).await;
    }
    let of = "SELECT hex(machine_id), active, clear_reason FROM alarms ORDER BY id";
    let hex = |n: u128| machine(n).uuid().simple().to_string().to_uppercase();
    let open = |n: u128| format!("{}|1|NULL", hex(n));
    assert_eq!(site.rows(of).await, [open(1), open(2)]);
    // As the registry does when a machine is said to be of another model.
    site.execute("UPDATE machines SET model = 'lathe' WHERE serial_number = '1'").await;
    site.execute("UPDATE revisions SET revision = revision + 1").await;
    for n in 1..=3 {
        site.send_all(vec![telemetry(n, &value(2, "90"))]).await;
    }
    assert_eq!(site.rows(of).await, [format!("{}|0|rule_disabled", hex(1)), open(2)]);
    assert_eq!(site.rows("SELECT hex(machine_id) FROM rule_states").await, [hex(2)]);
}

/// As when two processes commit side by side: one switches a rule off that has failed, and hasn't seen what
/// the other's batch makes of it.
#[tokio::test]
async fn what_was_raised_beside_the_end_of_its_rule_is_cleared_with_the_next_message() {
    let mut site = Site::new().await;
    let rule = site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value(1, "90")]).await;
    let state = site.rows("SELECT state FROM rule_states").await.remove(0);
    let failure = rules::Failure {
        machine: machine(1),
        organization: rule.organization_id,
        reason: "too much work".to_owned(),
    };
    let tx = site.store.begin().await.unwrap();
    rules::fail(&tx, &rule, failure, Timestamp::from_micros(T0).plus_seconds(2)).await.unwrap();
    set_state(&tx, machine(1), (rule.id, 1), state).await.unwrap();
    tx.commit().await.unwrap();
    site.execute(
        "UPDATE alarms SET active = TRUE, cleared_at = NULL, clear_reason = NULL WHERE source = 't'",
    )
    .await;
    let failed = "rule||1|2|NULL|NULL";
    assert_eq!(site.rows(ALARMS).await, ["rule|t|1|1|NULL|NULL", failed]);
    site.telemetry(&[&value(3, "90")]).await;
    assert_eq!(site.rows(ALARMS).await, ["rule|t|0|1|1|rule_disabled", failed]);
    assert_eq!(site.rows("SELECT count(*) FROM rule_states").await, ["0"]);
}

/// Of a newer program, beside this one or before it was set back.
#[tokio::test]
async fn a_rule_that_is_not_understood_stops_neither_storing_nor_other_rules() {
    let mut site = Site::new().await;
    let strange = site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    site.rule(10, above("u", 80.0, 0.0, 0.0)).await;
    site.telemetry(&[&value(1, "90")]).await;
    let known = site.rows("SELECT condition FROM rules ORDER BY id LIMIT 1").await;
    let id = site.db.id(strange.id.uuid());
    let becomes = |condition: &str| {
        format!(
            "UPDATE rules SET condition = '{condition}' WHERE id = {id}; \
             UPDATE revisions SET revision = revision + 1"
        )
    };
    site.execute(&becomes(r#"{"kind":"of_tomorrow"}"#)).await;
    site.telemetry(&[&value(2, "10"), &value(3, "90").replace("\"t\"", "\"u\"")]).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["3"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
    let open = ["rule|t|1|1|NULL|NULL", "rule|u|1|3|NULL|NULL"];
    assert_eq!(site.rows(ALARMS).await, open, "who understands the rule ends its alarm");
    let mut site = site.restart().await;
    site.telemetry(&[&value(4, "10")]).await;
    assert_eq!(site.rows(ALARMS).await, open);
    site.execute(&becomes(&known[0])).await;
    site.telemetry(&[&value(5, "10")]).await;
    assert_eq!(site.rows(ALARMS).await[0], "rule|t|0|1|5|normal");
}

#[tokio::test]
async fn faults_are_alarms_once_and_a_snapshot_ends_what_it_leaves_out() {
    let mut site = Site::new().await;
    let event = |n: u8, s: i64, what: &str| {
        let ts = T0 / 1000 + s * 1000;
        format!(r#"{{"id":"0198b2c4-7c1e-7000-8000-0000000000{n:02}","ts":{ts},{what}}}"#)
    };
    let raised = |code: &str| {
        format!(
            r#""type":"fault.raised","data":{{"code":"{code}","source":"axis.x","severity":"major"}}"#
        )
    };
    let first = event(1, -60, &raised("E-1"));
    site.events(&[&first, &event(2, -50, &raised("E-2")), &first]).await;
    site.events(&[&first]).await;
    assert_eq!(
        site.rows(ALARMS).await,
        ["fault|axis.x|1|-60|NULL|NULL", "fault|axis.x|1|-50|NULL|NULL"]
    );
    assert_eq!(site.rows("SELECT count FROM alarms").await, ["1", "1"]);
    let snapshot = r#""type":"fault.snapshot","data":{"faults":[{"code":"E-2","source":"axis.x","severity":"major"}]}"#;
    site.events(&[&event(3, -40, snapshot)]).await;
    let cleared = r#""type":"fault.cleared","data":{"code":"E-2","source":"axis.x"}"#;
    site.events(&[&event(4, -30, cleared)]).await;
    assert_eq!(
        site.rows(ALARMS).await,
        ["fault|axis.x|0|-60|-40|snapshot", "fault|axis.x|0|-50|-30|normal"]
    );
}
