//! What ingest reads and writes about rules in a batch: the rules when they have changed, which
//! machines they watch, where they stand.

use std::collections::HashMap;
use std::sync::LazyLock;

use millwright_schemas::api::rules::Rule;
use millwright_schemas::{MachineId, OrganizationId, RuleId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryTrait};
use sqlx::Row as _;
use uuid::Uuid;

use super::BatchTx;
use super::multi_row::MultiRow;
use crate::entities::rule::{Column, Entity, Model};
use crate::rules::{REVISION, from_row};
use crate::{Conn, StoreError};

/// Where a rule stands with a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// The machine.
    pub machine: MachineId,
    /// The rule.
    pub rule: RuleId,
    /// The version of the rule whose state it is.
    pub version: i64,
    /// The state, as JSON.
    pub state: String,
}

/// A machine, as far as it matters which rules watch it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchedRow {
    /// Its model.
    pub model: Option<String>,
    /// Its organization and all above it.
    pub organizations: Vec<OrganizationId>,
}

static WATCHED: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT m.id, m.model, t.ancestor_id FROM machines m \
         JOIN organization_tree t ON t.descendant_id = m.organization_id WHERE m.id IN (",
        "?",
        ")",
    )
});
static LOAD: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "SELECT machine_id, rule_id, rule_version, state FROM rule_states WHERE machine_id IN (",
        "?",
        ")",
    )
});
static SAVE: LazyLock<MultiRow> = LazyLock::new(|| {
    MultiRow::new(
        "INSERT INTO rule_states (machine_id, rule_id, rule_version, state) VALUES",
        "(?,?,?,?)",
        "ON CONFLICT (machine_id, rule_id) DO UPDATE SET \
         rule_version = excluded.rule_version, state = excluded.state",
    )
});

/// Counts up with every change of rules, and of what they watch.
///
/// # Errors
/// When the database can't be used.
pub async fn revision(tx: &mut BatchTx) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT revision FROM revisions WHERE name = ?").bind(REVISION);
    Ok(query.fetch_one(tx.conn()).await?)
}

/// All rules that are switched on.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn enabled(tx: &mut BatchTx) -> Result<Vec<Rule>, StoreError> {
    let query = Entity::find()
        .filter(Column::Enabled.eq(true))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id)
        .into_query();
    let rows: Vec<Model> = Conn::from(tx).models(&query).await?;
    rows.into_iter().map(from_row).collect()
}

/// Models and organizations of these machines.
///
/// # Errors
/// When the database can't be used.
pub async fn watched(
    tx: &mut BatchTx,
    machines: &[MachineId],
) -> Result<HashMap<MachineId, WatchedRow>, StoreError> {
    let mut found: HashMap<MachineId, WatchedRow> = HashMap::new();
    for (sql, piece) in WATCHED.pieces(machines) {
        let mut query = sqlx::query(sql);
        for machine in piece {
            query = query.bind(machine.uuid());
        }
        for row in query.fetch_all(tx.conn()).await? {
            let machine = found.entry(MachineId(row.try_get::<Uuid, _>(0)?)).or_default();
            machine.model = row.try_get(1)?;
            machine.organizations.push(OrganizationId(row.try_get::<Uuid, _>(2)?));
        }
    }
    Ok(found)
}

/// Where rules stand with these machines.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<StateRow>, StoreError> {
    let mut rows = Vec::new();
    for (sql, piece) in LOAD.pieces(machines) {
        let mut query = sqlx::query(sql);
        for machine in piece {
            query = query.bind(machine.uuid());
        }
        for row in query.fetch_all(tx.conn()).await? {
            rows.push(StateRow {
                machine: MachineId(row.try_get::<Uuid, _>(0)?),
                rule: RuleId(row.try_get::<Uuid, _>(1)?),
                version: row.try_get(2)?,
                state: row.try_get(3)?,
            });
        }
    }
    Ok(rows)
}

/// Records where rules stand. One row a machine and rule.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[StateRow]) -> Result<(), StoreError> {
    for (sql, piece) in SAVE.pieces(rows) {
        let mut query = sqlx::query(sql);
        for row in piece {
            query = query
                .bind(row.machine.uuid())
                .bind(row.rule.uuid())
                .bind(row.version)
                .bind(row.state.as_str());
        }
        query.execute(tx.conn()).await?;
    }
    Ok(())
}

/// Forgets where a rule stands with a machine that it no longer watches.
///
/// # Errors
/// When the database refuses it.
pub async fn forget(tx: &mut BatchTx, machine: MachineId, rule: RuleId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM rule_states WHERE machine_id = ? AND rule_id = ?")
        .bind(machine.uuid())
        .bind(rule.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
