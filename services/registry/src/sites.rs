//! Sites: get, list, create, update.

use std::collections::BTreeMap;

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::Subject;
use millwright_core::fields::Fields;
use millwright_schemas::api::page::{Page, PageQuery};
use millwright_schemas::api::sites::{CreateSite, Site, UpdateSite};
use millwright_schemas::{SiteId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{organizations, sites as rows, surroundings};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store, rules};
use uuid::Uuid;

use crate::RegistryError;
use crate::fields::check_time_zone;
use crate::limits::NAME_MAX;

/// Fields that say nothing about what was changed.
const UNTOLD: [&str; 2] = ["version", "updated_at"];

/// A site that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: SiteId) -> Result<Site, RegistryError> {
    caller.require(Permission::ReadOrganizations)?;
    Ok(rows::get(store, Scope::Organization(caller.organization), id).await?)
}

/// The sites that the caller sees, in the order of their creation.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    page: &PageQuery,
) -> Result<Page<Site>, RegistryError> {
    caller.require(Permission::ReadOrganizations)?;
    let page = PageRequest::<Uuid>::parse("sites", page)?;
    let items = rows::list(store, Scope::Organization(caller.organization), &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}

/// Creates a site.
///
/// # Errors
/// Not permitted, a field can't be accepted, or the database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: CreateSite,
    now: Timestamp,
) -> Result<Site, RegistryError> {
    caller.require(Permission::WriteOrganizations)?;
    check(Some(&input.name), Some(&input.time_zone), Some(&input.external_ids))?;
    let tx = store.begin().await?;
    let organization = input.organization_id.unwrap_or(caller.organization);
    organizations::load(&tx, Scope::Organization(caller.organization), organization).await?;
    let created = Site {
        id: SiteId(Uuid::now_v7()),
        organization_id: organization,
        name: input.name,
        time_zone: input.time_zone,
        external_ids: input.external_ids,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    rows::insert(&tx, &created).await?;
    let details = changes::fields(&created, &UNTOLD)?;
    changes::record(&tx, change(caller, &created, "site.created", details, now)).await?;
    tx.commit().await?;
    Ok(created)
}

/// Changes a site that is at this version.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, a field can't be accepted, or the database can't.
pub async fn update(
    store: &Store,
    caller: &Caller,
    id: SiteId,
    version: i64,
    input: UpdateSite,
    now: Timestamp,
) -> Result<Site, RegistryError> {
    caller.require(Permission::WriteOrganizations)?;
    check(input.name.as_deref(), input.time_zone.as_deref(), input.external_ids.as_ref())?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = rows::load(&tx, scope, id).await?;
    let mut changed = before.clone();
    changed.name = input.name.unwrap_or(changed.name);
    changed.time_zone = input.time_zone.unwrap_or(changed.time_zone);
    changed.external_ids = input.external_ids.unwrap_or(changed.external_ids);
    changed.version = version + 1;
    changed.updated_at = now;
    rows::save(&tx, scope, &changed, version).await?;
    if before.time_zone != changed.time_zone {
        // Rules of its machines go by it.
        rules::touch(&tx).await?;
        surroundings::changed(&tx, surroundings::Of::Site(id), now).await?;
    }
    let details = changes::differences(&before, &changed, &UNTOLD)?;
    changes::record(&tx, change(caller, &changed, "site.updated", details, now)).await?;
    tx.commit().await?;
    Ok(changed)
}

fn check(
    name: Option<&str>,
    time_zone: Option<&str>,
    external_ids: Option<&BTreeMap<String, String>>,
) -> Result<(), RegistryError> {
    let mut fields = Fields::default();
    if let Some(name) = name {
        fields.text("name", name, NAME_MAX);
    }
    if let Some(zone) = time_zone {
        check_time_zone(&mut fields, "time_zone", zone);
    }
    if let Some(ids) = external_ids {
        fields.external_ids(ids);
    }
    Ok(fields.finish()?)
}

fn change(
    caller: &Caller,
    item: &Site,
    action: &'static str,
    details: serde_json::Map<String, serde_json::Value>,
    at: Timestamp,
) -> Change {
    Change {
        organization: item.organization_id,
        actor: caller.actor,
        action,
        subject: Subject::new("site", item.id),
        version: Some(item.version),
        details,
        at,
    }
}
