//! A database with an organization at the top and two customers below it.

use millwright_core::access::{Actor, Caller, Role};
use millwright_registry::{RegistryError, machines, organizations};
use millwright_schemas::api::machines::{CreateMachine, Machine};
use millwright_schemas::api::organizations::{CreateOrganization, Organization};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use millwright_store::{Location, Store, StoreError};
use millwright_test_database::TestDatabase;
use uuid::Uuid;

pub fn now() -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000)
}

pub struct Registry {
    pub store: Store,
    pub root: Caller,
    /// Administrator of a customer.
    pub customer: Caller,
    /// Administrator of another one.
    pub stranger: Caller,
    _folder: TestDatabase,
}

impl Registry {
    pub async fn start() -> Self {
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let top = Organization {
            id: OrganizationId(Uuid::now_v7()),
            parent_id: None,
            name: "Top".to_owned(),
            external_ids: Default::default(),
            version: 1,
            created_at: now(),
            updated_at: now(),
        };
        let tx = store.begin().await.unwrap();
        millwright_store::machines::organizations::insert(&tx, &top).await.unwrap();
        tx.commit().await.unwrap();
        let root = caller(top.id, Role::Admin);
        let customer = caller(below(&store, &root, "Customer").await, Role::Admin);
        let stranger = caller(below(&store, &root, "Stranger").await, Role::Admin);
        Self { store, root, customer, stranger, _folder: folder }
    }

    pub async fn machine(&self, caller: &Caller, serial_number: &str) -> Machine {
        machines::create(&self.store, caller, new(serial_number), now()).await.unwrap()
    }
}

pub async fn below(store: &Store, caller: &Caller, name: &str) -> OrganizationId {
    let new = CreateOrganization {
        name: name.to_owned(),
        parent_id: None,
        external_ids: Default::default(),
    };
    organizations::create(store, caller, new, now()).await.unwrap().id
}

pub fn caller(organization: OrganizationId, role: Role) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::now_v7())),
        organization,
        permissions: role.permissions(),
    }
}

pub fn new(serial_number: &str) -> CreateMachine {
    CreateMachine {
        name: format!("Lift {serial_number}"),
        serial_number: serial_number.to_owned(),
        model: None,
        site_id: None,
        organization_id: None,
        parent_id: None,
        external_ids: Default::default(),
        criticality: None,
    }
}

pub fn all() -> PageQuery {
    PageQuery::default()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
pub fn not_found<T: std::fmt::Debug>(result: Result<T, RegistryError>) {
    assert!(matches!(result, Err(RegistryError::Store(StoreError::NotFound(_)))), "{result:?}");
}

/// The only field at fault, and what is said about it.
#[track_caller]
pub fn fault<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> (String, String) {
    let Err(RegistryError::Invalid(mut problems)) = result else { panic!("{result:?}") };
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    (problem.field, problem.message)
}
