//! Alarms and maintenance mode over HTTP.

use millwright_alarms::ended;
use millwright_core::access::Role;
use millwright_schemas::wire::events::Severity;
use serde_json::{Value, json};

use crate::harness::TestApi;
use crate::machines::customer;
use crate::plant::{Lift, id, items, lift, told, work};

async fn raised(api: &TestApi, admin: &str) -> (Lift, String) {
    let lift = lift(api, admin, "S-1").await;
    lift.raise(api, "E-1", Severity::Major).await;
    let alarm = id(&lift.alarms(api, admin).await[0]);
    (lift, format!("/alarms/{alarm}"))
}

#[tokio::test]
async fn an_alarm_is_read_and_listed() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, path) = raised(&api, &admin).await;
    lift.raise(&api, "E-2", Severity::Minor).await;
    lift.clear(&api, "E-2").await;
    let found = api.call(&admin, "GET", &path, None).await;
    let alarm = found.json(200);
    assert_eq!(found.header("etag"), "\"1\"");
    assert_eq!(alarm["severity"], "major");
    assert_eq!((&alarm["origin"], &alarm["code"]), (&json!("fault"), &json!("E-1")));
    assert_eq!((&alarm["active"], &alarm["acknowledged"]), (&json!(true), &json!(false)));
    assert_eq!((&alarm["count"], &alarm["ticket_id"]), (&json!(1), &Value::Null));
    for (query, codes) in [
        ("", vec!["E-2", "E-1"]),
        ("&state=open", vec!["E-1"]),
        ("&state=cleared", vec!["E-2"]),
        ("&severity=minor", vec!["E-2"]),
        ("&severity=minor&state=open", vec![]),
    ] {
        let path = format!("/alarms?machine_id={}{query}", lift.id);
        let found = items(&api, &admin, &path).await;
        let found: Vec<_> = found.iter().map(|alarm| alarm["code"].as_str().unwrap()).collect();
        assert_eq!(found, codes, "{query}");
    }
    let first = api.call(&admin, "GET", "/alarms?limit=1", None).await.json(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = items(&api, &admin, &format!("/alarms?limit=1&cursor={cursor}")).await;
    assert_eq!(next[0]["code"], "E-1");
    api.call(&admin, "GET", "/alarms?colour=red", None).await.problem(422, "invalid");
    api.call(&admin, "GET", "/alarms?state=new", None).await.problem(400, "malformed");
}

#[tokio::test]
async fn acknowledging_twice_changes_nothing_the_second_time() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (_, path) = raised(&api, &admin).await;
    let path = format!("{path}/acknowledge");
    let first = api.call(&admin, "POST", &path, None).await;
    assert_eq!(first.header("etag"), "\"2\"");
    let alarm = first.json(200);
    assert_eq!(alarm["acknowledged_by"]["kind"], "user");
    let again = api.call(&admin, "POST", &path, None).await;
    assert_eq!(again.json(200), alarm);
    assert_eq!(told(&api, &admin, "alarm.*").await, ["alarm.raised", "alarm.acknowledged"]);
}

#[tokio::test]
async fn a_shelved_alarm_gets_its_ticket_when_its_time_is_over() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, path) = raised(&api, &admin).await;
    let shelve = json!({"for_s": 60, "reason": "known"});
    let shelved = api.call(&admin, "POST", &format!("{path}/shelve"), Some(shelve)).await;
    assert!(shelved.json(200)["shelved_until"].is_string());
    work(&api).await;
    assert!(lift.tickets(&api, &admin).await.is_empty());
    assert_eq!(ended::shelving(&api.state.store, api.now()).await.unwrap(), 0, "too early");
    api.pass_seconds(61);
    assert_eq!(ended::shelving(&api.state.store, api.now()).await.unwrap(), 1);
    assert_eq!(ended::shelving(&api.state.store, api.now()).await.unwrap(), 0);
    work(&api).await;
    assert_eq!(lift.tickets(&api, &admin).await.len(), 1);
    let expected = ["alarm.raised", "alarm.shelved", "alarm.unshelved"];
    assert_eq!(told(&api, &admin, "alarm.*").await, expected);
}

#[tokio::test]
async fn out_of_service_holds_for_the_next_alarm_of_the_key() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, path) = raised(&api, &admin).await;
    let reason = Some(json!({"reason": "sensor is broken"}));
    api.call(&admin, "POST", &format!("{path}/out-of-service"), reason).await.json(200);
    lift.clear(&api, "E-1").await;
    lift.raise(&api, "E-1", Severity::Critical).await;
    work(&api).await;
    assert!(lift.tickets(&api, &admin).await.is_empty());
    let all = lift.alarms(&api, &admin).await;
    assert_eq!(
        (&all[0]["out_of_service"], &all[1]["out_of_service"]),
        (&json!(true), &json!(false))
    );
    let path = format!("/alarms/{}/return-to-service", id(&all[0]));
    assert_eq!(api.call(&admin, "POST", &path, None).await.json(200)["out_of_service"], false);
    work(&api).await;
    assert_eq!(lift.tickets(&api, &admin).await.len(), 1);
}

#[tokio::test]
async fn what_a_cleared_alarm_cannot_do_is_refused_with_what_it_can() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, path) = raised(&api, &admin).await;
    let reason = json!({"reason": "seen on site"});
    let clear = format!("{path}/clear");
    let cleared = api.call(&admin, "POST", &clear, Some(reason.clone())).await.json(200);
    assert_eq!((&cleared["active"], &cleared["clear_reason"]), (&json!(false), &json!("manual")));
    for (word, body) in [
        ("clear", reason.clone()),
        ("out-of-service", reason),
        ("shelve", json!({"for_s": 60, "reason": "x"})),
    ] {
        let refused = api.call(&admin, "POST", &format!("{path}/{word}"), Some(body)).await;
        let detail = refused.problem(409, "conflict")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word) && detail.ends_with("allowed now: acknowledge"), "{detail}");
    }
    for word in ["unshelve", "return-to-service", "acknowledge"] {
        api.call(&admin, "POST", &format!("{path}/{word}"), None).await.json(200);
    }
    lift.raise(&api, "E-1", Severity::Major).await;
    assert_eq!(lift.alarms(&api, &admin).await.len(), 2, "the cause is still there");
}

#[tokio::test]
async fn what_breaks_rules_is_told_by_field() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, path) = raised(&api, &admin).await;
    let machine = format!("/machines/{}/maintenance", lift.id);
    for (method, path, body, fields) in [
        (
            "POST",
            format!("{path}/shelve"),
            json!({"for_s": 59, "reason": ""}),
            vec!["for_s", "reason"],
        ),
        ("POST", format!("{path}/shelve"), json!({"for_s": 604_801, "reason": "x"}), vec!["for_s"]),
        ("POST", format!("{path}/clear"), json!({"reason": "x".repeat(501)}), vec!["reason"]),
        ("POST", format!("{path}/out-of-service"), json!({"reason": " "}), vec!["reason"]),
        ("POST", format!("{path}/clear"), json!({}), vec!["reason"]),
        ("POST", format!("{path}/feedback"), json!({"verdict": "real", "note": ""}), vec!["note"]),
        ("POST", format!("{path}/feedback"), json!({"verdict": "false"}), vec!["verdict"]),
        ("PUT", machine.clone(), json!({"for_s": 2_592_001, "reason": "x"}), vec!["for_s"]),
        ("PUT", machine, json!({"for_s": 60, "reason": "x", "by": "me"}), vec!["by"]),
    ] {
        let problem = api.call(&admin, method, &path, Some(body)).await.problem(422, "invalid");
        let errors = problem["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{path}");
    }
}

#[tokio::test]
async fn another_organizations_alarms_do_not_exist() {
    let api = TestApi::start().await;
    let (admin, stranger) = (api.admin().await, customer(&api).await);
    let (lift, path) = raised(&api, &admin).await;
    let reason = json!({"reason": "x"});
    let maintenance = format!("/machines/{}/maintenance", lift.id);
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("POST", format!("{path}/acknowledge"), None),
        ("POST", format!("{path}/shelve"), Some(json!({"for_s": 60, "reason": "x"}))),
        ("POST", format!("{path}/unshelve"), None),
        ("POST", format!("{path}/out-of-service"), Some(reason.clone())),
        ("POST", format!("{path}/return-to-service"), None),
        ("POST", format!("{path}/clear"), Some(reason)),
        ("POST", format!("{path}/feedback"), Some(json!({"verdict": "real"}))),
        ("GET", maintenance.clone(), None),
        ("PUT", maintenance.clone(), Some(json!({"for_s": 60, "reason": "x"}))),
        ("DELETE", maintenance, None),
    ] {
        let answer = api.call(&stranger, method, &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    assert!(items(&api, &stranger, "/alarms").await.is_empty());
    assert!(lift.alarms(&api, &stranger).await.is_empty());
    assert_eq!(told(&api, &admin, "alarm.*").await, ["alarm.raised"]);
}

#[tokio::test]
async fn maintenance_silences_a_machine_until_it_is_over() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let technician = api.person(Role::Technician).await;
    let (lift, alarm) = raised(&api, &admin).await;
    let path = format!("/machines/{}/maintenance", lift.id);
    let off = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!(
        off,
        json!({"active": false, "since": null, "until": null, "reason": null, "by": null})
    );
    let start = json!({"for_s": 600, "reason": "oil change"});
    let on = api.call(&technician, "PUT", &path, Some(start)).await.json(200);
    assert_eq!((&on["active"], &on["reason"]), (&json!(true), &json!("oil change")));
    assert_eq!(on["by"]["kind"], "user");
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200), on);
    let machine = format!("/machines/{}", lift.id);
    let seen = api.call(&admin, "GET", &machine, None).await.json(200);
    assert_eq!(seen["maintenance_until"], on["until"]);

    lift.raise(&api, "E-2", Severity::Critical).await;
    work(&api).await;
    assert!(lift.tickets(&api, &admin).await.is_empty());
    for alarm in lift.alarms(&api, &admin).await {
        assert_eq!(alarm["suppressed_by"], "maintenance");
    }
    let longer = json!({"for_s": 1_200, "reason": "oil change, longer"});
    let changed = api.call(&technician, "PUT", &path, Some(longer)).await.json(200);
    assert_eq!(changed["since"], on["since"]);
    lift.clear(&api, "E-2").await;

    api.pass_seconds(1_201);
    // The first token is over too.
    let admin = api.admin().await;
    let over = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!(over["active"], false, "whether or not the worker was there");
    assert_eq!(ended::maintenance(&api.state.store, api.now()).await.unwrap(), 1);
    assert_eq!(ended::maintenance(&api.state.store, api.now()).await.unwrap(), 0);
    let seen = api.call(&admin, "GET", &machine, None).await.json(200);
    assert_eq!(seen["maintenance_until"], Value::Null);
    work(&api).await;
    let tickets = lift.tickets(&api, &admin).await;
    assert_eq!(tickets.len(), 1, "of what is still active");
    let alarm = api.call(&admin, "GET", &alarm, None).await.json(200);
    assert_eq!((&alarm["suppressed_by"], &alarm["ticket_id"]), (&Value::Null, &tickets[0]["id"]));
    let told = told(&api, &admin, "machine.maintenance_started,machine.maintenance_ended").await;
    let started = "machine.maintenance_started";
    assert_eq!(told, [started, started, "machine.maintenance_ended"]);
}

#[tokio::test]
async fn maintenance_is_ended_by_hand_and_not_begun_for_what_is_out_of_use() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, _) = raised(&api, &admin).await;
    let path = format!("/machines/{}/maintenance", lift.id);
    let start = Some(json!({"for_s": 600, "reason": "x"}));
    api.call(&admin, "PUT", &path, start.clone()).await.json(200);
    for _ in 0..2 {
        assert_eq!(api.call(&admin, "DELETE", &path, None).await.status, 204);
    }
    work(&api).await;
    assert_eq!(lift.tickets(&api, &admin).await.len(), 1);
    let gone = format!("/machines/{}/decommission", lift.id);
    api.call(&admin, "POST", &gone, None).await.json(200);
    let alarm = &lift.alarms(&api, &admin).await[0];
    assert_eq!(
        (&alarm["active"], &alarm["clear_reason"]),
        (&json!(false), &json!("decommissioned"))
    );
    api.call(&admin, "PUT", &path, start).await.problem(409, "conflict");
}

#[tokio::test]
async fn what_an_alarm_was_worth_is_kept_with_who_said_so_and_can_be_changed() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let operator = api.person(Role::Operator).await;
    let (lift, path) = raised(&api, &admin).await;
    let before = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!(before.get("feedback"), None);
    let judge = format!("{path}/feedback");
    let said = json!({"verdict": "nuisance", "note": "a draught"});
    let judged = api.call(&operator, "POST", &judge, Some(said.clone())).await;
    assert_eq!(judged.header("etag"), "\"2\"");
    let alarm = judged.json(200);
    let feedback = &alarm["feedback"];
    assert_eq!(
        (&feedback["verdict"], &feedback["note"]),
        (&json!("nuisance"), &json!("a draught"))
    );
    assert_eq!((&feedback["by"]["kind"], &feedback["by"]["name"]), (&json!("user"), &json!("P")));
    assert!(feedback["at"].is_string());
    assert_eq!(api.call(&operator, "POST", &judge, Some(said)).await.json(200), alarm);
    // It stays over what the machine says, and over its end.
    lift.raise(&api, "E-1", Severity::Critical).await;
    lift.clear(&api, "E-1").await;
    let over = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!((&over["active"], &over["feedback"]), (&json!(false), feedback));
    let real = Some(json!({"verdict": "real"}));
    let changed = api.call(&admin, "POST", &judge, real).await.json(200);
    assert_eq!(
        (&changed["feedback"]["verdict"], &changed["feedback"]["note"]),
        (&json!("real"), &Value::Null)
    );
    let told = told(&api, &admin, "alarm.feedback").await;
    assert_eq!(told, ["alarm.feedback", "alarm.feedback"]);
}

#[tokio::test]
async fn a_machine_learns_anew_by_request() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let technician = api.person(Role::Technician).await;
    let (lift, _) = raised(&api, &admin).await;
    let path = format!("/machines/{}/relearn", lift.id);
    assert_eq!(api.call(&technician, "POST", &path, None).await.status, 403);
    assert_eq!(api.call(&admin, "POST", &path, None).await.status, 204);
    let nowhere = "/machines/0198b2c4-7c1e-7000-8000-0123456789ab/relearn";
    assert_eq!(api.call(&admin, "POST", nowhere, None).await.status, 404);
    let told = told(&api, &admin, "machine.relearning_started").await;
    assert_eq!(told, ["machine.relearning_started"]);
    let gone = format!("/machines/{}/decommission", lift.id);
    api.call(&admin, "POST", &gone, None).await.json(200);
    api.call(&admin, "POST", &path, None).await.problem(409, "conflict");
}
