//! A machine whose rules learn anew what is normal, as after a repair.

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::Subject;
use millwright_core::machine::OutOfUse;
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{fleet, learning};
use millwright_store::{Scope, Store};
use serde_json::Map;

use crate::AlarmError;

/// What rules have learned of a machine is forgotten; they learn anew from the samples of now on.
/// The end of maintenance mode does the same.
///
/// # Errors
/// Not permitted, not found, decommissioned, or the database can't.
pub async fn relearn(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    now: Timestamp,
) -> Result<(), AlarmError> {
    caller.require(Permission::WriteRules)?;
    let tx = store.begin().await?;
    let found = fleet::load(&tx, Scope::Organization(caller.organization), machine).await?;
    if found.state == MachineState::Decommissioned {
        return Err(OutOfUse.into());
    }
    learning::begin_anew(&tx, machine, now).await?;
    let change = Change {
        organization: found.organization_id,
        actor: caller.actor,
        action: "machine.relearning_started",
        subject: Subject::new("machine", machine),
        version: Some(found.version),
        details: Map::new(),
        at: now,
    };
    changes::record(&tx, change).await?;
    tx.commit().await?;
    Ok(())
}
