//! A database with a site and its machines.

use millwright_core::access::Actor;
use millwright_core::alarm::{Raise, Silence, open};
use millwright_schemas::api::alarms::AlarmOrigin;
use millwright_schemas::api::machines::{Criticality, Machine, MachineState};
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::sites::Site;
use millwright_schemas::api::tickets::{Ticket, TicketAlarm, TicketStateFilter};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId, SiteId, TicketId, Timestamp};
use millwright_store::jobs::{self, JobError, JobHandler as _};
use millwright_store::machines::{fleet, organizations, sites};
use millwright_store::page::PageRequest;
use millwright_store::tickets::{self, Filter};
use millwright_store::{Location, Scope, Store, alarms};
use millwright_test_database::TestDatabase;
use millwright_ticketing::Ticketing;
use serde_json::Map;
use uuid::Uuid;

/// Seconds after the start of the test's time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

/// When ticketing looks, in seconds: after all that machines tell.
const NOW: i64 = 10_000;

pub struct Plant {
    store: Store,
    organization: OrganizationId,
    pub machines: Vec<MachineId>,
    folder: TestDatabase,
}

impl Plant {
    /// A site with so many machines: "Machine 0", "Machine 1" and so on.
    pub async fn start(count: usize) -> Self {
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
        let site = Site {
            id: SiteId(Uuid::now_v7()),
            organization_id: organization,
            name: "Works".to_owned(),
            time_zone: "Europe/Vienna".to_owned(),
            external_ids: Default::default(),
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        };
        let tx = store.begin().await.unwrap();
        organizations::insert(&tx, &top).await.unwrap();
        sites::insert(&tx, &site).await.unwrap();
        let mut machines = Vec::new();
        for number in 0..count {
            let machine = machine(number, organization, site.id);
            fleet::insert(&tx, &machine).await.unwrap();
            machines.push(machine.id);
        }
        tx.commit().await.unwrap();
        Self { store, organization, machines, folder }
    }

    /// A machine tells a fault.
    pub async fn raise(&self, number: usize, code: &str, seconds: i64) {
        self.raise_as(Severity::Major, number, code, seconds).await;
    }

    /// The same, of another severity.
    pub async fn raise_as(&self, severity: Severity, number: usize, code: &str, seconds: i64) {
        let raise = Raise {
            machine: self.machines[number],
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
        };
        let step = open(None, &raise, Silence::default(), AlarmId(Uuid::now_v7())).unwrap();
        let tx = self.store.begin().await.unwrap();
        assert!(alarms::insert(&tx, &step, None, Actor::Platform).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Changes the tables.
    pub async fn execute(&self, sql: &str) {
        self.folder.peer().await.execute(sql).await;
    }

    /// Does all jobs of tickets that are due.
    pub async fn work(&self) {
        self.try_work().await.unwrap();
    }

    /// The same, until one can't be done.
    pub async fn try_work(&self) -> Result<(), JobError> {
        let now = at(NOW);
        let ticketing = Ticketing::new(self.store.clone(), move || now);
        let until = now.plus_seconds(60);
        while let Some(job) = jobs::take(&self.store, ticketing.kinds(), now, until).await.unwrap()
        {
            ticketing.run(&job).await?;
            assert!(jobs::complete(&self.store, &job).await.unwrap());
        }
        Ok(())
    }

    /// Those that are open, oldest first.
    pub async fn open_tickets(&self) -> Vec<Ticket> {
        let page = PageRequest::parse("tickets", &PageQuery { limit: Some(500), cursor: None });
        let filter = Filter { state: Some(TicketStateFilter::Open), ..Filter::default() };
        let list = tickets::list(&self.store, Scope::Platform, &filter, &page.unwrap()).await;
        list.unwrap().into_iter().rev().map(|record| record.ticket).collect()
    }

    pub async fn alarm_list(&self, ticket: TicketId) -> Vec<TicketAlarm> {
        tickets::alarm_list(&self.store, ticket, 200).await.unwrap()
    }
}

fn machine(number: usize, organization_id: OrganizationId, site: SiteId) -> Machine {
    let id = MachineId(Uuid::now_v7());
    Machine {
        rules: None,
        id,
        name: format!("Machine {number}"),
        serial_number: id.to_string(),
        model: None,
        organization_id,
        site_id: Some(site),
        parent_id: None,
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
    }
}
