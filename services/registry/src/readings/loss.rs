//! What of a machine's messages is missing, doubled or refused.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::MachineId;
use millwright_store::telemetry::reads::loss::{self, Loss};
use millwright_store::{Scope, Store};

use crate::RegistryError;

/// How completely the messages of a machine that the caller sees have arrived.
///
/// # Errors
/// Not permitted, the machine isn't found, or the database can't.
pub async fn loss(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
) -> Result<Loss, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    Ok(loss::read(store, Scope::Organization(caller.organization), machine).await?)
}
