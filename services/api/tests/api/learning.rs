//! What people are told of rules that learn: what they wait for, how far they are, since when they watch.

use millwright_core::access::Role;
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::rules;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::telemetry::{Plant, T0, stranger};

/// A rule of the plant's machine.
fn written(plant: &Plant, name: &str, condition: Value, enabled: bool) -> Rule {
    let at = Timestamp::from_millis(T0);
    Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: plant.api.organization,
        name: name.to_owned(),
        machine_id: Some(plant.machine),
        model: None,
        condition: serde_json::from_value(condition).unwrap(),
        severity: Severity::Major,
        message: None,
        enabled,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

/// The same, kept.
async fn rule(plant: &Plant, name: &str, condition: Value, enabled: bool) -> RuleId {
    let rule = written(plant, name, condition, enabled);
    let tx = plant.api.state.store.begin().await.unwrap();
    rules::insert(&tx, &rule).await.unwrap();
    tx.commit().await.unwrap();
    rule.id
}

/// Noise between -0.5 and 0.5, always the same.
fn noise(second: i64) -> f64 {
    let mut x = second.unsigned_abs() + 1;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[allow(clippy::cast_precision_loss, reason = "24 bits")]
    let share = (x >> 40) as f64 / f64::from(1 << 24);
    share - 0.5
}

/// A sample a second, in one message.
async fn values(plant: &Plant, seconds: std::ops::Range<i64>) {
    let sample = |s: i64| json!({"ts": T0 + s * 1000, "values": {"t": noise(s), "on": false}});
    let samples: Vec<Value> = seconds.map(sample).collect();
    plant.samples(&[&json!({"samples": samples}).to_string()]).await;
}

/// By the names of the rules.
async fn told(plant: &Plant) -> Vec<Value> {
    let learning = plant.get("learning").await;
    assert_eq!(learning["complete"], true, "{learning}");
    learning["items"].as_array().unwrap().clone()
}

fn is(item: &Value, name: &str, state: &str, missing: &[&str]) {
    let told = (&item["rule_name"], &item["state"], &item["missing"]);
    assert_eq!(told, (&json!(name), &json!(state), &json!(missing)), "{item}");
}

#[tokio::test]
async fn it_waits_learns_watches_and_learns_anew() {
    let plant = Plant::start().await;
    let anomaly =
        |signals: &[&str]| json!({"kind": "anomaly", "signals": signals, "train_rows": 150});
    let alone = rule(&plant, "Alone", anomaly(&["t"]), true).await;
    rule(&plant, "Together", anomaly(&["t", "v"]), true).await;
    rule(&plant, "Off", anomaly(&["t"]), false).await;
    let limit = json!({"kind": "threshold", "signal": "t", "above": 80, "hold_s": 0});
    rule(&plant, "Limit", limit, true).await;
    let on = json!({"kind": "state", "signal": "on", "is": [true], "hold_s": 0});
    let gated = json!({"kind": "while", "while": on, "condition": anomaly(&["t"])});
    rule(&plant, "While on", gated, true).await;

    let before = told(&plant).await;
    assert_eq!(before.len(), 4, "a limit isn't learned: {before:?}");
    is(&before[0], "Alone", "waiting", &["t"]);
    is(&before[1], "Together", "waiting", &["t", "v"]);
    is(&before[2], "Off", "disabled", &[]);
    is(&before[3], "While on", "waiting", &["t"]);
    assert_eq!(before[0]["rule_id"], alone.to_string());
    assert_eq!((&before[0]["as_of"], &before[0]["detectors"]), (&Value::Null, &json!(0)));

    values(&plant, 0..20).await;
    let early = told(&plant).await;
    is(&early[0], "Alone", "learning", &[]);
    let (seen, needed) = (&early[0]["seen"], &early[0]["needed"]);
    assert!((1..=20).contains(&seen.as_i64().unwrap()), "{early:?}");
    assert!(needed.as_i64().unwrap() > 20, "{early:?}");
    let parts = |item: &Value| (item["watching"].clone(), item["detectors"].clone());
    assert_eq!(parts(&early[0]), (json!(0), json!(1)));
    assert_eq!(early[0]["watching_since"], Value::Null);
    let received = json!(Timestamp::from_millis(T0));
    assert_eq!(early[0]["as_of"], received);
    is(&early[1], "Together", "waiting", &["v"]);
    assert_eq!(early[1]["seen"], Value::Null);
    is(&early[3], "While on", "waiting", &[]);

    values(&plant, 20..700).await;
    let late = told(&plant).await;
    is(&late[0], "Alone", "watching", &[]);
    assert_eq!(late[0]["watching_since"], received);
    assert_eq!((parts(&late[0]), &late[0]["seen"]), ((json!(1), json!(1)), &Value::Null));

    plant.api.call(&plant.token, "POST", &plant.path("relearn"), None).await.json(204);
    let anew = told(&plant).await;
    is(&anew[0], "Alone", "waiting", &[]);
    assert_eq!((&anew[0]["watching_since"], &anew[0]["as_of"]), (&Value::Null, &Value::Null));
    is(&anew[1], "Together", "waiting", &["v"]);
}

/// What was learned otherwise isn't told as if it were the rule's.
#[tokio::test]
async fn a_changed_condition_begins_anew_and_another_name_does_not() {
    let plant = Plant::start().await;
    let anomaly = json!({"kind": "anomaly", "signals": ["t"]});
    let id = rule(&plant, "Alone", anomaly.clone(), true).await;
    values(&plant, 0..20).await;
    let put = async |name: &str, version: &str, condition: Value| {
        let path = format!("/rules/{id}");
        let body = json!({"name": name, "machine_id": plant.machine, "severity": "major",
            "condition": condition});
        let token = &plant.token;
        let version = [("if-match", version)];
        plant.api.call_with(token, "PUT", &path, Some(body), &version).await.json(200)
    };
    put("Renamed", "\"1\"", anomaly).await;
    is(&told(&plant).await[0], "Renamed", "learning", &[]);
    let trained = json!({"kind": "anomaly", "signals": ["t"], "train_rows": 5000});
    put("Renamed", "\"2\"", trained).await;
    let begun = told(&plant).await;
    is(&begun[0], "Renamed", "waiting", &[]);
    assert_eq!(begun[0]["seen"], Value::Null);
}

/// Of a newer program, beside this one or before it was set back.
#[tokio::test]
async fn a_rule_that_is_not_understood_hides_no_other_and_can_be_deleted() {
    let plant = Plant::start().await;
    let anomaly = json!({"kind": "anomaly", "signals": ["t"]});
    let strange = rule(&plant, "Of tomorrow", anomaly.clone(), true).await;
    rule(&plant, "Alone", anomaly, true).await;
    let mut peer = plant.api.peer().await;
    let id = peer.id(strange.uuid());
    let condition = r#"{"kind":"of_tomorrow"}"#;
    peer.execute(&format!("UPDATE rules SET condition = '{condition}' WHERE id = {id}")).await;
    let learned = told(&plant).await;
    assert_eq!(learned.len(), 1, "{learned:?}");
    is(&learned[0], "Alone", "waiting", &["t"]);
    let (api, token) = (&plant.api, &plant.token);
    let rules = api.call(token, "GET", "/rules", None).await.json(200);
    assert_eq!(rules["items"].as_array().unwrap().len(), 1, "{rules}");
    assert_eq!(rules["items"][0]["name"], "Alone");
    let path = format!("/rules/{strange}");
    api.call(token, "DELETE", &path, None).await.json(204);
    api.call(token, "DELETE", &path, None).await.problem(404, "not-found");
}

#[tokio::test]
async fn of_very_many_rules_it_says_that_there_are_more() {
    let plant = Plant::start().await;
    let tx = plant.api.state.store.begin().await.unwrap();
    for n in 0..101 {
        let anomaly = json!({"kind": "anomaly", "signals": ["t"]});
        rules::insert(&tx, &written(&plant, &n.to_string(), anomaly, true)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let learning = plant.get("learning").await;
    assert_eq!(learning["complete"], false);
    let items = learning["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[99]["rule_name"]), (100, &json!("99")));
}

#[tokio::test]
async fn who_sees_rules_is_told_and_another_organization_finds_no_such_machine() {
    let plant = Plant::start().await;
    let path = plant.path("learning");
    let viewer = plant.api.person(Role::Viewer).await;
    let learning = plant.api.call(&viewer, "GET", &path, None).await.json(200);
    assert_eq!(learning, json!({"items": [], "complete": true}));
    let stranger = stranger(&plant.api).await;
    plant.api.call(&stranger, "GET", &path, None).await.problem(404, "not-found");
}
