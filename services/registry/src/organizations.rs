//! Organizations: get, list, create below one's own, update.

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::Subject;
use millwright_core::fields::Fields;
use millwright_schemas::api::organizations::{
    CreateOrganization, Organization, UpdateOrganization,
};
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::{OrganizationId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::organizations as rows;
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store};
use uuid::Uuid;

use crate::RegistryError;
use crate::limits::NAME_MAX;

/// Fields that say nothing about what was changed.
const UNTOLD: [&str; 2] = ["version", "updated_at"];

/// An organization that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(
    store: &Store,
    caller: &Caller,
    id: OrganizationId,
) -> Result<Organization, RegistryError> {
    caller.require(Permission::ReadOrganizations)?;
    Ok(rows::get(store, Scope::Organization(caller.organization), id).await?)
}

/// The caller's organization and all below it, in the order of their creation.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    page: &PageQuery,
) -> Result<Page<Organization>, RegistryError> {
    caller.require(Permission::ReadOrganizations)?;
    let page = PageRequest::<Uuid>::parse("organizations", page)?;
    let items = rows::list(store, Scope::Organization(caller.organization), &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}

/// Creates an organization below the caller's, or below one that is.
///
/// # Errors
/// Not permitted, a field can't be accepted, or the database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: CreateOrganization,
    now: Timestamp,
) -> Result<Organization, RegistryError> {
    caller.require(Permission::WriteOrganizations)?;
    check(Some(&input.name), Some(&input.external_ids))?;
    let tx = store.begin().await?;
    let parent = input.parent_id.unwrap_or(caller.organization);
    rows::load(&tx, Scope::Organization(caller.organization), parent).await?;
    let created = Organization {
        id: OrganizationId(Uuid::now_v7()),
        parent_id: Some(parent),
        name: input.name,
        external_ids: input.external_ids,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    rows::insert(&tx, &created).await?;
    let details = changes::fields(&created, &UNTOLD)?;
    changes::record(&tx, change(caller, &created, "organization.created", details, now)).await?;
    tx.commit().await?;
    Ok(created)
}

/// Changes an organization that is at this version.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, a field can't be accepted, or the database can't.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: OrganizationId,
    version: i64,
    input: UpdateOrganization,
    now: Timestamp,
) -> Result<Organization, RegistryError> {
    caller.require(Permission::WriteOrganizations)?;
    check(input.name.as_deref(), input.external_ids.as_ref())?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = rows::load(&tx, scope, id).await?;
    let mut changed = before.clone();
    changed.name = input.name.unwrap_or(changed.name);
    changed.external_ids = input.external_ids.unwrap_or(changed.external_ids);
    changed.version = version + 1;
    changed.updated_at = now;
    rows::save(&tx, scope, &changed, version).await?;
    let details = changes::differences(&before, &changed, &UNTOLD)?;
    changes::record(&tx, change(caller, &changed, "organization.updated", details, now)).await?;
    tx.commit().await?;
    Ok(changed)
}

fn check(
    name: Option<&str>,
    external_ids: Option<&std::collections::BTreeMap<String, String>>,
) -> Result<(), RegistryError> {
    let mut fields = Fields::default();
    if let Some(name) = name {
        fields.text("name", name, NAME_MAX);
    }
    if let Some(ids) = external_ids {
        fields.external_ids(ids);
    }
    Ok(fields.finish()?)
}

fn change(
    caller: &Caller,
    item: &Organization,
    action: &'static str,
    details: serde_json::Map<String, serde_json::Value>,
    at: Timestamp,
) -> Change {
    Change {
        organization: item.id,
        actor: caller.actor,
        action,
        subject: Subject::new("organization", item.id),
        version: Some(item.version),
        details,
        at,
    }
}
