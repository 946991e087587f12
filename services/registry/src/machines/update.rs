//! Changing a machine.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::Fields;
use millwright_core::machine::OutOfUse;
use millwright_schemas::api::machines::{Machine, MachineState, UpdateMachine};
use millwright_schemas::limits::PARAMETERS_MAX;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::revocations::{self, Disconnect};
use millwright_store::machines::{fleet, surroundings};
use millwright_store::{Scope, Store, Tx, changes, rules};

use super::change::{UNTOLD, change, worded};
use super::placement::{check_parent, check_site};
use crate::RegistryError;
use crate::limits::{MODEL_MAX, NAME_MAX, SERIAL_NUMBER_MAX};

/// Changes a machine that is at this version.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, decommissioned, a field can't be accepted, or the
/// database can't.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: MachineId,
    version: i64,
    input: UpdateMachine,
    now: Timestamp,
) -> Result<Machine, RegistryError> {
    caller.require(Permission::WriteMachines)?;
    check(&input)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = fleet::load(&tx, scope, id).await?;
    if before.state == MachineState::Decommissioned {
        return Err(OutOfUse.into());
    }
    let mut changed = apply(before.clone(), input);
    changed.version = version + 1;
    changed.updated_at = now;
    check_placement(&tx, scope, &before, &changed).await?;
    fleet::save(&tx, scope, &changed, version).await?;
    if before.model != changed.model
        || before.parameters != changed.parameters
        || before.site_id != changed.site_id
    {
        // Other rules watch it from now on, or with other limits or in another time zone.
        rules::touch(&tx).await?;
        surroundings::changed(&tx, surroundings::Of::Machine(id), now).await?;
    }
    cut_former_parent(&tx, caller, &before, &changed, now).await?;
    let mut details = changes::differences(&before, &changed, &UNTOLD)?;
    worded(&mut details);
    changes::record(&tx, change(caller, &changed, "machine.updated", details, now)).await?;
    tx.commit().await?;
    Ok(changed)
}

fn apply(mut machine: Machine, input: UpdateMachine) -> Machine {
    machine.name = input.name.unwrap_or(machine.name);
    machine.serial_number = input.serial_number.unwrap_or(machine.serial_number);
    machine.model = input.model.unwrap_or(machine.model);
    machine.site_id = input.site_id.unwrap_or(machine.site_id);
    machine.parent_id = input.parent_id.unwrap_or(machine.parent_id);
    machine.criticality = input.criticality.unwrap_or(machine.criticality);
    machine.external_ids = input.external_ids.unwrap_or(machine.external_ids);
    machine.parameters = input.parameters.unwrap_or(machine.parameters);
    machine
}

async fn check_placement(
    tx: &Tx,
    scope: Scope,
    before: &Machine,
    changed: &Machine,
) -> Result<(), RegistryError> {
    if let Some(site) = changed.site_id.filter(|_| changed.site_id != before.site_id) {
        check_site(tx, scope, changed.organization_id, site).await?;
    }
    if let Some(parent) = changed.parent_id.filter(|_| changed.parent_id != before.parent_id) {
        check_parent(tx, scope, changed, parent).await?;
    }
    Ok(())
}

/// A live connection of the former parent still speaks for the machine: it is cut, and comes back
/// without it.
async fn cut_former_parent(
    tx: &Tx,
    caller: &Caller,
    before: &Machine,
    changed: &Machine,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let Some(former) = before.parent_id.filter(|_| before.parent_id != changed.parent_id) else {
        return Ok(());
    };
    let cut = Disconnect {
        machine: former,
        credential: None,
        reason: "children changed",
        actor: caller.actor,
    };
    Ok(revocations::disconnect(tx, &cut, now).await?)
}

fn check(input: &UpdateMachine) -> Result<(), RegistryError> {
    let mut fields = Fields::default();
    if let Some(name) = &input.name {
        fields.text("name", name, NAME_MAX);
    }
    if let Some(serial_number) = &input.serial_number {
        fields.text("serial_number", serial_number, SERIAL_NUMBER_MAX);
    }
    if let Some(Some(model)) = &input.model {
        fields.text("model", model, MODEL_MAX);
    }
    if let Some(ids) = &input.external_ids {
        fields.external_ids(ids);
    }
    if let Some(parameters) = input.parameters.as_ref().filter(|it| it.len() > PARAMETERS_MAX) {
        let message = format!("has {} parameters, at most {PARAMETERS_MAX} fit", parameters.len());
        fields.refuse("parameters", message);
    }
    Ok(fields.finish()?)
}
