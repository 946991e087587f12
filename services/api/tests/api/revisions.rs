//! What late samples show, from ingest to the API.

use millwright_alarms::revisions::Revisions;
use millwright_core::access::Role;
use millwright_schemas::api::rules::{Rule, ThresholdCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::rules;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plant::items;
use crate::telemetry::{Plant, T0, stranger};

/// A time of the machine, so many seconds after the start.
fn at(s: i64) -> Timestamp {
    Timestamp::from_millis(T0).plus_seconds(s)
}

/// Above 80, since before the machine's first sample.
async fn hot(plant: &Plant) -> Rule {
    let rule = Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: plant.api.organization,
        name: "Too hot".to_owned(),
        machine_id: Some(plant.machine),
        model: None,
        condition: ThresholdCondition::above("t".parse().unwrap(), 80.0).into(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(-10),
        updated_at: at(-10),
    };
    let tx = plant.api.state.store.begin().await.unwrap();
    rules::insert(&tx, &rule).await.unwrap();
    tx.commit().await.unwrap();
    rule
}

async fn values(plant: &Plant, values: &[(i64, f64)]) {
    let samples: Vec<String> =
        values.iter().map(|(s, t)| format!(r#"{{"ts":{},"t":{t}}}"#, T0 + s * 1000)).collect();
    plant.samples(&samples.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Looks at all that has come late.
async fn look(plant: &Plant) {
    let worker = Revisions::new(plant.api.state.store.clone(), || at(10_000), || false);
    while worker.look_at_next().await.unwrap() {}
}

#[tokio::test]
async fn what_came_late_is_found_later_and_changes_nothing() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    let rule = hot(&plant).await;
    values(&plant, &[(1, 20.0), (40, 20.0), (50, 95.0)]).await;
    let path = plant.path("revisions");
    assert!(items(api, token, &path).await.is_empty());
    let before = items(api, token, "/alarms").await;
    assert_eq!(before.len(), 1, "that of 50 s");

    values(&plant, &[(20, 85.0), (10, 90.0), (15, 20.0)]).await;
    look(&plant).await;
    let found = items(api, token, &path).await;
    let told: Vec<_> = found.iter().map(|one| (&one["kind"], &one["from"], &one["to"])).collect();
    let (first, second) = ((json!(at(10)), json!(at(15))), (json!(at(20)), json!(at(40))));
    let missed = json!("missed");
    let expected = [(&missed, &second.0, &second.1), (&missed, &first.0, &first.1)];
    assert_eq!(told, expected, "newest first");
    assert_eq!(found[0]["rule_id"], rule.id.to_string());
    assert_eq!((&found[0]["rule_name"], &found[0]["alarm_id"]), (&json!("Too hot"), &Value::Null));
    assert_eq!(found[1]["context"]["value"], 90.0);
    assert_eq!(items(api, token, "/alarms").await, before);
    let alarm = before[0]["id"].as_str().unwrap();
    let alarm = api.call(token, "GET", &format!("/alarms/{alarm}"), None).await.json(200);
    assert_eq!(alarm.get("revision"), None);

    let page = api.call(token, "GET", &format!("{path}?limit=1"), None).await.json(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = items(api, token, &format!("{path}?limit=1&cursor={cursor}")).await;
    assert_eq!(rest, found[1..]);
    api.call(token, "GET", &format!("{path}?cursor=x!"), None).await.problem(422, "invalid");
}

#[tokio::test]
async fn an_alarm_tells_that_it_was_found_unfounded() {
    let plant = Plant::start().await;
    let (api, token) = (&plant.api, plant.token.as_str());
    let rule = hot(&plant).await;
    let held = Rule {
        id: RuleId(Uuid::now_v7()),
        condition: serde_json::from_value(json!({"kind": "threshold", "signal": "t",
            "above": 80, "hold_s": 60}))
        .unwrap(),
        ..rule
    };
    let tx = api.state.store.begin().await.unwrap();
    rules::insert(&tx, &held).await.unwrap();
    tx.commit().await.unwrap();
    values(&plant, &[(0, 90.0), (100, 90.0), (101, 20.0)]).await;
    // It wasn't above all the time.
    values(&plant, &[(30, 20.0), (50, 20.0)]).await;
    look(&plant).await;
    let found = items(api, token, &plant.path("revisions")).await;
    let unfounded: Vec<_> = found.iter().filter(|one| one["kind"] == "unfounded").collect();
    let [one] = &unfounded[..] else { panic!("{found:?}") };
    assert_eq!((&one["rule_id"], &one["from"]), (&json!(held.id), &json!(at(60))));
    let path = format!("/alarms/{}", one["alarm_id"].as_str().unwrap());
    let viewer = api.person(Role::Viewer).await;
    let alarm = api.call(&viewer, "GET", &path, None).await.json(200);
    let expected = json!({"id": one["id"], "found_at": at(10_000)});
    assert_eq!(alarm["revision"], expected);
    assert_eq!((&alarm["active"], &alarm["cleared_at"]), (&json!(false), &json!(at(101))));
    let listed = items(api, token, &format!("/alarms?machine_id={}", plant.machine)).await;
    assert!(listed.iter().all(|alarm| alarm.get("revision").is_none()));
}

#[tokio::test]
async fn another_organization_finds_no_such_machine() {
    let plant = Plant::start().await;
    let path = plant.path("revisions");
    let stranger = stranger(&plant.api).await;
    plant.api.call(&stranger, "GET", &path, None).await.problem(404, "not-found");
}
