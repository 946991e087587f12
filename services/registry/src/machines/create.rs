//! Registering a machine.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::Fields;
use millwright_schemas::api::machines::{
    CreateMachine, Criticality, Machine, MachineConnection, MachineState,
};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::{fleet, organizations};
use millwright_store::{Scope, Store, changes};
use uuid::Uuid;

use super::change::{UNTOLD, change};
use super::placement::{check_parent, check_site};
use crate::RegistryError;
use crate::limits::{MODEL_MAX, NAME_MAX, SERIAL_NUMBER_MAX};

/// Registers a machine.
///
/// # Errors
/// Not permitted, a field can't be accepted, the serial number exists, or the database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: CreateMachine,
    now: Timestamp,
) -> Result<Machine, RegistryError> {
    caller.require(Permission::WriteMachines)?;
    check(&input)?;
    let scope = Scope::Organization(caller.organization);
    let organization = input.organization_id.unwrap_or(caller.organization);
    let machine = Machine {
        id: MachineId(Uuid::now_v7()),
        name: input.name,
        serial_number: input.serial_number,
        model: input.model,
        organization_id: organization,
        site_id: input.site_id,
        parent_id: input.parent_id,
        external_ids: input.external_ids,
        criticality: input.criticality.unwrap_or(Criticality::Normal),
        parameters: Default::default(),
        state: MachineState::Registered,
        maintenance_until: None,
        version: 1,
        created_at: now,
        updated_at: now,
        commissioned_at: None,
        decommissioned_at: None,
        connection: MachineConnection::default(),
        alarms: None,
        rules: None,
    };
    let tx = store.begin().await?;
    organizations::load(&tx, scope, organization).await?;
    if let Some(site) = machine.site_id {
        check_site(&tx, scope, organization, site).await?;
    }
    if let Some(parent) = machine.parent_id {
        check_parent(&tx, scope, &machine, parent).await?;
    }
    fleet::insert(&tx, &machine).await?;
    let details = changes::fields(&machine, &UNTOLD)?;
    changes::record(&tx, change(caller, &machine, "machine.created", details, now)).await?;
    tx.commit().await?;
    Ok(machine)
}

fn check(input: &CreateMachine) -> Result<(), RegistryError> {
    let mut fields = Fields::default();
    fields.text("name", &input.name, NAME_MAX);
    fields.text("serial_number", &input.serial_number, SERIAL_NUMBER_MAX);
    if let Some(model) = &input.model {
        fields.text("model", model, MODEL_MAX);
    }
    fields.external_ids(&input.external_ids);
    Ok(fields.finish()?)
}
