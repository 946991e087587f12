//! Tickets over HTTP.

use std::sync::Arc;

use millwright_core::access::{Actor, Role};
use millwright_schemas::topics::UpChannel;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{EventId, Timestamp};
use millwright_store::jobs::{self, JobHandler as _};
use millwright_store::work::{HelpRequested, TicketNote, Work, enqueue};
use millwright_ticketing::{Ticketing, closing};
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, TestApi};
use crate::machines::customer;
use crate::plant::{Lift, id, items, lift, told, work};
use crate::telemetry;

async fn opened(api: &TestApi, admin: &str) -> (Lift, Value) {
    let lift = lift(api, admin, "S-1").await;
    lift.raise(api, "E-1", Severity::Major).await;
    work(api).await;
    let ticket = lift.tickets(api, admin).await.remove(0);
    (lift, ticket)
}

async fn get(api: &TestApi, token: &str, ticket: &Value) -> Value {
    api.call(token, "GET", &format!("/tickets/{}", id(ticket)), None).await.json(200)
}

/// Moves a ticket, at the version that it has now.
async fn moved(api: &TestApi, token: &str, ticket: &Value, body: Value) -> Answer {
    let path = format!("/tickets/{}", id(ticket));
    let now = api.call(token, "GET", &path, None).await;
    let if_match = [("if-match", now.header("etag"))];
    api.call_with(token, "POST", &format!("{path}/move"), Some(body), &if_match).await
}

async fn notes(api: &TestApi, token: &str, ticket: &Value) -> Vec<String> {
    let all = items(api, token, &format!("/tickets/{}/comments?limit=500", id(ticket))).await;
    all.iter().map(|one| one["note"].as_str().unwrap_or("-").to_owned()).collect()
}

async fn set_policy(api: &TestApi, admin: &str, tickets: Value) {
    let path = format!("/organizations/{}/policy", api.organization);
    let now = api.call(admin, "GET", &path, None).await;
    let if_match = [("if-match", now.header("etag"))];
    let body = Some(json!({"tickets": tickets}));
    api.call_with(admin, "PUT", &path, body, &if_match).await.json(200);
}

#[tokio::test]
async fn an_alarm_opens_a_ticket_that_is_resolved_when_it_clears_and_reopened_when_it_is_back() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, ticket) = opened(&api, &admin).await;
    assert_eq!((&ticket["number"], &ticket["state"]), (&json!("T-1001"), &json!("new")));
    assert_eq!(
        (&ticket["priority"], &ticket["title"]),
        (&json!("P2"), &json!("fault E-1 (axis.x E-1)"))
    );
    assert_eq!((&ticket["alarms"], &ticket["active_alarms"]), (&json!(1), &json!(1)));
    assert_eq!(ticket["opened_by"], json!({"kind": "platform"}));
    assert_eq!(ticket["next_states"], json!(["in_progress", "on_hold", "resolved", "canceled"]));
    let on_it = items(&api, &admin, &format!("/alarms?ticket_id={}", id(&ticket))).await;
    assert_eq!(on_it.len(), 1);

    lift.clear(&api, "E-1").await;
    work(&api).await;
    let resolved = get(&api, &admin, &ticket).await;
    assert_eq!(
        (&resolved["state"], &resolved["resolution_code"]),
        (&json!("resolved"), &json!("self_cleared"))
    );
    assert_eq!(resolved["active_alarms"], 0);
    assert!(resolved["resolved_at"].is_string());

    api.pass_seconds(86_399);
    let admin = api.admin().await;
    lift.raise(&api, "E-1", Severity::Critical).await;
    work(&api).await;
    let again = get(&api, &admin, &ticket).await;
    assert_eq!((&again["state"], &again["reopened"]), (&json!("new"), &json!(1)));
    assert_eq!((&again["priority"], &again["alarms"]), (&json!("P1"), &json!(2)));
    assert_eq!((&again["resolution_code"], &again["resolved_at"]), (&Value::Null, &Value::Null));

    lift.clear(&api, "E-1").await;
    work(&api).await;
    api.pass_seconds(86_401);
    let admin = api.admin().await;
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let all = lift.tickets(&api, &admin).await;
    assert_eq!((&all[0]["number"], &all[0]["state"]), (&json!("T-1002"), &json!("new")));
    assert_eq!(all[1]["state"], "closed", "nothing reopens it any more");
    let expected = [
        "opened",
        "alarm_cleared",
        "state_changed",
        "reopened",
        "alarm_cleared",
        "state_changed",
        "state_changed",
    ];
    assert_eq!(notes(&api, &admin, &ticket).await, expected);
    let expected = [
        "ticket.opened",
        "ticket.moved",
        "ticket.reopened",
        "ticket.moved",
        "ticket.moved",
        "ticket.opened",
    ];
    assert_eq!(told(&api, &admin, "ticket.*").await, expected);
}

#[tokio::test]
async fn a_hundred_alarms_with_one_cause_at_once_are_one_ticket() {
    let api = Arc::new(TestApi::start().await);
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let api = Arc::clone(&api);
            tokio::spawn(async move {
                lift.raise(&api, "E-1", Severity::Major).await;
                if number % 3 == 0 {
                    lift.clear(&api, "E-1").await;
                }
                work(&api).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let tickets = lift.tickets(&api, &admin).await;
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    assert_eq!(tickets[0]["active_alarms"], 1);
    let open = items(&api, &admin, "/alarms?state=open").await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["ticket_id"], tickets[0]["id"]);
}

#[tokio::test]
async fn little_alarms_open_no_ticket_and_worse_ones_make_it_more_urgent() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    for severity in [Severity::Indeterminate, Severity::Warning, Severity::Minor] {
        lift.raise(&api, "E-1", severity).await;
        work(&api).await;
        assert!(lift.tickets(&api, &admin).await.is_empty(), "{severity:?}");
    }
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    lift.raise(&api, "E-1", Severity::Critical).await;
    lift.raise(&api, "E-1", Severity::Minor).await;
    lift.raise(&api, "E-1", Severity::Critical).await;
    work(&api).await;
    let ticket = lift.tickets(&api, &admin).await.remove(0);
    assert_eq!(ticket["priority"], "P1");
    assert_eq!(notes(&api, &admin, &ticket).await, ["opened", "priority_raised"]);
}

#[tokio::test]
async fn a_policy_decides_what_opens_and_what_resolves() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let policy = json!({"open_from": "warning", "resolve_when_cleared": false,
        "collect_diagnostics": true});
    set_policy(&api, &admin, policy).await;
    let lift = lift(&api, &admin, "S-1").await;
    let change = json!({"criticality": "high"});
    let if_match = [("if-match", "\"1\"")];
    let path = format!("/machines/{}", lift.id);
    api.call_with(&admin, "PATCH", &path, Some(change), &if_match).await.json(200);
    lift.raise(&api, "E-1", Severity::Warning).await;
    work(&api).await;
    let ticket = lift.tickets(&api, &admin).await.remove(0);
    assert_eq!(ticket["priority"], "P3", "one step more urgent");
    let store = &api.state.store;
    let job = millwright_store::jobs::take(store, &["command.wanted"], api.now(), api.now()).await;
    let wanted = job.unwrap().unwrap().payload;
    assert_eq!(
        (&wanted["name"], &wanted["ticket"]),
        (&json!("collect_diagnostics"), &ticket["id"])
    );
    lift.clear(&api, "E-1").await;
    work(&api).await;
    assert_eq!(get(&api, &admin, &ticket).await["state"], "new");
    lift.raise(&api, "E-1", Severity::Warning).await;
    work(&api).await;
    let ticket = get(&api, &admin, &ticket).await;
    assert_eq!((&ticket["alarms"], &ticket["active_alarms"]), (&json!(2), &json!(1)));
    let expected = ["opened", "alarm_cleared", "alarm_joined"];
    assert_eq!(notes(&api, &admin, &ticket).await, expected);
}

#[tokio::test]
async fn a_ticket_is_opened_worked_on_and_closed_by_people() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let technician = api.person(Role::Technician).await;
    let me = api.call(&technician, "GET", "/auth/me", None).await.json(200);
    let lift = lift(&api, &admin, "S-1").await;
    let new = json!({"machine_id": lift.id, "title": "Noise", "description": "a\nb",
        "external_ids": {"crm": "4711"}});
    let key = [("idempotency-key", "k-1")];
    let made = api.call_with(&technician, "POST", "/tickets", Some(new.clone()), &key).await;
    let ticket = made.json(201);
    let repeated = api.call_with(&technician, "POST", "/tickets", Some(new), &key).await;
    assert_eq!(repeated.json(201), ticket);
    assert_eq!(made.header("location"), format!("/api/v1/tickets/{}", id(&ticket)));
    assert_eq!((&ticket["priority"], &ticket["opened_by"]["kind"]), (&json!("P3"), &json!("user")));

    let path = format!("/tickets/{}", id(&ticket));
    let change = json!({"assignee_id": me["id"], "priority": "P1"});
    api.call(&technician, "PATCH", &path, Some(change.clone()))
        .await
        .problem(428, "version-missing");
    let if_match = [("if-match", "\"1\"")];
    let changed = api.call_with(&technician, "PATCH", &path, Some(change.clone()), &if_match).await;
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.json(200)["assignee_id"], me["id"]);
    let late = api.call_with(&technician, "PATCH", &path, Some(change), &if_match).await;
    late.problem(412, "version-mismatch");

    let to = |state: &str| json!({"to": state});
    moved(&api, &technician, &ticket, to("in_progress")).await.json(200);
    let hold = json!({"to": "on_hold", "hold_reason": "parts", "comment": "ordered"});
    let held = moved(&api, &technician, &ticket, hold).await.json(200);
    assert_eq!(held["hold_reason"], "parts");
    let done = json!({"to": "resolved", "resolution_code": "replaced", "comment": "new belt"});
    let done = moved(&api, &technician, &ticket, done).await.json(200);
    assert_eq!((&done["resolution"], &done["hold_reason"]), (&json!("new belt"), &Value::Null));
    moved(&api, &technician, &ticket, to("closed")).await.json(200);
    let reopened = moved(&api, &technician, &ticket, to("in_progress")).await.json(200);
    assert_eq!((&reopened["reopened"], &reopened["closed_at"]), (&json!(1), &Value::Null));
    let text = Some(json!({"text": "all\nwell"}));
    let said = api.call(&technician, "POST", &format!("{path}/comments"), text).await.json(201);
    assert_eq!((&said["note"], &said["by"]["id"]), (&Value::Null, &me["id"]));
    let expected = [
        "opened",
        "updated",
        "state_changed",
        "state_changed",
        "state_changed",
        "state_changed",
        "reopened",
        "-",
    ];
    assert_eq!(notes(&api, &technician, &ticket).await, expected);
    let clear = json!({"assignee_id": null});
    let version = format!("\"{}\"", reopened["version"]);
    let if_match = [("if-match", version.as_str())];
    let cleared = api.call_with(&technician, "PATCH", &path, Some(clear), &if_match).await;
    assert_eq!(cleared.json(200)["assignee_id"], Value::Null);
    for (query, found) in [
        ("state=open", 1),
        ("state=in_progress", 1),
        ("state=closed", 0),
        ("priority=P1", 1),
        ("number=t-1001", 1),
        ("number=T-1002", 0),
        ("external_id=crm:4711", 1),
        ("external_id=crm:471", 0),
        ("external_id=erp:4711", 0),
        ("external_id=crm:4711&state=closed", 0),
        (&format!("assignee_id={}", me["id"].as_str().unwrap()), 0),
    ] {
        let path = format!("/tickets?{query}");
        assert_eq!(items(&api, &technician, &path).await.len(), found, "{query}");
    }
    let problem = api.call(&admin, "GET", "/tickets?number=x", None).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "number");
    for wrong in ["4711", "crm:", "CRM:4711", "crm:%00"] {
        let path = format!("/tickets?external_id={wrong}");
        let problem = api.call(&admin, "GET", &path, None).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "external_id", "{wrong}");
    }
}

#[tokio::test]
async fn a_move_that_its_state_does_not_allow_names_those_that_are() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, ticket) = opened(&api, &admin).await;
    let refused = moved(&api, &admin, &ticket, json!({"to": "closed"})).await;
    let detail = refused.problem(409, "conflict")["detail"].as_str().unwrap().to_owned();
    let allowed = "allowed: in_progress, on_hold, resolved, canceled";
    assert!(detail.contains("is new") && detail.ends_with(allowed), "{detail}");
    for (body, field) in [
        (json!({"to": "on_hold"}), "hold_reason"),
        (json!({"to": "resolved"}), "resolution_code"),
        (json!({"to": "in_progress", "hold_reason": "parts"}), "hold_reason"),
        (json!({"to": "canceled", "resolution_code": "repaired"}), "resolution_code"),
        (json!({"to": "canceled", "comment": " "}), "comment"),
    ] {
        let problem = moved(&api, &admin, &ticket, body).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let path = format!("/tickets/{}/move", id(&ticket));
    let body = json!({"to": "canceled"});
    api.call(&admin, "POST", &path, Some(body.clone())).await.problem(428, "version-missing");
    let late = [("if-match", "\"0\"")];
    let late = api.call_with(&admin, "POST", &path, Some(body.clone()), &late).await;
    late.problem(412, "version-mismatch");
    moved(&api, &admin, &ticket, body).await.json(200);
    let refused = moved(&api, &admin, &ticket, json!({"to": "in_progress"})).await;
    refused.problem(409, "conflict");
    // Canceled while the alarm is active: the same alarm doesn't open another.
    lift.raise(&api, "E-1", Severity::Major).await;
    lift.clear(&api, "E-1").await;
    work(&api).await;
    assert_eq!(get(&api, &admin, &ticket).await["state"], "canceled");
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    assert_eq!(lift.tickets(&api, &admin).await.len(), 2);
}

#[tokio::test]
async fn a_closed_ticket_is_not_reopened_beside_an_open_one_of_its_cause() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, first) = opened(&api, &admin).await;
    lift.clear(&api, "E-1").await;
    work(&api).await;
    moved(&api, &admin, &first, json!({"to": "closed"})).await.json(200);
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    assert_eq!(lift.tickets(&api, &admin).await.len(), 2);
    let refused = moved(&api, &admin, &first, json!({"to": "in_progress"})).await;
    refused.problem(409, "conflict");
}

#[tokio::test]
async fn resolved_tickets_are_closed_when_their_time_is_over() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    set_policy(&api, &admin, json!({"reopen_within_s": 60})).await;
    let (lift, ticket) = opened(&api, &admin).await;
    lift.clear(&api, "E-1").await;
    work(&api).await;
    let store = &api.state.store;
    assert_eq!(closing::close_resolved(store, api.now()).await.unwrap(), 0);
    api.pass_seconds(60);
    assert_eq!(closing::close_resolved(store, api.now()).await.unwrap(), 1);
    assert_eq!(closing::close_resolved(store, api.now()).await.unwrap(), 0);
    let closed = get(&api, &admin, &ticket).await;
    assert_eq!(
        (&closed["state"], &closed["next_states"]),
        (&json!("closed"), &json!(["in_progress"]))
    );
    assert!(closed["closed_at"].is_string());
}

#[tokio::test]
async fn only_who_sees_the_machine_and_can_sign_in_works_on_its_ticket() {
    let api = TestApi::start().await;
    let (admin, stranger) = (api.admin().await, customer(&api).await);
    let lift = lift(&api, &admin, "S-1").await;
    let theirs = api.call(&stranger, "GET", "/auth/me", None).await.json(200);
    let person = json!({"email": "d@example.org", "name": "D", "role": "technician",
        "password": PASSWORD});
    let disabled = api.call(&admin, "POST", "/users", Some(person)).await.json(201);
    let path = format!("/users/{}", id(&disabled));
    let off = Some(json!({"disabled": true}));
    api.call_with(&admin, "PATCH", &path, off, &[("if-match", "\"1\"")]).await.json(200);
    for (assignee, why) in [
        (theirs["id"].clone(), "doesn't see the machine"),
        (disabled["id"].clone(), "can't sign in"),
        (json!(lift.id), "doesn't exist"),
    ] {
        let new = json!({"machine_id": lift.id, "title": "x", "assignee_id": assignee});
        let problem = api.call(&admin, "POST", "/tickets", Some(new)).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "assignee_id");
        assert!(problem["errors"][0]["message"].as_str().unwrap().ends_with(why), "{problem}");
    }
}

#[tokio::test]
async fn another_organizations_tickets_do_not_exist() {
    let api = TestApi::start().await;
    let (admin, stranger) = (api.admin().await, customer(&api).await);
    let (lift, ticket) = opened(&api, &admin).await;
    let path = format!("/tickets/{}", id(&ticket));
    let if_match = [("if-match", "\"1\"")];
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("PATCH", path.clone(), Some(json!({"title": "x"}))),
        ("POST", format!("{path}/move"), Some(json!({"to": "canceled"}))),
        ("GET", format!("{path}/comments"), None),
        ("POST", format!("{path}/comments"), Some(json!({"text": "x"}))),
        ("GET", format!("{path}/evidence"), None),
    ] {
        let answer = api.call_with(&stranger, method, &path, body, &if_match).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    assert!(items(&api, &stranger, "/tickets").await.is_empty());
    assert!(items(&api, &stranger, "/tickets?number=T-1001").await.is_empty());
    let new = json!({"machine_id": lift.id, "title": "x"});
    let problem = api.call(&stranger, "POST", "/tickets", Some(new)).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "machine_id");
    let mut now = get(&api, &admin, &ticket).await;
    let alarms = now.as_object_mut().unwrap().remove("alarm_list").unwrap();
    assert_eq!((now, alarms.as_array().unwrap().len()), (ticket, 1));
}

#[tokio::test]
async fn wrong_fields_are_told_all_at_once() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (lift, ticket) = opened(&api, &admin).await;
    let wrong = json!({"machine_id": lift.id, "title": "x".repeat(201),
        "description": "x".repeat(10_001), "external_ids": {"CRM": "1"}});
    let problem = api.call(&admin, "POST", "/tickets", Some(wrong)).await.problem(422, "invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(fields, ["title", "description", "external_ids"]);
    let unknown = json!({"machine_id": lift.id, "title": "x", "colour": "red"});
    api.call(&admin, "POST", "/tickets", Some(unknown)).await.problem(422, "invalid");
    let path = format!("/tickets/{}", id(&ticket));
    let if_match = [("if-match", "\"1\"")];
    let wrong = json!({"title": ""});
    let refused = api.call_with(&admin, "PATCH", &path, Some(wrong), &if_match).await;
    refused.problem(422, "invalid");
    let wrong = json!({"to": "finished"});
    let refused = moved(&api, &admin, &ticket, wrong).await;
    refused.problem(422, "invalid");
    for wrong in ["", " \n", &"x".repeat(10_001)] {
        let path = format!("{path}/comments");
        let refused = api.call(&admin, "POST", &path, Some(json!({"text": wrong}))).await;
        assert_eq!(refused.problem(422, "invalid")["errors"][0]["field"], "text");
    }
}

#[tokio::test]
async fn roles_differ_in_what_they_do_with_tickets() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let (_, ticket) = opened(&api, &admin).await;
    let operator = api.person(Role::Operator).await;
    let path = format!("/tickets/{}", id(&ticket));
    let text = Some(json!({"text": "it smells"}));
    api.call(&operator, "POST", &format!("{path}/comments"), text).await.json(201);
    moved(&api, &operator, &ticket, json!({"to": "canceled"})).await.problem(403, "forbidden");
}

/// Samples and events around the alarm, copied at opening and completed when the time after it has
/// passed.
#[tokio::test]
async fn evidence_is_copied_when_an_alarm_opens_a_ticket() {
    let plant = telemetry::Plant::start().await;
    let (api, admin) = (&plant.api, &plant.token);
    let ms = telemetry::T0;
    let sample = |at: i64| {
        format!(r#"{{"ts":{},"values":{{"load":{at},"state":"run","open":true}}}}"#, ms + at)
    };
    let messages: Vec<_> = [-1_000_000, -600_000, -1_000, 0].map(sample).into();
    plant.samples(&messages.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let fault = format!(r#"{{"type":"door.opened","ts":{},"data":{{"by":"hand"}}}}"#, ms - 5_000);
    plant.send(UpChannel::Events, &[&fault]).await;
    let lift = Lift { id: plant.machine, organization: api.organization };
    lift.raise_at(api, "E-1", Severity::Major, Timestamp::from_millis(ms)).await;
    work(api).await;
    let ticket = lift.tickets(api, admin).await.remove(0);
    let path = format!("/tickets/{}/evidence", id(&ticket));
    let taken = api.call(admin, "GET", &path, None).await.json(200)["items"][0].clone();
    let series = taken["series"].as_array().unwrap();
    let names: Vec<_> = series.iter().map(|one| one["signal"].as_str().unwrap()).collect();
    assert_eq!(names, ["load", "open", "state"]);
    let points = json!([[ms - 600_000, -600_000.0], [ms - 1_000, -1_000.0], [ms, 0.0]]);
    assert_eq!((&series[0]["points"], &series[0]["cut"]), (&points, &json!(false)));
    assert_eq!(series[1]["points"][0][1], true);
    assert_eq!(taken["active_alarms"][0]["code"], "E-1");
    assert_eq!(taken["events"][0]["type"], "door.opened");

    plant.samples(&[&sample(60_000), &sample(400_000)]).await;
    lift.clear(api, "E-1").await;
    api.pass_seconds(311);
    work(api).await;
    let list = api.call(admin, "GET", &path, None).await.json(200)["items"].clone();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let load = &list[0]["series"][0]["points"];
    assert_eq!((load.as_array().unwrap().len(), &load[3]), (4, &json!([ms + 60_000, 60_000.0])));
    assert_eq!(list[0]["active_alarms"], taken["active_alarms"], "as it was then");
}

#[tokio::test]
async fn the_operators_call_for_help_and_notes_of_commands_are_told_once() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    let help = |message: &str| HelpRequested {
        machine: lift.id,
        event: EventId(uuid::Uuid::now_v7()),
        message: message.to_owned(),
        ts: api.now(),
    };
    for message in ["door is stuck", "still stuck"] {
        leave(&api, lift, &help(message)).await;
        work(&api).await;
    }
    let ticket = lift.tickets(&api, &admin).await.remove(0);
    assert_eq!(lift.tickets(&api, &admin).await.len(), 1);
    assert_eq!(ticket["title"], "Help requested: door is stuck");
    assert_eq!(
        (&ticket["priority"], &ticket["opened_by"]["kind"]),
        (&json!("P2"), &json!("machine"))
    );
    let note = TicketNote {
        ticket: id(&ticket).parse().unwrap(),
        machine: lift.id,
        note: "command_issued".to_owned(),
        data: serde_json::Map::new(),
        by: Actor::Platform,
        at: api.now(),
    };
    leave(&api, lift, &note).await;
    let clock = api.state.clock.clone();
    let ticketing = Ticketing::new(api.state.store.clone(), move || clock.now());
    let now = api.now();
    let job = jobs::take(&api.state.store, ticketing.kinds(), now, now).await.unwrap().unwrap();
    for _ in 0..2 {
        ticketing.run(&job).await.unwrap();
    }
    let expected = ["opened", "help_requested", "help_requested", "command_issued"];
    assert_eq!(notes(&api, &admin, &ticket).await, expected);
}

async fn leave<W: Work>(api: &TestApi, lift: Lift, work: &W) {
    let tx = api.state.store.begin().await.unwrap();
    enqueue(&tx, lift.organization, work, api.now()).await.unwrap();
    tx.commit().await.unwrap();
}
