//! What ingest reads and writes about rules in a batch: the rules when they have changed, which
//! machines they watch, where they stand.

use std::collections::HashMap;
use std::sync::LazyLock;

use millwright_schemas::api::rules::Parameters;
use millwright_schemas::{MachineId, OrganizationId, RuleId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryTrait};

use super::BatchTx;
use crate::engine::{Bulk, Type};
use crate::entities::rule::{Column, Entity, Model};
use crate::rules::{REVISION, Understood};
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
    /// Its limits of its own.
    pub parameters: Parameters,
    /// IANA time zone of its site.
    pub time_zone: Option<String>,
}

static WATCHED: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT m.id, m.model, t.ancestor_id, m.parameters, s.time_zone FROM machines m \
         JOIN organization_tree t ON t.descendant_id = m.organization_id \
         LEFT JOIN sites s ON s.id = m.site_id WHERE m.id IN ({rows})",
        [Type::Id],
    )
});
static LOAD: LazyLock<Bulk<1>> = LazyLock::new(|| {
    Bulk::new(
        "SELECT machine_id, rule_id, rule_version, state FROM rule_states \
         WHERE machine_id IN ({rows})",
        [Type::Id],
    )
});
static SAVE: LazyLock<Bulk<4>> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO rule_states (machine_id, rule_id, rule_version, state) {rows} \
         ON CONFLICT (machine_id, rule_id) DO UPDATE SET \
         rule_version = excluded.rule_version, state = excluded.state",
        [Type::Id, Type::Id, Type::Int, Type::Text],
    )
});

/// Counts up with every change of rules, and of what they watch.
///
/// # Errors
/// When the database can't be used.
pub async fn revision(tx: &mut BatchTx) -> Result<i64, StoreError> {
    let rows = tx
        .conn()
        .fetch("SELECT revision FROM revisions WHERE name = ?", &[REVISION.into()])
        .await?;
    rows.first()
        .map_or_else(|| Err(StoreError::corrupt("revisions", "no such row")), |row| row.get(0))
}

/// All rules that are switched on.
///
/// # Errors
/// When the database can't be used.
pub async fn enabled(tx: &mut BatchTx) -> Result<Understood, StoreError> {
    let query = Entity::find()
        .filter(Column::Enabled.eq(true))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id)
        .into_query();
    let rows: Vec<Model> = Conn::from(tx).models(&query).await?;
    Ok(Understood::of(rows))
}

/// Models, organizations and surroundings of these machines.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn watched(
    tx: &mut BatchTx,
    machines: &[MachineId],
) -> Result<HashMap<MachineId, WatchedRow>, StoreError> {
    let mut found: HashMap<MachineId, WatchedRow> = HashMap::new();
    for row in tx.fetch_rows(&WATCHED, machines, |machine| [machine.uuid().into()]).await? {
        let machine = found.entry(MachineId(row.get(0)?)).or_default();
        machine.model = row.get(1)?;
        machine.organizations.push(OrganizationId(row.get(2)?));
        let parameters: String = row.get(3)?;
        machine.parameters = serde_json::from_str(&parameters)
            .map_err(|error| StoreError::corrupt("machines", error))?;
        machine.time_zone = row.get(4)?;
    }
    Ok(found)
}

/// Where rules stand with these machines.
///
/// # Errors
/// When the database can't be used.
pub async fn load(tx: &mut BatchTx, machines: &[MachineId]) -> Result<Vec<StateRow>, StoreError> {
    let rows = tx.fetch_rows(&LOAD, machines, |machine| [machine.uuid().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(StateRow {
                machine: MachineId(row.get(0)?),
                rule: RuleId(row.get(1)?),
                version: row.get(2)?,
                state: row.get(3)?,
            })
        })
        .collect()
}

/// Records where rules stand. One row a machine and rule.
///
/// # Errors
/// When the database refuses it.
pub async fn save(tx: &mut BatchTx, rows: &[StateRow]) -> Result<(), StoreError> {
    tx.execute_rows(&SAVE, rows, |row| {
        [
            row.machine.uuid().into(),
            row.rule.uuid().into(),
            row.version.into(),
            row.state.as_str().into(),
        ]
    })
    .await?;
    Ok(())
}

/// Forgets where a rule stands with a machine that it no longer watches.
///
/// # Errors
/// When the database refuses it.
pub async fn forget(tx: &mut BatchTx, machine: MachineId, rule: RuleId) -> Result<(), StoreError> {
    let sql = "DELETE FROM rule_states WHERE machine_id = ? AND rule_id = ?";
    tx.conn().execute(sql, &[machine.uuid().into(), rule.uuid().into()]).await?;
    Ok(())
}
