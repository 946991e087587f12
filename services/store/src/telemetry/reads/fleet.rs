//! Newest values of many machines.

use std::collections::HashMap;

use millwright_schemas::MachineId;
use millwright_schemas::api::page::Page;
use millwright_schemas::limits::AHEAD_TOLERANCE_US;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::signals::{NEWEST, NEWEST_OF, SignalState, from_row};
use crate::engine::Cell;
use crate::entities::machine::{Column, Entity};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// A machine with the newest values of some signals.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineValues {
    /// The machine.
    pub machine: MachineId,
    /// Those of the signals that it has, by name.
    pub signals: Vec<SignalState>,
}

/// Which newest values are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Only of machines in here too.
    pub within: Option<Scope>,
    /// Only of these machines; empty: of all.
    pub machines: &'a [MachineId],
    /// Of these signals.
    pub signals: &'a [String],
}

/// One page of machines that aren't decommissioned, in the order of their registration, with the
/// newest values that are wanted. A machine outside the scope isn't in it, whoever names it.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn latest(
    store: &Store,
    scope: Scope,
    wanted: Wanted<'_>,
    page: &PageRequest<Uuid>,
) -> Result<Page<MachineValues>, StoreError> {
    let mut query = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::State.ne("decommissioned"))
        .order_by_asc(Column::Id)
        .limit(page.rows());
    if let Some(within) = wanted.within {
        query = query.filter(within.covers(Column::OrganizationId));
    }
    if !wanted.machines.is_empty() {
        query = query.filter(Column::Id.is_in(wanted.machines.iter().map(|id| id.uuid())));
    }
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    let ids: Vec<Uuid> = query.into_tuple().all(store.readers()).await?;
    let page = page.page(ids, |id| *id);
    let mut found = values(store, &page.items, wanted.signals).await?;
    let items = page
        .items
        .into_iter()
        .map(|id| MachineValues {
            machine: MachineId(id),
            signals: found.remove(&id).unwrap_or_default(),
        })
        .collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

async fn values(
    store: &Store,
    machines: &[Uuid],
    signals: &[String],
) -> Result<HashMap<Uuid, Vec<SignalState>>, StoreError> {
    let mut found: HashMap<Uuid, Vec<SignalState>> = HashMap::new();
    if machines.is_empty() || signals.is_empty() {
        return Ok(found);
    }
    let places = |count: usize| vec!["?"; count].join(",");
    let sql = format!(
        "SELECT s.signal, s.unit, s.kind, {NEWEST}, s.machine_id FROM series s {NEWEST_OF} \
         WHERE s.machine_id IN ({}) AND s.signal IN ({}) ORDER BY s.machine_id, s.signal",
        places(machines.len()),
        places(signals.len()),
    );
    let mut cells: Vec<Cell<'_>> = vec![AHEAD_TOLERANCE_US.into()];
    cells.extend(machines.iter().map(|id| Cell::from(*id)));
    cells.extend(signals.iter().map(|signal| Cell::from(signal.as_str())));
    for row in store.reader_pool().fetch(&sql, &cells).await? {
        found.entry(row.get(8)?).or_default().push(from_row(&row)?);
    }
    Ok(found)
}
