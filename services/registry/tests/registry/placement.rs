//! Where machines may be: sites and parents.

use std::collections::BTreeMap;

use millwright_core::access::Caller;
use millwright_registry::{RegistryError, machines, sites};
use millwright_schemas::api::machines::{CreateMachine, Machine, UpdateMachine};
use millwright_schemas::api::sites::CreateSite;
use millwright_schemas::{MachineId, OrganizationId, SiteId};

use crate::harness::{Registry, fault, new, now};

async fn site(registry: &Registry, organization_id: OrganizationId) -> SiteId {
    let new = CreateSite {
        name: "Plant".to_owned(),
        time_zone: "Europe/Vienna".to_owned(),
        organization_id: Some(organization_id),
        external_ids: BTreeMap::new(),
    };
    sites::create(&registry.store, &registry.root, new, now()).await.unwrap().id
}

async fn set_parent(
    registry: &Registry,
    caller: &Caller,
    machine: &Machine,
    parent: Option<MachineId>,
) -> Result<Machine, RegistryError> {
    let current = machines::get(&registry.store, caller, machine.id).await?;
    let change = UpdateMachine { parent_id: Some(parent), ..UpdateMachine::default() };
    machines::update(&registry.store, caller, machine.id, current.version, change, now()).await
}

#[tokio::test]
async fn a_machine_stands_at_a_site_of_its_own_line() {
    let registry = Registry::start().await;
    let (store, root) = (&registry.store, &registry.root);
    let (above, beside) = (
        site(&registry, root.organization).await,
        site(&registry, registry.stranger.organization).await,
    );
    let at = |site| CreateMachine {
        organization_id: Some(registry.customer.organization),
        site_id: Some(site),
        ..new("S-1")
    };
    let (field, message) = fault(machines::create(store, root, at(beside), now()).await);
    assert_eq!(field, "site_id");
    assert!(message.contains("isn't above or below"), "{message}");
    machines::create(store, root, at(above), now()).await.unwrap();
    // The customer doesn't even learn that the site above exists.
    let (_, message) = fault(machines::create(store, &registry.customer, at(above), now()).await);
    assert!(message.ends_with("doesn't exist"), "{message}");
}

#[tokio::test]
async fn parents_have_one_level_and_no_circles() {
    let registry = Registry::start().await;
    let root = &registry.root;
    let gateway = registry.machine(root, "G").await;
    let child = registry.machine(root, "C").await;
    let third = registry.machine(root, "T").await;
    let said = |result| {
        let (field, message) = fault::<Machine>(result);
        assert_eq!(field, "parent_id");
        message.split_once(' ').unwrap().1.split_once(' ').unwrap().1.to_owned()
    };
    let itself = set_parent(&registry, root, &gateway, Some(gateway.id)).await;
    assert_eq!(said(itself), "can't be its own parent");
    set_parent(&registry, root, &child, Some(gateway.id)).await.unwrap();
    let circle = set_parent(&registry, root, &gateway, Some(child.id)).await;
    assert_eq!(said(circle), "has a parent itself");
    let deep = set_parent(&registry, root, &third, Some(child.id)).await;
    assert_eq!(said(deep), "has a parent itself");
    let deep = set_parent(&registry, root, &gateway, Some(third.id)).await;
    assert_eq!(said(deep), "can't be the parent of a machine that is a parent itself");
    set_parent(&registry, root, &child, None).await.unwrap();
    set_parent(&registry, root, &gateway, Some(third.id)).await.unwrap();
}

#[tokio::test]
async fn a_parent_is_of_the_same_organization_or_one_above() {
    let registry = Registry::start().await;
    let (root, customer) = (&registry.root, &registry.customer);
    let above = registry.machine(root, "A").await;
    let own = registry.machine(customer, "O").await;
    let strange = registry.machine(&registry.stranger, "S").await;
    for (machine, parent) in [(&own, &strange), (&above, &own)] {
        let result = set_parent(&registry, root, machine, Some(parent.id)).await;
        let (_, message) = fault(result);
        assert!(message.contains("is not of the machine's organization"), "{message}");
    }
    set_parent(&registry, root, &own, Some(above.id)).await.unwrap();
    let unseen = set_parent(&registry, customer, &own, Some(strange.id)).await;
    assert!(fault(unseen).1.ends_with("doesn't exist"));
}

#[tokio::test]
async fn a_decommissioned_machine_is_no_parent() {
    let registry = Registry::start().await;
    let root = &registry.root;
    let gateway = registry.machine(root, "G").await;
    let child = registry.machine(root, "C").await;
    machines::decommission(&registry.store, root, gateway.id, now()).await.unwrap();
    let result = set_parent(&registry, root, &child, Some(gateway.id)).await;
    assert!(fault(result).1.ends_with("is decommissioned"));
}

#[tokio::test]
async fn a_former_parents_connection_is_cut() {
    let registry = Registry::start().await;
    let root = &registry.root;
    let gateway = registry.machine(root, "G").await;
    let child = registry.machine(root, "C").await;
    set_parent(&registry, root, &child, Some(gateway.id)).await.unwrap();
    set_parent(&registry, root, &child, None).await.unwrap();
    let kind = millwright_store::machines::revocations::DISCONNECT_JOB;
    let job = millwright_store::jobs::take(&registry.store, &[kind], now(), now()).await.unwrap();
    let job = job.unwrap();
    assert_eq!(job.payload["machine_id"], gateway.id.to_string());
}
