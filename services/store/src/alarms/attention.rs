//! How many alarms of machines want attention.

use std::collections::HashMap;

use millwright_core::alarm::rank;
use millwright_schemas::api::machines::MachineAlarms;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use crate::entities::alarm::{Column, Entity};
use crate::{Store, StoreError};

/// The alarms of these machines that are annunciated at this time, counted; a machine without any
/// isn't in it. For machines that the caller sees: not bound to a scope.
///
/// # Errors
/// When the database can't be used.
pub async fn wanting_attention(
    store: &Store,
    machines: &[MachineId],
    now: Timestamp,
) -> Result<HashMap<MachineId, MachineAlarms>, StoreError> {
    let mut found: HashMap<MachineId, MachineAlarms> = HashMap::new();
    if machines.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(Uuid, String, i64, i64)> =
        query(machines, now).into_tuple().all(store.readers()).await?;
    for (machine, severity, active, acknowledged) in rows {
        let severity = Severity::from_word(&severity);
        let all = found.entry(MachineId(machine)).or_default();
        all.active = all.active.saturating_add(count(active));
        all.unacknowledged = all.unacknowledged.saturating_add(count(active - acknowledged));
        all.worst = all.worst.into_iter().chain([severity]).max_by_key(|one| rank(*one));
    }
    Ok(found)
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The same condition as `millwright_core::alarm::is_annunciated`.
fn query(machines: &[MachineId], now: Timestamp) -> Select<Entity> {
    let shelved_no_longer = Condition::any()
        .add(Column::ShelvedUntil.is_null())
        .add(Column::ShelvedUntil.lte(now.micros()));
    Entity::find()
        .select_only()
        .column(Column::MachineId)
        .column(Column::Severity)
        .column_as(Column::Id.count(), "active")
        .column_as(Column::AcknowledgedAt.count(), "acknowledged")
        .filter(Column::MachineId.is_in(machines.iter().map(|machine| machine.uuid())))
        // As a literal, so that the partial index is used.
        .filter(Expr::cust("active"))
        .filter(Column::SuppressedBy.is_null())
        .filter(Column::OutOfService.eq(false))
        .filter(shelved_no_longer)
        .group_by(Column::MachineId)
        .group_by(Column::Severity)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::testing::{now, plan, sqlite_store};

    #[tokio::test]
    async fn only_active_alarms_are_read() {
        let (store, _folder) = sqlite_store().await;
        let machines = [MachineId(Uuid::now_v7()), MachineId(Uuid::now_v7())];
        let plan = plan(&store, &query(&machines, now()).into_query()).await;
        assert!(plan.contains("USING INDEX alarms_counted "), "{plan}");
        assert!(wanting_attention(&store, &machines, now()).await.unwrap().is_empty());
        assert!(wanting_attention(&store, &[], now()).await.unwrap().is_empty());
    }
}
