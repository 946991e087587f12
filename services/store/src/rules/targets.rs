//! What a rule may watch: signals that there are.

use millwright_schemas::api::machines::MachineState;
use millwright_schemas::{MachineId, OrganizationId, SignalKind};
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entities::{machine, series};
use crate::telemetry::series::kind_from;
use crate::{Scope, StoreError, Tx};

/// Which machines a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// This one.
    Machine(MachineId),
    /// All of this model, of this organization and below it.
    Model(&'a str, OrganizationId),
}

impl Target<'_> {
    fn machines(self) -> Condition {
        match self {
            Self::Machine(id) => Condition::all().add(machine::Column::Id.eq(id.uuid())),
            Self::Model(model, organization) => Condition::all()
                .add(machine::Column::Model.eq(model))
                .add(Scope::Organization(organization).covers(machine::Column::OrganizationId)),
        }
    }
}

/// Whether there is a machine of this model, of this organization or below it.
///
/// # Errors
/// When the database can't be used.
pub async fn is_model_used(
    tx: &Tx,
    model: &str,
    organization: OrganizationId,
) -> Result<bool, StoreError> {
    let of_model = machine::Entity::find().filter(Target::Model(model, organization).machines());
    Ok(of_model.count(tx.conn()).await? > 0)
}

/// The machines in use that the target has, in the order of their registration: the first `limit` of
/// them, and how many there are.
///
/// # Errors
/// When the database can't be used.
pub async fn machines(
    tx: &Tx,
    target: Target<'_>,
    limit: u64,
) -> Result<(Vec<MachineId>, u64), StoreError> {
    let in_use = machine::Column::State.ne(MachineState::Decommissioned.as_str());
    let query = || machine::Entity::find().filter(target.machines()).filter(in_use.clone());
    let ids: Vec<Uuid> = query()
        .select_only()
        .column(machine::Column::Id)
        .order_by_asc(machine::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let count = query().count(tx.conn()).await?;
    Ok((ids.into_iter().map(MachineId).collect(), count))
}

/// The kinds that a signal has among the target's machines, each once: empty when none has it,
/// `None` where it only ever was null.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn signal_kinds(
    tx: &Tx,
    target: Target<'_>,
    signal: &str,
) -> Result<Vec<Option<SignalKind>>, StoreError> {
    let mut machines = Query::select();
    machines.column(machine::Column::Id).from(machine::Entity).cond_where(target.machines());
    let words: Vec<Option<String>> = series::Entity::find()
        .select_only()
        .column(series::Column::Kind)
        .distinct()
        .filter(series::Column::MachineId.in_subquery(machines))
        .filter(series::Column::Signal.eq(signal))
        .into_tuple()
        .all(tx.conn())
        .await?;
    words.into_iter().map(|word| kind_from(word.as_deref())).collect()
}

/// The units that a signal has among the target's machines, each once; those without one are left
/// out.
///
/// # Errors
/// When the database can't be used.
pub async fn signal_units(
    tx: &Tx,
    target: Target<'_>,
    signal: &str,
) -> Result<Vec<String>, StoreError> {
    let mut machines = Query::select();
    machines.column(machine::Column::Id).from(machine::Entity).cond_where(target.machines());
    let units: Vec<Option<String>> = series::Entity::find()
        .select_only()
        .column(series::Column::Unit)
        .distinct()
        .filter(series::Column::MachineId.in_subquery(machines))
        .filter(series::Column::Signal.eq(signal))
        .order_by_asc(series::Column::Unit)
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(units.into_iter().flatten().collect())
}
