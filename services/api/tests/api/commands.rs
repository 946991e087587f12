//! Commands over HTTP. What machines make of them is tested in dispatch; here the test tells
//! the platform what a machine would.

use std::sync::Arc;

use bytes::Bytes;
use millwright_core::access::Role;
use millwright_dispatch::{Delivery, Dispatch, NotTaken, Parts};
use millwright_schemas::MachineId;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::CommandReport;
use millwright_schemas::wire::events::EventType;
use millwright_store::jobs::{self, JobHandler};
use millwright_store::work::{self, CapabilitiesReported, CommandReported, Work};
use millwright_store::{Store, policies};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApi;
use crate::machines::customer;

/// Nobody is connected.
struct Nowhere;

impl Delivery for Nowhere {
    fn deliver(&self, _: MachineId, _: DownChannel, _: Bytes) -> Result<(), NotTaken> {
        Err(NotTaken("nobody is connected".to_owned()))
    }
}

struct Plant {
    api: TestApi,
    admin: String,
    machine: MachineId,
    dispatch: Dispatch,
}

impl Plant {
    async fn start() -> Self {
        let api = TestApi::start().await;
        let admin = api.admin().await;
        let new = json!({"name": "Mill", "serial_number": "S-1"});
        let made = api.call(&admin, "POST", "/machines", Some(new)).await.json(201);
        let clock = api.state.clock.clone();
        let dispatch = Dispatch::new(Parts {
            store: api.state.store.clone(),
            trust: api.state.enrollment.trust().clone(),
            delivery: Arc::new(Nowhere),
            metrics: api.state.commands.clone(),
            now: Arc::new(move || clock.now()),
        });
        let machine = made["id"].as_str().unwrap().parse().unwrap();
        Self { api, admin, machine, dispatch }
    }

    fn store(&self) -> &Store {
        &self.api.state.store
    }

    /// Leaves a job as ingest does, and does all of dispatch.
    async fn leave<W: Work>(&self, work: &W) {
        let now = self.api.now();
        let tx = self.store().begin().await.unwrap();
        work::enqueue(&tx, self.api.organization, work, now).await.unwrap();
        tx.commit().await.unwrap();
        let (kinds, lease) = (self.dispatch.kinds(), now.plus_seconds(60));
        while let Some(job) = jobs::take(self.store(), kinds, self.api.now(), lease).await.unwrap()
        {
            self.dispatch.run(&job).await.unwrap();
            jobs::complete(self.store(), &job).await.unwrap();
        }
    }

    async fn tell_catalogue(&self) {
        let percent = json!({
            "type": "object",
            "properties": {"percent": {"type": "number", "minimum": 20, "maximum": 110}},
            "required": ["percent"],
        });
        let capabilities = json!({
            "version": "1.2.3",
            "ledger": Uuid::from_u128(1),
            "last_ord": 0,
            "commands": [
                {"name": "set_speed", "class": "motion", "arguments": percent,
                    "needs_consent": true, "deadline_s": 30},
                {"name": "ping", "class": "read", "arguments": {"type": "object"},
                    "needs_consent": false, "deadline_s": 5},
            ],
        });
        let now = self.api.now();
        self.leave(&CapabilitiesReported {
            machine: self.machine,
            ts: now,
            received_at: now,
            capabilities: serde_json::from_value(capabilities).unwrap(),
        })
        .await;
    }

    async fn report(&self, id: &Value, event_type: EventType) {
        let report = CommandReport::new(id.as_str().unwrap().parse().unwrap());
        let (machine, event) = (self.machine, Uuid::now_v7().into());
        let ts = self.api.now();
        self.leave(&CommandReported { machine, event, event_type, ts, report }).await;
    }

    fn path(&self) -> String {
        format!("/machines/{}/commands", self.machine)
    }

    async fn issue(&self, body: Value) -> crate::harness::Answer {
        self.api.call(&self.admin, "POST", &self.path(), Some(body)).await
    }

    async fn get(&self, id: &Value) -> Value {
        let path = format!("/commands/{}", id.as_str().unwrap());
        self.api.call(&self.admin, "GET", &path, None).await.json(200)
    }
}

fn cancel_path(id: &Value) -> String {
    format!("/commands/{}/cancel", id.as_str().unwrap())
}

#[tokio::test]
async fn a_command_is_issued_and_read() {
    let plant = Plant::start().await;
    let (api, admin) = (&plant.api, &plant.admin);
    plant.tell_catalogue().await;
    let catalogue = format!("/machines/{}/catalogue", plant.machine);
    let catalogue = api.call(admin, "GET", &catalogue, None).await.json(200);
    assert_eq!((&catalogue["known"], &catalogue["agent_version"]), (&json!(true), &json!("1.2.3")));
    assert_eq!(catalogue["commands"][0]["name"], "ping", "by name");

    let body = json!({"name": "set_speed", "args": {"percent": 50}, "purpose": "test run"});
    let answer = plant.issue(body).await;
    let issued = answer.json(202);
    let path = format!("/commands/{}", issued["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), format!("/api/v1{path}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!((&issued["state"], &issued["class"]), (&json!("queued"), &json!("motion")));
    assert_eq!((&issued["deadline_s"], &issued["ord"]), (&json!(30), &json!(1)));
    assert_eq!(issued["issued_by"]["kind"], "user");
    assert_eq!(issued["issued_by"]["name"], "Administrator");
    assert_eq!(issued["machine_name"], "Mill");
    let found = api.call(admin, "GET", &path, None).await;
    assert_eq!(found.json(200), issued);
    assert_eq!(found.header("etag"), "\"1\"");

    let other = plant.issue(json!({"name": "ping"})).await.json(202);
    for list in ["/commands".to_owned(), plant.path()] {
        let items = api.call(admin, "GET", &format!("{list}?state=open"), None).await.json(200);
        let ids: Vec<_> = items["items"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, [&other["id"], &issued["id"]], "{list}");
        let page = api.call(admin, "GET", &format!("{list}?limit=1"), None).await.json(200);
        let next = format!("{list}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
        let next = api.call(admin, "GET", &next, None).await.json(200);
        assert_eq!(next["items"][0]["id"], issued["id"]);
        let done = api.call(admin, "GET", &format!("{list}?state=done"), None).await.json(200);
        assert_eq!(done["items"], json!([]));
    }
    let of_machine = format!("/commands?machine_id={}", Uuid::now_v7());
    let none = api.call(admin, "GET", &of_machine, None).await.json(200);
    assert_eq!(none["items"], json!([]));
    api.call(admin, "GET", "/commands?state=late", None).await.problem(400, "malformed");
    api.call(admin, "GET", "/commands?stat=open", None).await.problem(422, "invalid");
}

#[tokio::test]
async fn what_breaks_rules_is_told_by_field() {
    let plant = Plant::start().await;
    plant.tell_catalogue().await;
    let fields = |problem: Value| -> Vec<String> {
        let errors = problem["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    };
    let unknown = plant.issue(json!({"name": "fly"})).await.problem(422, "invalid");
    let message = unknown["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("ping, set_speed"), "{message}");
    assert_eq!(fields(unknown), ["name"]);
    let outside = json!({"name": "set_speed", "args": {"percent": 500}});
    assert_eq!(fields(plant.issue(outside).await.problem(422, "invalid")), ["args.percent"]);
    let missing = json!({"name": "set_speed", "expires_in_s": 1, "deadline_s": 31, "purpose": ""});
    let told = fields(plant.issue(missing).await.problem(422, "invalid"));
    assert_eq!(told, ["args", "expires_in_s", "deadline_s", "purpose"]);
    let ticket = json!({"name": "ping", "ticket_id": Uuid::now_v7()});
    assert_eq!(fields(plant.issue(ticket).await.problem(422, "invalid")), ["ticket_id"]);
    let misspelt = json!({"name": "ping", "arguments": {}});
    assert_eq!(fields(plant.issue(misspelt).await.problem(422, "invalid")), ["arguments"]);
    plant.issue(json!({"args": {}})).await.problem(422, "invalid");
}

#[tokio::test]
async fn a_command_sent_twice_is_issued_once() {
    let plant = Plant::start().await;
    let key = [("idempotency-key", "k-1")];
    let (api, path) = (&plant.api, plant.path());
    let body = || Some(json!({"name": "ping"}));
    let first = api.call_with(&plant.admin, "POST", &path, body(), &key).await;
    let again = api.call_with(&plant.admin, "POST", &path, body(), &key).await;
    assert_eq!(again.json(202), first.json(202));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = Some(json!({"name": "restart_agent"}));
    let refused = api.call_with(&plant.admin, "POST", &path, other, &key).await;
    refused.problem(422, "invalid");
    let list = api.call(&plant.admin, "GET", &path, None).await.json(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn states_that_do_not_allow_it_name_what_they_allow() {
    let plant = Plant::start().await;
    let (api, admin) = (&plant.api, &plant.admin);
    let id = plant.issue(json!({"name": "ping"})).await.json(202)["id"].clone();
    let decision = format!("/commands/{}/decision", id.as_str().unwrap());
    let approve = || Some(json!({"approve": true}));
    let other = api.person(Role::Manager).await;
    let refused = api.call(&other, "POST", &decision, approve()).await.problem(409, "conflict");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.ends_with("is queued can't be approved; allowed now: cancel"), "{detail}");
    let canceled = api.call(admin, "POST", &cancel_path(&id), None).await;
    assert_eq!(canceled.json(200)["state"], "canceled");
    assert_eq!(canceled.header("etag"), "\"2\"");
    let refused = api.call(admin, "POST", &cancel_path(&id), None).await.problem(409, "conflict");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.ends_with("allowed now: nothing"), "{detail}");

    let id = plant.issue(json!({"name": "ping"})).await.json(202)["id"].clone();
    plant.report(&id, EventType::CommandStarted).await;
    let asked = api.call(admin, "POST", &cancel_path(&id), None).await.json(200);
    assert_eq!((&asked["state"], &asked["cancel_requested"]), (&json!("running"), &json!(true)));
    plant.report(&id, EventType::CommandCanceled).await;
    let done = plant.get(&id).await;
    assert_eq!((&done["state"], &done["cancel_requested"]), (&json!("canceled"), &json!(false)));

    let path = format!("/machines/{}/decommission", plant.machine);
    api.call(admin, "POST", &path, None).await.json(200);
    plant.issue(json!({"name": "ping"})).await.problem(409, "conflict");
}

#[tokio::test]
async fn a_second_person_must_approve() {
    let plant = Plant::start().await;
    let (api, admin) = (&plant.api, &plant.admin);
    let tx = plant.store().begin().await.unwrap();
    let policy = json!({"commands": {"approval_required": ["motion"], "forbidden": ["software"]}});
    let policy = serde_json::from_value(policy).unwrap();
    policies::put(&tx, api.organization, &policy, 1, api.now()).await.unwrap();
    tx.commit().await.unwrap();
    plant.tell_catalogue().await;

    let refused = plant.issue(json!({"name": "set_speed", "args": {"percent": 50}})).await;
    let id = refused.json(202)["id"].clone();
    assert_eq!(refused.json(202)["state"], "awaiting_approval");
    let decision = format!("/commands/{}/decision", id.as_str().unwrap());
    let own = api.call(admin, "POST", &decision, Some(json!({"approve": true}))).await;
    let detail = own.problem(403, "forbidden")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("another person"), "{detail}");
    let technician = api.person(Role::Technician).await;
    let approve = || Some(json!({"approve": true}));
    api.call(&technician, "POST", &decision, approve()).await.problem(403, "forbidden");
    let manager = api.person(Role::Manager).await;
    let no_reason = Some(json!({"approve": false}));
    let wrong = api.call(&manager, "POST", &decision, no_reason).await.problem(422, "invalid");
    assert_eq!(wrong["errors"][0]["field"], "reason");
    let approved = api.call(&manager, "POST", &decision, approve()).await.json(200);
    assert_eq!(approved["state"], "queued");
    assert_eq!(approved["approved_by"]["kind"], "user");
}

#[tokio::test]
async fn a_forbidden_class_is_refused_with_the_reason() {
    let plant = Plant::start().await;
    let tx = plant.store().begin().await.unwrap();
    let policy = serde_json::from_value(json!({"commands": {"forbidden": ["software"]}})).unwrap();
    policies::put(&tx, plant.api.organization, &policy, 1, plant.api.now()).await.unwrap();
    tx.commit().await.unwrap();
    let refused = plant.issue(json!({"name": "restart_agent"})).await.problem(403, "forbidden");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("forbids commands of class software"), "{detail}");
    plant.issue(json!({"name": "ping"})).await.json(202);
}

#[tokio::test]
async fn another_organizations_commands_do_not_exist() {
    let plant = Plant::start().await;
    let api = &plant.api;
    let stranger = customer(api).await;
    let id = plant.issue(json!({"name": "ping"})).await.json(202)["id"].clone();
    let id = id.as_str().unwrap();
    for (method, path, body) in [
        ("POST", plant.path(), Some(json!({"name": "ping"}))),
        ("GET", plant.path(), None),
        ("GET", format!("/machines/{}/catalogue", plant.machine), None),
        ("GET", format!("/commands/{id}"), None),
        ("POST", format!("/commands/{id}/cancel"), None),
        ("POST", format!("/commands/{id}/decision"), Some(json!({"approve": true}))),
    ] {
        let answer = api.call(&stranger, method, &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let list = format!("/commands?machine_id={}", plant.machine);
    assert_eq!(api.call(&stranger, "GET", &list, None).await.json(200)["items"], json!([]));
}
