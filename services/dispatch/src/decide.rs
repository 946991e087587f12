//! Approving a command, or refusing to.

use millwright_core::access::{Caller, Permission};
use millwright_core::command::Event;
use millwright_core::fields::Fields;
use millwright_schemas::api::commands::{Command, DecideCommand};
use millwright_schemas::wire::command::CommandReport;
use millwright_schemas::{CommandId, Timestamp};
use millwright_store::{Scope, Store, commands, policies};

use crate::change::{Move, apply, enqueue_sends};
use crate::limits::REASON_MAX_CHARS;
use crate::people::person_of;
use crate::{CommandMetrics, DispatchError};

/// Decides about a command that waits for approval. An approved one takes its place after the
/// machine's other commands.
///
/// # Errors
/// Not permitted, not found, one's own command (by a token of one's own too), it doesn't wait for
/// approval, the reason can't be accepted, or the database can't.
pub async fn decide(
    store: &Store,
    metrics: &CommandMetrics,
    caller: &Caller,
    id: CommandId,
    input: DecideCommand,
    now: Timestamp,
) -> Result<Command, DispatchError> {
    caller.require(Permission::ApproveCommands)?;
    check(&input)?;
    let tx = store.begin().await?;
    let mut stored = commands::load(&tx, Scope::Organization(caller.organization), id).await?;
    let issuer = person_of(&tx, stored.issued_by).await?;
    if stored.issued_by == caller.actor
        || (issuer.is_some() && issuer == person_of(&tx, caller.actor).await?)
    {
        return Err(DispatchError::OwnCommand);
    }
    if let Some(class) = stored.command.class.filter(|_| input.approve) {
        let organization = stored.command.organization_id;
        let policy = policies::effective(&tx, organization).await?.commands;
        if policy.forbidden.contains(&class) {
            return Err(DispatchError::ForbiddenByPolicy(class));
        }
    }
    let event = if input.approve { Event::Approved } else { Event::Refused };
    stored.command.approved_by = Some(caller.actor.into());
    let said = CommandReport { error: input.reason, ..CommandReport::new(id) };
    let happening = Move { event, by: caller.actor, report: Some((&said, now)), now };
    let moved = apply(&tx, &mut stored, &happening).await?;
    enqueue_sends(&tx, &stored.command, &moved, now).await?;
    tx.commit().await?;
    metrics.count(&stored.command, &moved, now);
    Ok(stored.command)
}

fn check(input: &DecideCommand) -> Result<(), DispatchError> {
    let mut fields = Fields::default();
    match &input.reason {
        None if !input.approve => fields.refuse("reason", "is needed to refuse a command"),
        None => {}
        Some(reason) => fields.text("reason", reason, REASON_MAX_CHARS),
    }
    Ok(fields.finish()?)
}
