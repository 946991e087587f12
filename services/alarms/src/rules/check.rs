//! Whether a rule can be accepted: its form, and whether there is what it watches.

use millwright_core::fields::Fields;
use millwright_detection::conditions::needs::{Need, needs};
use millwright_detection::rules::problems;
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::api::rules::RuleInput;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId};
use millwright_store::machines::{fleet, organizations};
use millwright_store::rules::{self, Target};
use millwright_store::{Scope, StoreError, Tx};

use super::limits::{MESSAGE_MAX, MODEL_MAX, NAME_MAX};

/// What is wrong with a rule's form, all of it.
pub(crate) fn form(input: &RuleInput) -> Fields {
    let mut fields = Fields::default();
    fields.text("name", &input.name, NAME_MAX);
    if let Some(model) = &input.model {
        fields.text("model", model, MODEL_MAX);
    }
    if let Some(message) = &input.message {
        fields.text("message", message, MESSAGE_MAX);
    }
    match (input.machine_id, &input.model) {
        (Some(_), Some(_)) => fields.refuse("model", "give machine_id or model, not both"),
        (None, None) => fields.refuse("machine_id", "give machine_id or model"),
        (Some(_), None) | (None, Some(_)) => {}
    }
    if input.severity == Severity::Indeterminate {
        let message = "\"indeterminate\" is not allowed; allowed: critical, major, minor, warning";
        fields.refuse("severity", message);
    }
    for problem in problems(&input.condition, input.severity) {
        fields.refuse(&problem.field, problem.message);
    }
    fields
}

/// Refuses what a rule watches that isn't there.
pub(crate) async fn missing(
    tx: &Tx,
    scope: Scope,
    organization: OrganizationId,
    input: &RuleInput,
    fields: &mut Fields,
) -> Result<(), StoreError> {
    let (target, whose) = match (input.machine_id, &input.model) {
        (Some(id), None) => {
            if let Some(message) = wrong_machine(tx, scope, organization, id).await? {
                fields.refuse("machine_id", format!("machine {id} {message}"));
                return Ok(());
            }
            (Target::Machine(id), format!("machine {id} has"))
        }
        (None, Some(model)) => {
            if !rules::is_model_used(tx, model, organization).await? {
                let message = format!("there is no machine of model {model:?} in its organization");
                fields.refuse("model", message);
                return Ok(());
            }
            (Target::Model(model, organization), format!("machines of model {model:?} have"))
        }
        // Told by the form.
        _ => return Ok(()),
    };
    for need in needs(&input.condition) {
        unmet(tx, target, &whose, &need, fields).await?;
    }
    Ok(())
}

/// Refuses a signal that isn't there, is of another kind, or has another unit.
async fn unmet(
    tx: &Tx,
    target: Target<'_>,
    whose: &str,
    need: &Need,
    fields: &mut Fields,
) -> Result<(), StoreError> {
    let signal = need.signal.as_str();
    let kinds = rules::signal_kinds(tx, target, signal).await?;
    let wrong = match (need.kind, kinds.iter().flatten().next()) {
        _ if kinds.is_empty() => Some(format!("{whose} no signal {signal:?}")),
        (None, _) => None,
        (Some(kind), _) if kinds.contains(&Some(kind)) => None,
        (Some(kind), Some(other)) => {
            Some(format!("{signal:?} is a {}, not a {}", other.as_str(), kind.as_str()))
        }
        (Some(_), None) => Some(format!("{signal:?} has had no value so far")),
    };
    if let Some(message) = wrong {
        fields.refuse(&need.field, message);
        return Ok(());
    }
    let Some((field, unit)) = &need.unit else { return Ok(()) };
    let units = rules::signal_units(tx, target, signal).await?;
    if let Some(other) = units.iter().find(|known| *known != unit) {
        fields.refuse(field, format!("{signal:?} is in {other:?}, not in {unit:?}"));
    }
    Ok(())
}

/// Why this machine can't be watched by a rule of this organization.
async fn wrong_machine(
    tx: &Tx,
    scope: Scope,
    organization: OrganizationId,
    id: MachineId,
) -> Result<Option<&'static str>, StoreError> {
    let machine = match fleet::load(tx, scope, id).await {
        Err(StoreError::NotFound(_)) => return Ok(Some("doesn't exist")),
        other => other?,
    };
    if machine.state == MachineState::Decommissioned {
        return Ok(Some("is decommissioned"));
    }
    let covered = organizations::is_at_or_above(tx, organization, machine.organization_id).await?;
    Ok((!covered).then_some("is not of the rule's organization or one below it"))
}
