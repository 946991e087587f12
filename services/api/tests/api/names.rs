//! Names beside the ids of answers: current, only in answers, only for those who may see them.

use millwright_core::access::Role;
use millwright_schemas::wire::events::Severity;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApi};
use crate::machines::customer;
use crate::plant::{id, items, lift, told, work};

const ADMINISTRATOR: &str = "Administrator";

/// An API token with these scopes.
async fn token(api: &TestApi, by: &str, scopes: &[&str]) -> String {
    let new = json!({"name": "script", "scopes": scopes});
    let made = api.call(by, "POST", "/api-tokens", Some(new)).await.json(201);
    made["token"].as_str().unwrap().to_owned()
}

async fn acknowledge(api: &TestApi, token: &str, alarm: &Value) -> Value {
    api.call(token, "POST", &format!("/alarms/{}/acknowledge", id(alarm)), None).await.json(200)
}

#[tokio::test]
async fn what_an_answer_mentions_is_named() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let alarm = acknowledge(&api, &admin, &lift.alarms(&api, &admin).await[0]).await;
    let listed = lift.alarms(&api, &admin).await.remove(0);
    assert_eq!(listed, alarm);
    assert_eq!(alarm["acknowledged_by"]["name"], ADMINISTRATOR);
    assert_eq!(
        (&alarm["machine_name"], &alarm["ticket_number"]),
        (&json!("Lift"), &json!("T-1001"))
    );
    assert!(alarm.get("rule_name").is_none(), "no rule raised it");

    let me = api.call(&admin, "GET", "/auth/me", None).await.json(200);
    let new = json!({"machine_id": lift.id, "title": "Oil", "assignee_id": me["id"]});
    let ticket = api.call(&admin, "POST", "/tickets", Some(new)).await.json(201);
    assert_eq!(
        (&ticket["machine_name"], &ticket["assignee_name"], &ticket["opened_by"]["name"]),
        (&json!("Lift"), &json!(ADMINISTRATOR), &json!(ADMINISTRATOR))
    );
    let [manual, automatic] = lift.tickets(&api, &admin).await.try_into().unwrap();
    assert_eq!(manual, ticket);
    assert_eq!(automatic["opened_by"], json!({"kind": "platform"}));

    let script = token(&api, &admin, &["tickets.read", "tickets.comment"]).await;
    let comments = format!("/tickets/{}/comments", id(&ticket));
    let said = Some(json!({"text": "on its way"}));
    let said = api.call(&script, "POST", &comments, said).await.json(201);
    assert_eq!((&said["by"]["kind"], &said["by"]["name"]), (&json!("api_token"), &json!("script")));
    assert_eq!(items(&api, &admin, &comments).await[1], said);

    let path = format!("/machines/{}/maintenance", lift.id);
    let start = Some(json!({"for_s": 60, "reason": "oil"}));
    let on = api.call(&admin, "PUT", &path, start).await.json(200);
    assert_eq!(on["by"]["name"], ADMINISTRATOR);
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200), on);
    let done = items(&api, &admin, "/audit?action=alarm.acknowledged").await;
    assert_eq!(done[0]["actor"]["name"], ADMINISTRATOR);
}

#[tokio::test]
async fn names_are_never_stored() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let alarm = acknowledge(&api, &admin, &lift.alarms(&api, &admin).await[0]).await;
    told(&api, &admin, "alarm.*").await;
    let events = items(&api, &admin, "/events?types=alarm.*,ticket.*,machine.*&limit=500").await;
    let audit = items(&api, &admin, "/audit?limit=500").await;
    assert!(events.len() >= 4, "{events:?}");
    assert!(events.iter().any(|event| event["actor"]["name"] == ADMINISTRATOR), "{events:?}");
    let stored = events.iter().map(|event| &event["data"]);
    for data in stored.chain(audit.iter().map(|record| &record["details"])) {
        let text = data.to_string();
        for name in ["machine_name", "ticket_number", "assignee_name", "rule_name", "alarms"] {
            assert!(data.get(name).is_none(), "{name}: {text}");
        }
        assert!(data["acknowledged_by"].get("name").is_none(), "{text}");
    }
    // What is told later is what it is called then.
    let path = format!("/machines/{}", lift.id);
    let found = api.call(&admin, "GET", &path, None).await;
    let if_match = [("if-match", found.header("etag"))];
    let change = Some(json!({"name": "Lift 3"}));
    api.call_with(&admin, "PATCH", &path, change, &if_match).await.json(200);
    let path = format!("/alarms/{}", id(&alarm));
    let renamed = api.call(&admin, "GET", &path, None).await;
    assert_eq!(renamed.header("etag"), format!("\"{}\"", alarm["version"]));
    assert_eq!(renamed.json(200)["machine_name"], "Lift 3");
}

#[tokio::test]
async fn names_are_for_those_who_may_see_what_has_them() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    acknowledge(&api, &admin, &lift.alarms(&api, &admin).await[0]).await;
    let only = token(&api, &admin, &["alarms.read"]).await;
    let alarm = lift.alarms(&api, &only).await.remove(0);
    assert!(alarm.get("machine_name").is_none() && alarm.get("ticket_number").is_none());
    assert!(alarm["ticket_id"].is_string());
    assert_eq!(alarm["acknowledged_by"]["name"], ADMINISTRATOR, "belongs to what was done");
    let only = token(&api, &admin, &["machines.read"]).await;
    let machine = format!("/machines/{}", lift.id);
    assert!(api.call(&only, "GET", &machine, None).await.json(200).get("alarms").is_none());

    // Someone of the organization above.
    let theirs = customer(&api).await;
    let other = crate::plant::lift(&api, &theirs, "S-2").await;
    other.raise(&api, "E-1", Severity::Minor).await;
    let alarm = acknowledge(&api, &admin, &other.alarms(&api, &theirs).await[0]).await;
    assert_eq!(alarm["acknowledged_by"]["name"], ADMINISTRATOR);
    let seen = other.alarms(&api, &theirs).await.remove(0);
    assert_eq!(seen["acknowledged_by"]["id"], alarm["acknowledged_by"]["id"]);
    assert!(seen["acknowledged_by"].get("name").is_none(), "{seen}");
    assert_eq!(seen["machine_name"], "Lift");
}

#[tokio::test]
async fn an_erased_person_has_no_name() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let new = json!({"email": "t@example.org", "name": "Tess", "role": "technician",
        "password": PASSWORD});
    let person = api.call(&admin, "POST", "/users", Some(new)).await.json(201);
    let lift = lift(&api, &admin, "S-1").await;
    lift.raise(&api, "E-1", Severity::Minor).await;
    let tess = api.sign_in("t@example.org", PASSWORD).await;
    let alarm = acknowledge(&api, &tess, &lift.alarms(&api, &admin).await[0]).await;
    assert_eq!(alarm["acknowledged_by"]["name"], "Tess");
    let (path, if_match) = (format!("/users/{}", id(&person)), [("if-match", "\"1\"")]);
    api.call_with(&admin, "DELETE", &path, None, &if_match).await.json(204);
    let alarm = lift.alarms(&api, &admin).await.remove(0);
    assert_eq!(alarm["acknowledged_by"], json!({"kind": "user", "id": person["id"]}));
}

#[tokio::test]
async fn a_machine_tells_how_many_alarms_want_attention() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    let path = format!("/machines/{}", lift.id);
    let none = json!({"active": 0, "unacknowledged": 0, "worst": null});
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200)["alarms"], none);
    for (code, severity) in [
        ("E-1", Severity::Minor),
        ("E-2", Severity::Major),
        ("E-3", Severity::Critical),
        ("E-4", Severity::Critical),
        ("E-5", Severity::Minor),
        ("E-6", Severity::Critical),
    ] {
        lift.raise(&api, code, severity).await;
    }
    lift.clear(&api, "E-6").await;
    let open = items(&api, &admin, "/alarms?state=open").await;
    let alarm =
        |code: &str| format!("/alarms/{}", id(open.iter().find(|a| a["code"] == code).unwrap()));
    let shelve = Some(json!({"for_s": 60, "reason": "x"}));
    for (path, body) in [
        (format!("{}/shelve", alarm("E-3")), shelve),
        (format!("{}/out-of-service", alarm("E-4")), Some(json!({"reason": "x"}))),
        (format!("{}/acknowledge", alarm("E-1")), None),
    ] {
        api.call(&admin, "POST", &path, body).await.json(200);
    }
    let expected = json!({"active": 3, "unacknowledged": 2, "worst": "major"});
    assert_eq!(items(&api, &admin, "/machines").await[0]["alarms"], expected);
    api.pass_seconds(61);
    // Shelved no longer, whether or not the worker was there.
    let expected = json!({"active": 4, "unacknowledged": 3, "worst": "critical"});
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200)["alarms"], expected);
    let start = Some(json!({"for_s": 60, "reason": "x"}));
    api.call(&admin, "PUT", &format!("{path}/maintenance"), start).await.json(200);
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200)["alarms"], none);
}

#[tokio::test]
async fn the_audit_log_is_searched() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let manager = api.person(Role::Manager).await;
    let me = api.call(&manager, "GET", "/auth/me", None).await.json(200);
    let before = api.now();
    api.pass_seconds(10);
    let [first, second] =
        [lift(&api, &manager, "S-1").await, lift(&api, &admin, "S-2").await].map(|lift| lift.id);
    let found = |query: String| {
        let (api, admin) = (&api, &admin);
        async move {
            let all = items(api, admin, &format!("/audit?{query}")).await;
            all.iter()
                .map(|one| one["subject"]["id"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    let (one, other) = (first.to_string(), second.to_string());
    assert_eq!(
        found(format!("actor_id={}&action=machine.", id(&me))).await,
        std::slice::from_ref(&one)
    );
    assert_eq!(found("action=machine.created".to_owned()).await, [other.clone(), one.clone()]);
    assert_eq!(found("action=machine_created".to_owned()).await, Vec::<String>::new());
    assert_eq!(found(format!("subject_id={other}")).await, std::slice::from_ref(&other));
    assert_eq!(found(format!("from={before}&action=machine.")).await, [other, one]);
    assert_eq!(found(format!("to={before}&action=machine.")).await, Vec::<String>::new());
    for (query, field) in [
        ("action=Machine", "action"),
        ("action=machine.%25", "action"),
        ("action=", "action"),
        ("subject_id=", "subject_id"),
        ("from=yesterday", "from"),
        ("from=2&to=2", "from"),
        ("actor=x", "actor"),
    ] {
        let refused = api.call(&admin, "GET", &format!("/audit?{query}"), None).await;
        assert_eq!(refused.problem(422, "invalid")["errors"][0]["field"], field, "{query}");
    }
    api.call(&admin, "GET", "/audit?actor_id=me", None).await.problem(400, "malformed");
}

#[tokio::test]
async fn ones_own_tickets_are_found() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let technician = api.person(Role::Technician).await;
    let lift = lift(&api, &admin, "S-1").await;
    let me = api.call(&technician, "GET", "/auth/me", None).await.json(200);
    for assignee in [Value::Null, me["id"].clone()] {
        let new = json!({"machine_id": lift.id, "title": "Oil", "assignee_id": assignee});
        api.call(&admin, "POST", "/tickets", Some(new)).await.json(201);
    }
    let own = items(&api, &technician, "/tickets?assignee_id=me&state=open").await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["assignee_id"], me["id"]);
    assert_eq!(items(&api, &admin, &format!("/tickets?assignee_id={}", id(&me))).await, own);
    assert!(items(&api, &admin, "/tickets?assignee_id=me").await.is_empty());
    let script = token(&api, &admin, &["tickets.read"]).await;
    for (token, who) in [(&script, "me"), (&admin, "Me"), (&admin, "")] {
        let refused = api.call(token, "GET", &format!("/tickets?assignee_id={who}"), None).await;
        let problem = refused.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "assignee_id", "{who}");
    }
}
