//! From when on a machine's samples are learned.

use millwright_schemas::{MachineId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryTrait};

use crate::entities::detector_state;
use crate::entities::machine::{ActiveModel, Column, Entity};
use crate::{Conn, StoreError};

/// What rules have learned of a machine is forgotten; they learn anew from its samples since then.
///
/// # Errors
/// When the database refuses it.
pub async fn begin_anew(
    conn: impl Into<Conn<'_>>,
    machine: MachineId,
    since: Timestamp,
) -> Result<(), StoreError> {
    let mut conn = conn.into();
    let row = ActiveModel { learned_since: Set(Some(since.micros())), ..Default::default() };
    let update = Entity::update_many().set(row).filter(Column::Id.eq(machine.uuid()));
    conn.update(&update.into_query()).await?;
    let forget = detector_state::Entity::delete_many()
        .filter(detector_state::Column::MachineId.eq(machine.uuid()));
    conn.delete(&forget.into_query()).await?;
    Ok(())
}
