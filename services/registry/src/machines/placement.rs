//! Where a machine may be: its organization, its site, its parent.

use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::{MachineId, OrganizationId, SiteId};
use millwright_store::machines::{fleet, organizations, sites};
use millwright_store::{Scope, StoreError, Tx};

use crate::RegistryError;
use crate::limits::CHILDREN_MAX;

/// A site is in the machine's organization, above it or below it: never a stranger's.
pub(super) async fn check_site(
    tx: &Tx,
    scope: Scope,
    organization: OrganizationId,
    id: SiteId,
) -> Result<(), RegistryError> {
    let refused = |why: &str| RegistryError::field("site_id", format!("site {id} {why}"));
    let site = match sites::load(tx, scope, id).await {
        Err(StoreError::NotFound(_)) => return Err(refused("doesn't exist")),
        other => other?,
    };
    if organizations::in_one_line(tx, site.organization_id, organization).await? {
        Ok(())
    } else {
        Err(refused("belongs to an organization that isn't above or below the machine's"))
    }
}

/// A parent speaks for its children. So it is of their organization or of one above it, is in
/// use, and the tree has one level: what has a parent is none.
pub(super) async fn check_parent(
    tx: &Tx,
    scope: Scope,
    machine: &Machine,
    id: MachineId,
) -> Result<(), RegistryError> {
    let refused = |why: &str| RegistryError::field("parent_id", format!("machine {id} {why}"));
    if id == machine.id {
        return Err(refused("can't be its own parent"));
    }
    let parent = match fleet::load(tx, scope, id).await {
        Err(StoreError::NotFound(_)) => return Err(refused("doesn't exist")),
        other => other?,
    };
    let above = parent.organization_id;
    if !organizations::is_at_or_above(tx, above, machine.organization_id).await? {
        return Err(refused("is not of the machine's organization or one above it"));
    }
    if parent.state == MachineState::Decommissioned {
        return Err(refused("is decommissioned"));
    }
    if parent.parent_id.is_some() {
        return Err(refused("has a parent itself"));
    }
    if fleet::count_children(tx, machine.id).await? > 0 {
        return Err(refused("can't be the parent of a machine that is a parent itself"));
    }
    if fleet::count_children(tx, id).await? >= CHILDREN_MAX {
        return Err(refused(&format!("has {CHILDREN_MAX} children, no more fit")));
    }
    Ok(())
}
