//! Rules as people write, change and read them.

use millwright_schemas::api::page::Page;
use millwright_schemas::api::rules::Rule;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::REVISION;
use super::row::{Stored, Understood, to_row};
use crate::entities::rule::{ActiveModel, Column, Entity};
use crate::entities::{
    detector_mark, detector_state, machine, organization_tree, revision, rule_state, rule_version,
};
use crate::page::PageRequest;
use crate::{Conn, Scope, Store, StoreError, Tx};

/// Which rules are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those that watch this machine, by itself or by its model.
    pub machine: Option<MachineId>,
    /// Those for this model.
    pub model: Option<String>,
}

impl Filter {
    fn condition(&self, scope: Scope) -> Condition {
        Condition::all()
            .add(Column::DeletedAt.is_null())
            .add_option(self.machine.map(|machine| watching(scope, machine)))
            .add_option(self.model.as_deref().map(|model| Column::Model.eq(model)))
    }
}

/// The condition that a rule is for this machine, which is in scope: by name or by model, and of its
/// organization or one above it.
fn watching(scope: Scope, id: MachineId) -> Condition {
    use organization_tree::Column as Tree;
    let of_machine = |column: machine::Column| {
        let mut query = Query::select();
        let this = Condition::all()
            .add(machine::Column::Id.eq(id.uuid()))
            .add(scope.covers(machine::Column::OrganizationId));
        query.column(column).from(machine::Entity).cond_where(this);
        query
    };
    let organization = of_machine(machine::Column::OrganizationId);
    let above = Query::select()
        .column(Tree::AncestorId)
        .from(organization_tree::Entity)
        .and_where(Expr::col(Tree::DescendantId).in_subquery(organization))
        .to_owned();
    let model = of_machine(machine::Column::Model);
    Condition::all().add(Column::OrganizationId.in_subquery(above)).add(
        Condition::any().add(Column::MachineId.eq(id.uuid())).add(Column::Model.in_subquery(model)),
    )
}

/// The rule with this id.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope, or it was deleted; [`StoreError::Corrupt`] when it
/// isn't understood.
pub async fn get(store: &Store, scope: Scope, id: RuleId) -> Result<Rule, StoreError> {
    find(store.readers(), scope, id).await?.understood()
}

/// The same, within a transaction that goes on to use it.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope, or it was deleted; [`StoreError::Corrupt`] when it
/// isn't understood.
pub async fn load(tx: &Tx, scope: Scope, id: RuleId) -> Result<Rule, StoreError> {
    load_stored(tx, scope, id).await?.understood()
}

/// The same, also when it isn't understood.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope, or it was deleted.
pub async fn load_stored(tx: &Tx, scope: Scope, id: RuleId) -> Result<Stored, StoreError> {
    find(tx.conn(), scope, id).await
}

async fn find(db: &impl ConnectionTrait, scope: Scope, id: RuleId) -> Result<Stored, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::DeletedAt.is_null())
        .one(db)
        .await?;
    row.map(Stored::from).ok_or(StoreError::NotFound("rule"))
}

/// A rule as it was at this version.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such rule in scope, it was deleted, or it never had this
/// version.
pub async fn version(tx: &Tx, scope: Scope, id: RuleId, version: i64) -> Result<Rule, StoreError> {
    load_stored(tx, scope, id).await?;
    let row = rule_version::Entity::find_by_id((id.uuid(), version)).one(tx.conn()).await?;
    let row = row.ok_or(StoreError::NotFound("version of the rule"))?;
    serde_json::from_str(&row.rule).map_err(|error| StoreError::corrupt("rule_versions", error))
}

/// One page of rules, in the order of their creation. Those that aren't understood are left out, so that a
/// page may have fewer than it could while others follow.
///
/// # Errors
/// When the database can't be used.
pub async fn list(
    store: &Store,
    scope: Scope,
    filter: &Filter,
    page: &PageRequest<Uuid>,
) -> Result<Page<Rule>, StoreError> {
    let mut query = Entity::find()
        .filter(scope.covers(Column::OrganizationId))
        .filter(filter.condition(scope))
        .order_by_asc(Column::Id)
        .limit(page.rows());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = page.page(query.all(store.readers()).await?, |row| row.id);
    Ok(Page { items: Understood::of(rows.items).rules, next_cursor: rows.next_cursor })
}

/// How many rules an organization has.
///
/// # Errors
/// When the database can't be used.
pub async fn count(tx: &Tx, organization: OrganizationId) -> Result<u64, StoreError> {
    let of_organization = Entity::find()
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::DeletedAt.is_null());
    Ok(of_organization.count(tx.conn()).await?)
}

/// Adds a rule.
///
/// # Errors
/// When the database refuses it.
pub async fn insert(tx: &Tx, new: &Rule) -> Result<(), StoreError> {
    Entity::insert(to_row(new)?).exec_without_returning(tx.conn()).await?;
    keep_version(tx, new).await?;
    touch(tx).await
}

/// Saves a changed rule; `expected` is the version it had when it was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it has changed meanwhile.
pub async fn save(tx: &Tx, scope: Scope, changed: &Rule, expected: i64) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(to_row(changed)?)
        .filter(Column::Id.eq(changed.id.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::DeletedAt.is_null())
        .filter(Column::Version.eq(expected))
        .exec(tx.conn())
        .await?;
    if done.rows_affected == 0 {
        let current = load_stored(tx, scope, changed.id).await?.version;
        return Err(StoreError::VersionMismatch { current });
    }
    keep_version(tx, changed).await?;
    touch(tx).await
}

/// All that a version was, for alarms that name it.
async fn keep_version(tx: &Tx, rule: &Rule) -> Result<(), StoreError> {
    let text =
        serde_json::to_string(rule).map_err(|error| StoreError::corrupt("rule_versions", error))?;
    let row = rule_version::ActiveModel {
        rule_id: Set(rule.id.uuid()),
        version: Set(rule.version),
        rule: Set(text),
        created_at: Set(rule.updated_at.micros()),
    };
    rule_version::Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Deletes a rule with its states. Its row stays, because alarms name it, but nothing finds it.
///
/// # Errors
/// When the database refuses it.
pub async fn delete(tx: &Tx, rule: RuleId, now: Timestamp) -> Result<(), StoreError> {
    let deleted = ActiveModel {
        deleted_at: Set(Some(now.micros())),
        enabled: Set(false),
        ..Default::default()
    };
    Entity::update_many().set(deleted).filter(Column::Id.eq(rule.uuid())).exec(tx.conn()).await?;
    forget_states(tx, rule).await?;
    forget_learned(tx, rule).await?;
    touch(tx).await
}

/// Switches off a rule that is at this version, with its states: the rule as it is then. `None`:
/// it has changed meanwhile, or is off already.
///
/// # Errors
/// When the database refuses it.
pub async fn disable(
    conn: impl Into<Conn<'_>>,
    rule: &Rule,
    now: Timestamp,
) -> Result<Option<Rule>, StoreError> {
    let mut conn = conn.into();
    let off = Rule { enabled: false, version: rule.version + 1, updated_at: now, ..rule.clone() };
    let update = Query::update()
        .table(Entity)
        .values([
            (Column::Enabled, false.into()),
            (Column::Version, off.version.into()),
            (Column::UpdatedAt, now.micros().into()),
        ])
        .and_where(Column::Id.eq(rule.id.uuid()))
        .and_where(Column::Version.eq(rule.version))
        .and_where(Column::Enabled.eq(true))
        .and_where(Column::DeletedAt.is_null())
        .to_owned();
    if conn.update(&update).await? == 0 {
        return Ok(None);
    }
    let text =
        serde_json::to_string(&off).map_err(|error| StoreError::corrupt("rule_versions", error))?;
    let insert = Query::insert()
        .into_table(rule_version::Entity)
        .columns([
            rule_version::Column::RuleId,
            rule_version::Column::Version,
            rule_version::Column::Rule,
            rule_version::Column::CreatedAt,
        ])
        .values_panic([rule.id.uuid().into(), off.version.into(), text.into(), now.micros().into()])
        .to_owned();
    conn.insert(&insert).await?;
    let forget = Query::delete()
        .from_table(rule_state::Entity)
        .and_where(rule_state::Column::RuleId.eq(rule.id.uuid()))
        .to_owned();
    conn.delete(&forget).await?;
    forget_learned(&mut conn, rule.id).await?;
    let touch = Query::update()
        .table(revision::Entity)
        .value(revision::Column::Revision, Expr::col(revision::Column::Revision).add(1))
        .and_where(revision::Column::Name.eq(REVISION))
        .to_owned();
    conn.update(&touch).await?;
    Ok(Some(off))
}

/// Forgets where a rule stands, with all machines.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_states(tx: &Tx, rule: RuleId) -> Result<(), StoreError> {
    rule_state::Entity::delete_many()
        .filter(rule_state::Column::RuleId.eq(rule.uuid()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Forgets where all rules stand with a machine, what they have learned of it and how far they have judged,
/// in the transaction that takes it out of use.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_machine(tx: &Tx, machine: MachineId) -> Result<(), StoreError> {
    rule_state::Entity::delete_many()
        .filter(rule_state::Column::MachineId.eq(machine.uuid()))
        .exec(tx.conn())
        .await?;
    detector_state::Entity::delete_many()
        .filter(detector_state::Column::MachineId.eq(machine.uuid()))
        .exec(tx.conn())
        .await?;
    detector_mark::Entity::delete_many()
        .filter(detector_mark::Column::MachineId.eq(machine.uuid()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Where a version of a rule stands is where its next one does, with all machines; what is of other
/// versions is forgotten.
///
/// # Errors
/// When the database refuses it.
pub async fn keep_states(tx: &Tx, rule: RuleId, from: i64, to: i64) -> Result<(), StoreError> {
    use detector_mark::Column as Mark;
    use rule_state::Column as State;
    let of_rule = State::RuleId.eq(rule.uuid());
    rule_state::Entity::delete_many()
        .filter(of_rule.clone())
        .filter(State::RuleVersion.ne(from))
        .exec(tx.conn())
        .await?;
    rule_state::Entity::update_many()
        .col_expr(State::RuleVersion, Expr::value(to))
        .filter(of_rule)
        .exec(tx.conn())
        .await?;
    detector_mark::Entity::update_many()
        .col_expr(Mark::RuleVersion, Expr::value(to))
        .filter(Mark::RuleId.eq(rule.uuid()))
        .filter(Mark::RuleVersion.eq(from))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Forgets what a rule has learned, of all machines.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_learned(conn: impl Into<Conn<'_>>, rule: RuleId) -> Result<(), StoreError> {
    let forget = Query::delete()
        .from_table(detector_state::Entity)
        .and_where(detector_state::Column::RuleId.eq(rule.uuid()))
        .to_owned();
    let unmark = Query::delete()
        .from_table(detector_mark::Entity)
        .and_where(detector_mark::Column::RuleId.eq(rule.uuid()))
        .to_owned();
    let mut conn = conn.into();
    conn.delete(&unmark).await?;
    conn.delete(&forget).await.map(drop)
}

/// Where a version of a rule stands with a machine of which nothing was known; `state` as JSON.
///
/// # Errors
/// When the database refuses it.
pub async fn set_state(
    tx: &Tx,
    machine: MachineId,
    (rule, version): (RuleId, i64),
    state: String,
) -> Result<(), StoreError> {
    let row = rule_state::ActiveModel {
        machine_id: Set(machine.uuid()),
        rule_id: Set(rule.uuid()),
        rule_version: Set(version),
        state: Set(state),
    };
    rule_state::Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Tells that the rules have changed, or which machines they watch.
///
/// # Errors
/// When the database refuses it.
pub async fn touch(tx: &Tx) -> Result<(), StoreError> {
    use revision::Column as Revision;
    revision::Entity::update_many()
        .col_expr(Revision::Revision, Expr::col(Revision::Revision).add(1))
        .filter(Revision::Name.eq(REVISION))
        .exec(tx.conn())
        .await?;
    Ok(())
}
