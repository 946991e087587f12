//! A database with an organization and a machine.

use millwright_alarms::{AlarmEvent, Clear, Raise, Snapshot, apply};
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin, ClearReason};
use millwright_schemas::api::machines::{Criticality, Machine, MachineState};
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::wire::events::{FaultRaised, Severity};
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_store::alarms::{self, Filter};
use millwright_store::page::PageRequest;
use millwright_store::{Location, Scope, Store, events, jobs, machines};
use millwright_test_database::{Peer, TestDatabase};
use serde_json::Map;
use uuid::Uuid;

/// Seconds after the start of the test's time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

/// When the platform has clears and snapshots, in seconds: after all that machines tell.
const RECEIVED: i64 = 10_000;

pub struct Plant {
    pub store: Store,
    pub organization: OrganizationId,
    pub machine: MachineId,
    folder: TestDatabase,
}

impl Plant {
    pub async fn start() -> Self {
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let organization = OrganizationId(Uuid::now_v7());
        let top = Organization {
            id: organization,
            parent_id: None,
            name: "Top".to_owned(),
            external_ids: Default::default(),
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        };
        let tx = store.begin().await.unwrap();
        machines::organizations::insert(&tx, &top).await.unwrap();
        tx.commit().await.unwrap();
        let mut plant = Self { store, organization, machine: MachineId(Uuid::nil()), folder };
        plant.machine = plant.add(None).await;
        plant
    }

    /// Another connection to the database.
    pub async fn peer(&self) -> Peer {
        self.folder.peer().await
    }

    /// Another machine, perhaps connected by this one.
    pub async fn add(&self, parent_id: Option<MachineId>) -> MachineId {
        let id = MachineId(Uuid::now_v7());
        let machine = Machine {
            id,
            name: "Lift".to_owned(),
            serial_number: id.to_string(),
            model: None,
            organization_id: self.organization,
            site_id: None,
            parent_id,
            external_ids: Default::default(),
            criticality: Criticality::Normal,
            parameters: Default::default(),
            state: MachineState::Registered,
            maintenance_until: None,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
            commissioned_at: None,
            decommissioned_at: None,
            connection: Default::default(),
            alarms: None,
            rules: None,
        };
        let tx = self.store.begin().await.unwrap();
        machines::fleet::insert(&tx, &machine).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub fn fault(&self, code: &str, severity: Severity, seconds: i64) -> Raise {
        Raise {
            machine: self.machine,
            organization: self.organization,
            origin: AlarmOrigin::Fault,
            source: String::new(),
            code: code.to_owned(),
            rule: None,
            severity,
            message: format!("fault {code}"),
            context: Map::new(),
            at: at(seconds),
            received_at: at(seconds),
        }
    }

    pub fn contact(&self, machine: MachineId, seconds: i64) -> Raise {
        let code = "contact_lost".to_owned();
        let lost = self.fault("", Severity::Major, seconds);
        Raise { machine, origin: AlarmOrigin::Contact, code, ..lost }
    }

    pub async fn raise(&self, raise: Raise) {
        self.apply(AlarmEvent::Raise(raise)).await;
    }

    /// Clears what was raised so.
    pub async fn clear(&self, raised: Raise, seconds: i64) {
        let clear = Clear {
            machine: raised.machine,
            organization: raised.organization,
            origin: raised.origin,
            source: raised.source,
            code: raised.code,
            reason: ClearReason::Normal,
            at: at(seconds),
            received_at: at(RECEIVED),
        };
        self.apply(AlarmEvent::Clear(clear)).await;
    }

    pub async fn snapshot(&self, faults: Vec<FaultRaised>, seconds: i64) {
        let snapshot = Snapshot {
            machine: self.machine,
            organization: self.organization,
            faults,
            at: at(seconds),
            received_at: at(RECEIVED),
        };
        self.apply(AlarmEvent::Snapshot(snapshot)).await;
    }

    async fn apply(&self, event: AlarmEvent) {
        let mut tx = self.store.begin_batch().await.unwrap();
        apply(&mut tx, event).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// All alarms of a machine, oldest first.
    pub async fn alarms(&self, machine: MachineId) -> Vec<Alarm> {
        let page = PageRequest::parse("alarms", &PageQuery { limit: Some(500), cursor: None });
        let filter = Filter { machine: Some(machine), ..Filter::default() };
        let list = alarms::list(&self.store, Scope::Platform, &filter, &page.unwrap()).await;
        list.unwrap().into_iter().rev().collect()
    }

    /// The only alarm of the machine.
    pub async fn alarm(&self) -> Alarm {
        let mut all = self.alarms(self.machine).await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.pop().unwrap()
    }

    /// What was told about alarms, in its order.
    pub async fn told(&self) -> Vec<String> {
        while events::assign_positions(&self.store).await.unwrap().is_some() {}
        let types = ["alarm.*".to_owned()];
        let all = events::after(&self.store, Scope::Platform, 0, &types, 10_000).await.unwrap();
        all.into_iter().map(|event| event.event_type).collect()
    }

    /// How many times tickets must look at alarms; forgets them.
    pub async fn ticket_jobs(&self) -> usize {
        let mut count = 0;
        let now = at(1_000_000);
        while let Some(job) = jobs::take(&self.store, &["alarm.changed"], now, now).await.unwrap() {
            jobs::complete(&self.store, &job).await.unwrap();
            count += 1;
        }
        count
    }
}
