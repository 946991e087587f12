//! What machines and the platform's worker do while people use the API.

use millwright_alarms::{AlarmEvent, Clear, Raise, apply};
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_store::events;
use millwright_store::jobs::{self, JobHandler as _};
use millwright_ticketing::Ticketing;
use serde_json::{Map, Value, json};

use crate::harness::TestApi;

/// A machine with the organization that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Lift {
    pub id: MachineId,
    pub organization: OrganizationId,
}

pub async fn lift(api: &TestApi, token: &str, serial_number: &str) -> Lift {
    let new = json!({"name": "Lift", "serial_number": serial_number});
    let made = api.call(token, "POST", "/machines", Some(new)).await.json(201);
    Lift { id: id(&made).parse().unwrap(), organization: field(&made, "organization_id") }
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn field(object: &Value, name: &str) -> OrganizationId {
    object[name].as_str().unwrap().parse().unwrap()
}

impl Lift {
    /// A fault, as the machine tells it now.
    pub async fn raise(&self, api: &TestApi, code: &str, severity: Severity) {
        self.raise_at(api, code, severity, api.now()).await;
    }

    /// A fault since this time of the machine.
    pub async fn raise_at(&self, api: &TestApi, code: &str, severity: Severity, at: Timestamp) {
        let raise = Raise {
            machine: self.id,
            organization: self.organization,
            origin: AlarmOrigin::Fault,
            source: "axis.x".to_owned(),
            code: code.to_owned(),
            rule: None,
            severity,
            message: format!("fault {code}"),
            context: Map::new(),
            at,
            received_at: api.now(),
        };
        self.apply(api, AlarmEvent::Raise(raise)).await;
    }

    fn lost(&self, at: Timestamp) -> Raise {
        Raise {
            machine: self.id,
            organization: self.organization,
            origin: AlarmOrigin::Contact,
            source: String::new(),
            code: "contact_lost".to_owned(),
            rule: None,
            severity: Severity::Major,
            message: "contact lost".to_owned(),
            context: Map::new(),
            at,
            received_at: at,
        }
    }

    /// Contact with it is lost now.
    pub async fn lose(&self, api: &TestApi) {
        self.apply(api, AlarmEvent::Raise(self.lost(api.now()))).await;
    }

    /// It is back.
    pub async fn find(&self, api: &TestApi) {
        let Raise { machine, organization, origin, source, code, at, received_at, .. } =
            self.lost(api.now());
        let reason = ClearReason::Normal;
        let clear = Clear { machine, organization, origin, source, code, reason, at, received_at };
        self.apply(api, AlarmEvent::Clear(clear)).await;
    }

    pub async fn clear(&self, api: &TestApi, code: &str) {
        let now = api.now();
        let clear = Clear {
            machine: self.id,
            organization: self.organization,
            origin: AlarmOrigin::Fault,
            source: "axis.x".to_owned(),
            code: code.to_owned(),
            reason: ClearReason::Normal,
            at: now,
            received_at: now,
        };
        self.apply(api, AlarmEvent::Clear(clear)).await;
    }

    async fn apply(&self, api: &TestApi, event: AlarmEvent) {
        let mut tx = api.state.store.begin_batch().await.unwrap();
        apply(&mut tx, event).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The machine's alarms, newest first.
    pub async fn alarms(&self, api: &TestApi, token: &str) -> Vec<Value> {
        items(api, token, &format!("/alarms?machine_id={}", self.id)).await
    }

    /// The machine's tickets, newest first.
    pub async fn tickets(&self, api: &TestApi, token: &str) -> Vec<Value> {
        items(api, token, &format!("/tickets?machine_id={}", self.id)).await
    }
}

pub async fn items(api: &TestApi, token: &str, path: &str) -> Vec<Value> {
    let page = api.call(token, "GET", path, None).await.json(200);
    page["items"].as_array().unwrap().clone()
}

/// Does all jobs of tickets that are due.
pub async fn work(api: &TestApi) {
    let clock = api.state.clock.clone();
    let ticketing = Ticketing::new(api.state.store.clone(), move || clock.now());
    let store = &api.state.store;
    loop {
        let now = api.now();
        let job = jobs::take(store, ticketing.kinds(), now, now.plus_seconds(60)).await.unwrap();
        let Some(job) = job else { return };
        ticketing.run(&job).await.unwrap();
        assert!(jobs::complete(store, &job).await.unwrap());
    }
}

/// The names of the domain events of one kind of object, in their order.
pub async fn told(api: &TestApi, token: &str, types: &str) -> Vec<String> {
    // The sequencer does it too; together they leave none without a position.
    while events::assign_positions(&api.state.store).await.unwrap().is_some() {}
    let list = items(api, token, &format!("/events?types={types}&limit=500")).await;
    list.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}
