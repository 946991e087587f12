//! A machine's signals with their newest values.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::MachineId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::signals::{self, SignalState};
use millwright_store::{Scope, Store};

use crate::RegistryError;

/// The signals of a machine that the caller sees, by name.
///
/// # Errors
/// Not permitted, no such page, the machine isn't found, or the database can't.
pub async fn signals(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    page: &PageQuery,
) -> Result<Page<SignalState>, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let page = PageRequest::<String>::parse("signals", page)?;
    let scope = Scope::Organization(caller.organization);
    Ok(signals::list(store, scope, machine, &page).await?)
}
