//! Organizations and sites: the tree, what a caller sees, versions.

use std::collections::BTreeMap;

use millwright_core::access::Role;
use millwright_registry::{RegistryError, organizations, sites};
use millwright_schemas::api::organizations::{CreateOrganization, UpdateOrganization};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::sites::{CreateSite, UpdateSite};
use millwright_store::StoreError;

use crate::harness::{Registry, all, below, caller, fault, not_found, now};

#[tokio::test]
async fn one_sees_ones_own_and_all_below() {
    let registry = Registry::start().await;
    let store = &registry.store;
    let branch = below(store, &registry.customer, "Branch").await;
    let names = async |caller| -> Vec<String> {
        let page = organizations::list(store, caller, &all()).await.unwrap();
        page.items.into_iter().map(|item| item.name).collect()
    };
    assert_eq!(names(&registry.root).await, ["Top", "Customer", "Stranger", "Branch"]);
    assert_eq!(names(&registry.customer).await, ["Customer", "Branch"]);
    assert_eq!(names(&registry.stranger).await, ["Stranger"]);

    organizations::get(store, &registry.root, branch).await.unwrap();
    not_found(organizations::get(store, &registry.stranger, branch).await);
    not_found(organizations::get(store, &registry.customer, registry.root.organization).await);
    let change = UpdateOrganization { name: Some("X".to_owned()), external_ids: None };
    not_found(organizations::update(store, &registry.stranger, branch, 1, change, now()).await);
    let new = CreateOrganization {
        name: "X".to_owned(),
        parent_id: Some(branch),
        external_ids: BTreeMap::new(),
    };
    not_found(organizations::create(store, &registry.stranger, new, now()).await);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let registry = Registry::start().await;
    let mut query = PageQuery { limit: Some(2), cursor: None };
    let mut names = Vec::new();
    loop {
        let page = organizations::list(&registry.store, &registry.root, &query).await.unwrap();
        names.extend(page.items.into_iter().map(|item| item.name));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["Top", "Customer", "Stranger"]);
}

#[tokio::test]
async fn an_update_needs_the_version_that_was_read() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let id = caller.organization;
    let rename = |name: &str| UpdateOrganization {
        name: Some(name.to_owned()),
        external_ids: Some(BTreeMap::from([("crm".to_owned(), "42".to_owned())])),
    };
    let changed = organizations::update(store, caller, id, 1, rename("A"), now()).await.unwrap();
    assert_eq!((changed.version, changed.name.as_str()), (2, "A"));
    let late = organizations::update(store, caller, id, 1, rename("B"), now()).await;
    assert!(
        matches!(late, Err(RegistryError::Store(StoreError::VersionMismatch { current: 2 }))),
        "{late:?}"
    );
    assert_eq!(organizations::get(store, caller, id).await.unwrap(), changed);
}

#[tokio::test]
async fn a_site_has_a_time_zone_that_exists() {
    let registry = Registry::start().await;
    let (store, caller) = (&registry.store, &registry.customer);
    let new = |time_zone: &str| CreateSite {
        name: "Plant".to_owned(),
        time_zone: time_zone.to_owned(),
        organization_id: None,
        external_ids: BTreeMap::new(),
    };
    let (field, message) = fault(sites::create(store, caller, new("Mars/Olympus"), now()).await);
    assert_eq!(field, "time_zone");
    assert!(message.contains("Mars/Olympus"), "{message}");
    let site = sites::create(store, caller, new("Europe/Vienna"), now()).await.unwrap();
    assert_eq!(site.organization_id, caller.organization);

    let change = UpdateSite { time_zone: Some("Asia/Tokyo".to_owned()), ..UpdateSite::default() };
    let changed = sites::update(store, caller, site.id, 1, change.clone(), now()).await.unwrap();
    assert_eq!((changed.time_zone.as_str(), changed.version), ("Asia/Tokyo", 2));
    not_found(sites::get(store, &registry.stranger, site.id).await);
    not_found(sites::update(store, &registry.stranger, site.id, 2, change, now()).await);
    assert!(sites::list(store, &registry.stranger, &all()).await.unwrap().items.is_empty());
    assert_eq!(sites::list(store, &registry.root, &all()).await.unwrap().items, [changed]);
    let theirs = CreateSite { organization_id: Some(caller.organization), ..new("Asia/Tokyo") };
    not_found(sites::create(store, &registry.stranger, theirs, now()).await);
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let registry = Registry::start().await;
    let viewer = caller(registry.customer.organization, Role::Viewer);
    let new =
        CreateOrganization { name: "X".to_owned(), parent_id: None, external_ids: BTreeMap::new() };
    let result = organizations::create(&registry.store, &viewer, new, now()).await;
    assert!(matches!(result, Err(RegistryError::Forbidden(_))), "{result:?}");
    organizations::list(&registry.store, &viewer, &all()).await.unwrap();
}
