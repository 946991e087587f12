//! Taking a machine out of use, for good.

use millwright_core::access::{Caller, Permission};
use millwright_core::machine::{LifeEvent, step};
use millwright_schemas::api::alarms::ClearReason;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::machines::revocations::{self, Disconnect};
use millwright_store::{Scope, Store, alarms, changes, rules};

use super::change::{UNTOLD, change};
use crate::RegistryError;

/// Why its credentials end.
const REASON: &str = "machine decommissioned";

/// Takes a machine out of use: its credentials and alarms end in the same transaction, where rules
/// stand with it and what they have learned of it is forgotten, a live connection is cut. Doing it again
/// changes nothing.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn decommission(
    store: &Store,
    caller: &Caller,
    id: MachineId,
    now: Timestamp,
) -> Result<Machine, RegistryError> {
    caller.require(Permission::WriteMachines)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let before = fleet::load(&tx, scope, id).await?;
    let state = step(before.state, LifeEvent::Decommissioned)?;
    if state == before.state {
        return Ok(before);
    }
    let mut changed = before.clone();
    changed.state = state;
    changed.decommissioned_at = Some(now);
    changed.updated_at = now;
    changed.version += 1;
    fleet::save(&tx, scope, &changed, before.version).await?;
    revocations::revoke_all(&tx, id, REASON, now).await?;
    let cut = Disconnect { machine: id, credential: None, reason: REASON, actor: caller.actor };
    revocations::disconnect(&tx, &cut, now).await?;
    let gone = ClearReason::Decommissioned;
    alarms::clear_machine(&tx, id, gone, caller.actor, now).await?;
    rules::forget_machine(&tx, id).await?;
    let details = changes::differences(&before, &changed, &UNTOLD)?;
    changes::record(&tx, change(caller, &changed, "machine.decommissioned", details, now)).await?;
    tx.commit().await?;
    Ok(changed)
}
