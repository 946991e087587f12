//! Canceling a command.

use millwright_core::access::Caller;
use millwright_core::command::{Event, assumed_class, permission};
use millwright_schemas::api::commands::Command;
use millwright_schemas::{CommandId, Timestamp};
use millwright_store::{Scope, Store, commands};

use crate::change::{Move, apply, enqueue_sends};
use crate::people::{name_of, require_any};
use crate::{CommandMetrics, DispatchError};

/// Cancels a command: at once when it was never handed over, else the machine is asked to until it
/// answers. Who may issue a command may cancel it. Doing it again changes nothing.
///
/// # Errors
/// Not permitted, not found, over already, or the database can't.
pub async fn cancel(
    store: &Store,
    metrics: &CommandMetrics,
    caller: &Caller,
    id: CommandId,
    now: Timestamp,
) -> Result<Command, DispatchError> {
    require_any(caller)?;
    let tx = store.begin().await?;
    let scope = Scope::Organization(caller.organization);
    let mut stored = commands::load(&tx, scope, id).await?;
    let class = stored.command.class.unwrap_or_else(|| assumed_class(&stored.command.name));
    caller.require(permission(class))?;
    if stored.cancel_by_name.is_none() {
        stored.cancel_by_name = Some(name_of(&tx, caller.actor).await?);
    }
    let happening = Move { event: Event::CancelRequested, by: caller.actor, report: None, now };
    let moved = apply(&tx, &mut stored, &happening).await?;
    enqueue_sends(&tx, &stored.command, &moved, now).await?;
    tx.commit().await?;
    metrics.count(&stored.command, &moved, now);
    Ok(stored.command)
}
