//! Commands that the platform itself wants.

use millwright_core::access::Actor;
use millwright_core::fields::{Fields, InvalidFields};
use millwright_schemas::Timestamp;
use millwright_schemas::api::commands::IssueCommand;
use millwright_schemas::api::machines::MachineState;
use millwright_store::commands::{self, capabilities};
use millwright_store::machines::fleet;
use millwright_store::work::CommandWanted;
use millwright_store::{Scope, Store, StoreError, Tx};

use crate::draft::{self, Known};
use crate::issue::{New, allowed_state, insert};
use crate::limits::OPEN_COMMANDS_MAX;
use crate::{DispatchError, WorkError};

/// Issues a command that the platform wants, once, unless the machine can't do it or it isn't
/// allowed: then there is simply none.
pub(crate) async fn issue_wanted(
    store: &Store,
    wanted: CommandWanted,
    now: Timestamp,
) -> Result<(), WorkError> {
    let tx = store.begin().await?;
    match commands::load(&tx, Scope::Platform, wanted.command).await {
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => return Ok(()),
    }
    let (machine, name) = (wanted.machine, wanted.name.clone());
    match try_issue(&tx, wanted, now).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(DispatchError::Store(error)) if !matches!(error, StoreError::NotFound(_)) => {
            Err(error.into())
        }
        Err(refused) => {
            tracing::info!(
                machine.id = %machine,
                command.name = name,
                reason = %refused,
                "the platform doesn't issue a command that it wanted"
            );
            Ok(())
        }
    }
}

async fn try_issue(tx: &Tx, wanted: CommandWanted, now: Timestamp) -> Result<(), DispatchError> {
    let machine = fleet::load(tx, Scope::Platform, wanted.machine).await?;
    if machine.state == MachineState::Decommissioned {
        return Err(millwright_core::machine::OutOfUse.into());
    }
    let told = capabilities::load(tx, machine.id).await?;
    let known = Known::find(told.as_ref(), &wanted.name);
    let Known::Entry(entry) = known else {
        return Err(InvalidFields::one("name", "the machine isn't known to have it").into());
    };
    let input = IssueCommand {
        name: wanted.name,
        args: wanted.args,
        expires_in_s: None,
        deadline_s: None,
        ticket_id: wanted.ticket,
        purpose: wanted.purpose,
    };
    let mut fields = Fields::default();
    let spans = draft::check(&input, known, &mut fields);
    fields.finish()?;
    let state = allowed_state(tx, &machine, entry.class).await?;
    if commands::count_open(tx, machine.id).await? >= OPEN_COMMANDS_MAX {
        return Err(DispatchError::Full);
    }
    let class = known.class();
    let new = New { id: wanted.command, by: Actor::Platform, class, state, spans, now };
    insert(tx, &machine, input, new).await?;
    Ok(())
}
