//! What must still hold when a command is handed over: the organization's policy, and the catalogue
//! when the machine hadn't told it before.

use millwright_core::command::{assumed_class, covers};
use millwright_core::fields::{Fields, InvalidFields};
use millwright_schemas::api::commands::IssueCommand;
use millwright_schemas::wire::command::{CommandReport, Rejection};
use millwright_store::commands::{StoredCommand, capabilities};
use millwright_store::{Tx, policies};

use crate::WorkError;
use crate::draft::{Known, check};

/// A command that was never signed is looked at once more: whether the policy has forbidden it
/// meanwhile. One that was issued before the machine told its catalogue is looked up in it: it gets
/// its class, or the reason why it can't be sent.
pub(crate) async fn look_up(
    tx: &Tx,
    stored: &mut StoredCommand,
) -> Result<Option<CommandReport>, WorkError> {
    let command = &mut stored.command;
    if stored.ledger.is_some() {
        return Ok(None);
    }
    if let Some(class) = command.class {
        let policy = policies::effective(tx, command.organization_id).await?.commands;
        let error = format!("the organization's policy forbids commands of class {class} by now");
        let unfit = CommandReport {
            reason: Some(Rejection::Forbidden),
            error: Some(error),
            ..CommandReport::new(command.id)
        };
        return Ok(policy.forbidden.contains(&class).then_some(unfit));
    }
    let told = capabilities::load(tx, command.machine_id).await?;
    let known = Known::find(told.as_ref(), &command.name);
    let input = IssueCommand {
        name: command.name.clone(),
        args: command.args.clone(),
        expires_in_s: None,
        deadline_s: None,
        ticket_id: None,
        purpose: None,
    };
    let unfit = |reason, error: String| {
        let reason = Some(reason);
        Ok(Some(CommandReport { reason, error: Some(error), ..CommandReport::new(command.id) }))
    };
    let entry = match known {
        Known::Untold => return Ok(None),
        Known::Missing(_) => {
            let error = "the machine, whose catalogue wasn't known, has no such command";
            return unfit(Rejection::UnknownCommand, error.to_owned());
        }
        Known::Entry(entry) => entry,
    };
    let mut fields = Fields::default();
    check(&input, known, &mut fields);
    if let Err(InvalidFields(problems)) = fields.finish() {
        let told = problems.iter().map(|p| format!("{}: {}", p.field, p.message));
        let error = told.collect::<Vec<_>>().join("; ");
        return unfit(Rejection::InvalidArguments, error);
    }
    let policy = policies::effective(tx, command.organization_id).await?.commands;
    let unapproved =
        policy.approval_required.contains(&entry.class) && command.approved_by.is_none();
    let beyond = !covers(assumed_class(&command.name), entry.class);
    if policy.forbidden.contains(&entry.class) || unapproved || beyond {
        let error = format!(
            "it is of class {}, which wasn't known when it was issued; issue it again",
            entry.class
        );
        return unfit(Rejection::Forbidden, error);
    }
    command.class = Some(entry.class);
    Ok(None)
}
