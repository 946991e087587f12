//! Finding revisions.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::MachineId;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::revisions::AlarmRevision;
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store, revisions};
use uuid::Uuid;

use crate::AlarmError;

/// What late samples have shown of a machine's alarms, newest first.
///
/// # Errors
/// Not permitted, not found, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    wanted: &PageQuery,
) -> Result<Page<AlarmRevision>, AlarmError> {
    caller.require(Permission::ReadAlarms)?;
    let page = PageRequest::<Uuid>::parse("revisions", wanted)?;
    let scope = Scope::Organization(caller.organization);
    let items = revisions::list(store, scope, machine, &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}
