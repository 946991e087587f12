//! Finding machines.

use millwright_core::access::{Caller, Permission};
use millwright_core::fields::{self, Fields};
use millwright_schemas::MachineId;
use millwright_schemas::api::machines::{Machine, MachineQuery};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_store::machines::fleet::{self, Filter};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store};
use uuid::Uuid;

use crate::RegistryError;
use crate::limits::{MODEL_MAX, SEARCH_MAX};

/// A machine that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: MachineId) -> Result<Machine, RegistryError> {
    caller.require(Permission::ReadMachines)?;
    Ok(fleet::get(store, Scope::Organization(caller.organization), id).await?)
}

/// The machines that the caller sees and wants, in the order of their registration.
///
/// # Errors
/// Not permitted, no such page, a condition can't be accepted, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: MachineQuery,
    page: &PageQuery,
) -> Result<Page<Machine>, RegistryError> {
    caller.require(Permission::ReadMachines)?;
    let page = PageRequest::<Uuid>::parse("machines", page)?;
    let filter = filter(wanted)?;
    let scope = Scope::Organization(caller.organization);
    let items = fleet::list(store, scope, &filter, &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}

fn filter(wanted: MachineQuery) -> Result<Filter, RegistryError> {
    let mut fields = Fields::default();
    if let Some(text) = &wanted.q {
        fields.text("q", text, SEARCH_MAX);
    }
    if let Some(model) = &wanted.model {
        fields.text("model", model, MODEL_MAX);
    }
    fields.finish()?;
    let external_id = wanted.external_id.as_deref().map(|text| {
        fields::external_id(text).map_err(|message| RegistryError::field("external_id", message))
    });
    Ok(Filter {
        state: wanted.state,
        site: wanted.site_id,
        organization: wanted.organization_id,
        parent: wanted.parent_id,
        model: wanted.model,
        text: wanted.q,
        external_id: external_id.transpose()?,
    })
}
