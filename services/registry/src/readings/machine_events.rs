//! Events that machines have reported.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::telemetry::MachineEventQuery;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::events::{self, EventFilter, ReportedEvent};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use super::parameters::time;
use crate::RegistryError;

/// The wanted events of a machine that the caller sees, newest first.
///
/// # Errors
/// Not permitted, no such page, a condition can't be accepted, the machine isn't found, or the
/// database can't.
pub async fn machine_events(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    wanted: MachineEventQuery,
) -> Result<Page<ReportedEvent>, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let (filter, page) = parse(wanted)?;
    let scope = Scope::Organization(caller.organization);
    Ok(events::list(store, scope, machine, &filter, &page).await?)
}

fn parse(
    wanted: MachineEventQuery,
) -> Result<(EventFilter, PageRequest<(i64, Uuid)>), RegistryError> {
    let MachineEventQuery { event_type, from, to, limit, cursor } = wanted;
    let bound = |field, text: Option<String>, all| {
        text.map_or(Ok(Timestamp::from_micros(all)), |text| time(field, &text))
    };
    let filter = EventFilter {
        event_type,
        from: bound("from", from, i64::MIN)?,
        to: bound("to", to, i64::MAX)?,
    };
    if filter.from >= filter.to {
        let message = format!("{} is not before the end, {}", filter.from, filter.to);
        return Err(RegistryError::field("from", message));
    }
    Ok((filter, PageRequest::parse("machine_events", &PageQuery { limit, cursor })?))
}
