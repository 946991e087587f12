//! The rules that machines watch by themselves: which document each should have, and which it has.
//! For the platform's own work: not bound to a scope.

use millwright_schemas::api::machines::MachineRules;
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::rules::RefusedRule;
use millwright_schemas::{MachineId, OrganizationId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Value,
};
use uuid::Uuid;

use super::REVISION;
use super::row::Understood;
use crate::engine::statement;
use crate::entities::machine_rule::{ActiveModel, Column, Entity, Model};
use crate::entities::{revision, rule};
use crate::telemetry::rule_states::WatchedRow;
use crate::{Store, StoreError, Tx};

const TABLE: &str = "machine_rules";

/// What is known of a machine's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnMachine {
    /// The version that it should have; 0 when none was made yet.
    pub version: i64,
    /// Names the content of that version.
    pub content: Uuid,
    /// Rules that found no place in it.
    pub left_out: i64,
    /// The version that the agent has, as it said last; 0: none.
    pub applied_version: i64,
    /// When the platform had that word.
    pub applied_at: Timestamp,
    /// How many rules watch on the machine.
    pub watching: i64,
    /// Rules of the document that don't.
    pub refused: Vec<RefusedRule>,
}

impl OnMachine {
    /// Of an agent that has just said that it has this version.
    #[must_use]
    pub fn new(applied_version: i64, applied_at: Timestamp) -> Self {
        Self {
            version: 0,
            content: Uuid::nil(),
            left_out: 0,
            applied_version,
            applied_at,
            watching: 0,
            refused: Vec::new(),
        }
    }
}

impl From<OnMachine> for MachineRules {
    fn from(known: OnMachine) -> Self {
        Self {
            wanted_version: known.version,
            applied_version: known.applied_version,
            applied_at: known.applied_at,
            watching: known.watching,
            left_out: known.left_out,
            refused: known.refused,
        }
    }
}

/// What is known of a machine's document; `None`: its agent never said that it can watch.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn of(store: &Store, machine: MachineId) -> Result<Option<OnMachine>, StoreError> {
    find(store.readers(), machine).await
}

/// The same, within a transaction that goes on to change it.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn load(tx: &Tx, machine: MachineId) -> Result<Option<OnMachine>, StoreError> {
    find(tx.conn(), machine).await
}

async fn find(
    db: &impl ConnectionTrait,
    machine: MachineId,
) -> Result<Option<OnMachine>, StoreError> {
    let row: Option<Model> = Entity::find_by_id(machine.uuid()).one(db).await?;
    row.map(|row| {
        Ok(OnMachine {
            version: row.version,
            content: row.content,
            left_out: row.left_out,
            applied_version: row.applied_version,
            applied_at: Timestamp::from_micros(row.applied_at),
            watching: row.watching,
            refused: serde_json::from_str(&row.refused)
                .map_err(|error| StoreError::corrupt(TABLE, error))?,
        })
    })
    .transpose()
}

/// Keeps what is known of a machine's document.
///
/// # Errors
/// When the database refuses it.
pub async fn put(tx: &Tx, machine: MachineId, known: &OnMachine) -> Result<(), StoreError> {
    let refused =
        serde_json::to_string(&known.refused).map_err(|error| StoreError::corrupt(TABLE, error))?;
    let row = ActiveModel {
        machine_id: Set(machine.uuid()),
        version: Set(known.version),
        content: Set(known.content),
        left_out: Set(known.left_out),
        applied_version: Set(known.applied_version),
        applied_at: Set(known.applied_at.micros()),
        watching: Set(known.watching),
        refused: Set(refused),
    };
    let replace = OnConflict::column(Column::MachineId)
        .update_columns([
            Column::Version,
            Column::Content,
            Column::LeftOut,
            Column::AppliedVersion,
            Column::AppliedAt,
            Column::Watching,
            Column::Refused,
        ])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Machines that are connected, themselves or by their parent, and whose agents watch by rules. By
/// their ids, after this one, at most `limit`.
///
/// # Errors
/// When the database can't be used.
pub async fn connected(
    store: &Store,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<MachineId>, StoreError> {
    machines(store, "", after, limit).await
}

/// Those of them that haven't said yet that they have the document that they should have.
///
/// # Errors
/// When the database can't be used.
pub async fn waiting(
    store: &Store,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<MachineId>, StoreError> {
    machines(store, "AND r.applied_version <> r.version", after, limit).await
}

async fn machines(
    store: &Store,
    condition: &str,
    after: Option<MachineId>,
    limit: u64,
) -> Result<Vec<MachineId>, StoreError> {
    let sql = format!(
        "SELECT r.machine_id FROM machine_rules r JOIN machines m ON m.id = r.machine_id \
         WHERE r.machine_id > ?1 {condition} AND m.state <> 'decommissioned' \
           AND EXISTS (SELECT 1 FROM machine_status s \
                       WHERE s.machine_id IN (m.id, m.parent_id) AND s.connected) \
         ORDER BY r.machine_id LIMIT ?2"
    );
    let after = after.map_or(Uuid::nil(), MachineId::uuid);
    let values: [Value; 2] = [after.into(), limit.into()];
    let query = statement(store.readers(), &sql, values);
    let rows = store.readers().query_all_raw(query).await?;
    rows.iter().map(|row| Ok(MachineId(row.try_get_by_index(0)?))).collect()
}

/// Counts up whenever rules have changed, or which machines they watch, or with what limits.
///
/// # Errors
/// When the database can't be used.
pub async fn revision(store: &Store) -> Result<i64, StoreError> {
    let row = revision::Entity::find_by_id(REVISION.to_owned()).one(store.readers()).await?;
    let row = row.ok_or_else(|| StoreError::corrupt("revisions", "no such row"))?;
    Ok(row.revision)
}

/// All rules that are switched on, but those that this program doesn't understand.
///
/// # Errors
/// When the database can't be used.
pub async fn enabled(store: &Store) -> Result<Vec<Rule>, StoreError> {
    let rows = rule::Entity::find()
        .filter(rule::Column::Enabled.eq(true))
        .filter(rule::Column::DeletedAt.is_null())
        .order_by_asc(rule::Column::Id)
        .all(store.readers())
        .await?;
    let Understood { rules, strange } = Understood::of(rows);
    for (rule, error) in strange {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(rule.id = %rule, error, "a stored rule isn't understood");
    }
    Ok(rules)
}

const WATCHED: &str = "
SELECT m.model, t.ancestor_id, m.parameters, s.time_zone FROM machines m
JOIN organization_tree t ON t.descendant_id = m.organization_id
LEFT JOIN sites s ON s.id = m.site_id
WHERE m.id = ?1 AND m.state <> 'decommissioned'";

/// Model, organizations and surroundings of a machine; `None` when it is out of use.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn watched(store: &Store, machine: MachineId) -> Result<Option<WatchedRow>, StoreError> {
    let query = statement(store.readers(), WATCHED, [machine.uuid().into()]);
    let mut found: Option<WatchedRow> = None;
    for row in store.readers().query_all_raw(query).await? {
        let machine = found.get_or_insert_default();
        machine.model = row.try_get_by_index(0)?;
        machine.organizations.push(OrganizationId(row.try_get_by_index(1)?));
        let parameters: String = row.try_get_by_index(2)?;
        machine.parameters = serde_json::from_str(&parameters)
            .map_err(|error| StoreError::corrupt("machines", error))?;
        machine.time_zone = row.try_get_by_index(3)?;
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::wire::events::Severity;
    use sea_orm::sea_query::Expr;

    use super::*;
    use crate::entities::machine_status;
    use crate::testing::{self, now, organization, store};

    async fn connect(store: &Store, machine: MachineId) {
        let row = machine_status::ActiveModel {
            machine_id: Set(machine.uuid()),
            generation: Set(1),
            connected: Set(true),
            ..Default::default()
        };
        let tx = store.begin().await.unwrap();
        machine_status::Entity::insert(row).exec_without_returning(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn who_has_the_wanted_version_no_longer_waits() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let (here, away) =
            (testing::machine(&store, top).await, testing::machine(&store, top).await);
        connect(&store, here).await;
        let refused = vec![RefusedRule::new(Uuid::now_v7().into(), ["too new".to_owned()])];
        let mut known = OnMachine { version: 2, refused, ..OnMachine::new(1, now()) };
        let tx = store.begin().await.unwrap();
        put(&tx, here, &known).await.unwrap();
        put(&tx, away, &known).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(of(&store, here).await.unwrap(), Some(known.clone()));
        assert_eq!(connected(&store, None, 10).await.unwrap(), [here]);
        assert_eq!(waiting(&store, None, 10).await.unwrap(), [here]);
        assert_eq!(waiting(&store, Some(here), 10).await.unwrap(), []);
        known.applied_version = 2;
        let tx = store.begin().await.unwrap();
        put(&tx, here, &known).await.unwrap();
        assert_eq!(load(&tx, here).await.unwrap(), Some(known));
        tx.commit().await.unwrap();
        assert_eq!(waiting(&store, None, 10).await.unwrap(), []);
        assert_eq!(connected(&store, None, 10).await.unwrap(), [here]);
    }

    #[tokio::test]
    async fn a_rule_that_is_not_understood_keeps_no_other_from_being_watched() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = testing::machine(&store, top).await;
        let condition = serde_json::json!({"kind": "threshold", "signal": "t", "above": 1});
        let made = |n: u128| Rule {
            id: Uuid::from_u128(n).into(),
            organization_id: top,
            name: "r".to_owned(),
            machine_id: Some(machine),
            model: None,
            condition: serde_json::from_value(condition.clone()).unwrap(),
            severity: Severity::Major,
            message: None,
            enabled: true,
            version: 1,
            created_at: now(),
            updated_at: now(),
        };
        let tx = store.begin().await.unwrap();
        for n in [1, 2] {
            crate::rules::insert(&tx, &made(n)).await.unwrap();
        }
        rule::Entity::update_many()
            .col_expr(rule::Column::Condition, Expr::val(r#"{"kind":"of_tomorrow"}"#))
            .filter(rule::Column::Id.eq(Uuid::from_u128(1)))
            .exec(tx.conn())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(enabled(&store).await.unwrap(), [made(2)]);
    }

    #[tokio::test]
    async fn a_machine_is_watched_by_the_rules_of_all_above_it() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let below = organization(&store, Some(top)).await;
        let machine = testing::machine(&store, below).await;
        let mut watched = watched(&store, machine).await.unwrap().unwrap();
        watched.organizations.sort();
        let mut both = vec![top, below];
        both.sort();
        assert_eq!((watched.organizations, watched.time_zone), (both, None));
        let nobody = MachineId(Uuid::now_v7());
        assert_eq!(super::watched(&store, nobody).await.unwrap(), None);
        assert_eq!(revision(&store).await.unwrap(), 0);
        assert_eq!(enabled(&store).await.unwrap(), []);
    }
}
