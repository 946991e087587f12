//! What machines sent and couldn't be stored.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::MachineId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::loss::Counters;
use millwright_store::telemetry::reads::quarantine::{self, Quarantined};
use millwright_store::{Scope, Store};

use crate::RegistryError;

/// The quarantine of a machine that the caller sees, newest first, and the machine's counters.
///
/// # Errors
/// Not permitted, no such page, the machine isn't found, or the database can't.
pub async fn quarantine(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    page: &PageQuery,
) -> Result<(Page<Quarantined>, Counters), RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let page = PageRequest::<i64>::parse("quarantine", page)?;
    let scope = Scope::Organization(caller.organization);
    Ok(quarantine::list(store, scope, machine, &page).await?)
}
