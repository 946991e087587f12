//! The rules that a machine watches by itself, for those who read about the machine.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::machines::Machine;
use millwright_store::Store;
use millwright_store::rules::on_machines;

use crate::RegistryError;

/// Adds to a machine that the caller sees which rules it watches by itself, if it does and the
/// caller may see rules.
///
/// # Errors
/// When the database can't.
pub async fn tell_rules(
    store: &Store,
    caller: &Caller,
    machine: &mut Machine,
) -> Result<(), RegistryError> {
    if caller.require(Permission::ReadRules).is_ok() {
        machine.rules = on_machines::of(store, machine.id).await?.map(Into::into);
    }
    Ok(())
}
