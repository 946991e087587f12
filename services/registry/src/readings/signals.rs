//! A machine's signals with their newest values.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::page::PageRequest;
use millwright_store::telemetry::reads::fleet::{self, MachineValues, Wanted};
use millwright_store::telemetry::reads::signals::{self, SignalState};
use millwright_store::{Scope, Store};
use uuid::Uuid;

use super::parameters::{machine_ids, signal_names};
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

/// Which newest values over a fleet are wanted, as the caller wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetInput {
    /// Names of signals, at least one.
    pub signals: Vec<String>,
    /// Only of machines of this organization and all below it.
    pub organization: Option<OrganizationId>,
    /// Only of these machines; empty: of all.
    pub machines: Vec<MachineId>,
}

/// The newest values of some signals, over the machines that the caller sees. One that is asked
/// for and not seen gives nothing, as one that doesn't exist.
///
/// # Errors
/// Not permitted, no such page, no signal is named, too many signals or machines are, or the
/// database can't.
pub async fn fleet_values(
    store: &Store,
    caller: &Caller,
    input: FleetInput,
    page: &PageQuery,
) -> Result<Page<MachineValues>, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let signals = signal_names(input.signals)?;
    if signals.is_empty() {
        return Err(RegistryError::field("signal", "name at least one signal"));
    }
    let machines = machine_ids(input.machines)?;
    let page = PageRequest::<Uuid>::parse("latest", page)?;
    let scope = Scope::Organization(caller.organization);
    let within = input.organization.map(Scope::Organization);
    let wanted = Wanted { within, machines: &machines, signals: &signals };
    Ok(fleet::latest(store, scope, wanted, &page).await?)
}
