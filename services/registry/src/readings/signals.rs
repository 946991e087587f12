//! A machine's signals with their newest values.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::fleet::{self, MachineValues};
use millwright_store::telemetry::reads::signals::{self, SignalState};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use super::signal_names;
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

/// The newest values of some signals, over all machines that the caller sees, or those of one
/// organization and all below it.
///
/// # Errors
/// Not permitted, no such page, no signal is named, or the database can't.
pub async fn fleet_values(
    store: &Store,
    caller: &Caller,
    names: Vec<String>,
    organization: Option<OrganizationId>,
    page: &PageQuery,
) -> Result<Page<MachineValues>, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let names = signal_names(names)?;
    if names.is_empty() {
        return Err(RegistryError::field("signal", "name at least one signal"));
    }
    let page = PageRequest::<Uuid>::parse("latest", page)?;
    let scope = Scope::Organization(caller.organization);
    let within = organization.map(Scope::Organization);
    Ok(fleet::latest(store, scope, within, &names, &page).await?)
}
