//! What this crate's tests share: a real database in a folder of its own.

use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use millwright_test_database::TestDatabase;
use sea_orm::sea_query::{SelectStatement, SqliteQueryBuilder};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, Statement, Value};
use uuid::Uuid;

use crate::entities::{machine, organization, organization_tree};
use crate::{Location, Store};

pub(crate) const NOW: i64 = 1_763_775_000_000_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(NOW)
}

pub(crate) async fn store() -> (Store, TestDatabase) {
    let folder = TestDatabase::new().await;
    let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    (store, folder)
}

/// SQLite, whichever the others are: for what only it has.
pub(crate) async fn sqlite_store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_sqlite(folder.path()).await.unwrap();
    (store, folder)
}

/// An organization, below another or on its own.
pub(crate) async fn organization(store: &Store, parent: Option<OrganizationId>) -> OrganizationId {
    let id = Uuid::now_v7();
    let tx = store.begin().await.unwrap();
    let row = organization::ActiveModel {
        id: Set(id),
        parent_id: Set(parent.map(OrganizationId::uuid)),
        name: Set("Test".to_owned()),
        external_ids: Set("{}".to_owned()),
        version: Set(1),
        created_at: Set(NOW),
        updated_at: Set(NOW),
    };
    organization::Entity::insert(row).exec_without_returning(tx.conn()).await.unwrap();
    for (ancestor, depth) in [(Some(id), 0), (parent.map(OrganizationId::uuid), 1)] {
        let Some(ancestor) = ancestor else { continue };
        let row = organization_tree::ActiveModel {
            ancestor_id: Set(ancestor),
            descendant_id: Set(id),
            depth: Set(depth),
        };
        organization_tree::Entity::insert(row).exec_without_returning(tx.conn()).await.unwrap();
    }
    tx.commit().await.unwrap();
    OrganizationId(id)
}

/// A machine of an organization.
pub(crate) async fn machine(store: &Store, organization: OrganizationId) -> MachineId {
    let id = Uuid::now_v7();
    let row = machine::ActiveModel {
        id: Set(id),
        organization_id: Set(organization.uuid()),
        name: Set("Test".to_owned()),
        serial_number: Set(id.to_string()),
        external_ids: Set("{}".to_owned()),
        state: Set("registered".to_owned()),
        version: Set(1),
        created_at: Set(NOW),
        updated_at: Set(NOW),
        ..Default::default()
    };
    let tx = store.begin().await.unwrap();
    machine::Entity::insert(row).exec_without_returning(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    MachineId(id)
}

/// How the database goes about a query: which indexes it uses.
pub(crate) async fn plan(store: &Store, query: &SelectStatement) -> String {
    let (sql, values) = query.build(SqliteQueryBuilder);
    plan_of(store, &sql, values).await
}

/// The same for a query that was written by hand, as SQLite takes it.
pub(crate) async fn plan_of(
    store: &Store,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> String {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, explain, values);
    let rows = store.readers().query_all_raw(statement).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
    lines.join("\n")
}
