//! The one check that a machine is within the caller's scope.

use millwright_schemas::MachineId;
use sea_orm::{EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::entities::machine::{Column, Entity};
use crate::{Scope, Store, StoreError};

pub(super) async fn require_machine(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<(), StoreError> {
    let found: Option<Uuid> = Entity::find_by_id(machine.uuid())
        .filter(scope.covers(Column::OrganizationId))
        .select_only()
        .column(Column::Id)
        .into_tuple()
        .one(store.readers())
        .await?;
    found.map(|_| ()).ok_or(StoreError::NotFound("machine"))
}
