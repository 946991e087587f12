//! Since when what rules take from a machine is as it is: its model, its parameters, its time zone.

use millwright_schemas::{MachineId, SiteId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::entities::machine::{ActiveModel, Column, Entity};
use crate::{Store, StoreError, Tx};

/// Whose surroundings change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// This machine's.
    Machine(MachineId),
    /// Those of all machines of a site.
    Site(SiteId),
}

/// Notes that they change now.
///
/// # Errors
/// When the database refuses it.
pub async fn changed(tx: &Tx, of: Of, now: Timestamp) -> Result<(), StoreError> {
    let row = ActiveModel { surroundings_since: Set(Some(now.micros())), ..Default::default() };
    let which = match of {
        Of::Machine(machine) => Column::Id.eq(machine.uuid()),
        Of::Site(site) => Column::SiteId.eq(site.uuid()),
    };
    Entity::update_many().set(row).filter(which).exec(tx.conn()).await?;
    Ok(())
}

/// Since when they are as they are; `None`: since the machine was made. For the platform's own work: not
/// bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn since(store: &Store, machine: MachineId) -> Result<Option<Timestamp>, StoreError> {
    let found: Option<Option<i64>> = Entity::find()
        .select_only()
        .column(Column::SurroundingsSince)
        .filter(Column::Id.eq(machine.uuid()))
        .into_tuple()
        .one(store.readers())
        .await?;
    Ok(found.flatten().map(Timestamp::from_micros))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{machine, now, organization, store};

    #[tokio::test]
    async fn a_change_is_noted_of_one_machine() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let (one, other) = (machine(&store, top).await, machine(&store, top).await);
        assert_eq!(since(&store, one).await.unwrap(), None);
        let tx = store.begin().await.unwrap();
        changed(&tx, Of::Machine(one), now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(since(&store, one).await.unwrap(), Some(now()));
        assert_eq!(since(&store, other).await.unwrap(), None);
    }
}
