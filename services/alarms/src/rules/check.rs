//! Whether a rule can be accepted: its form, and whether there is what it watches.

use millwright_core::fields::Fields;
use millwright_detection::threshold::Threshold;
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::api::rules::{RuleCondition, RuleInput};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, SignalKind};
use millwright_store::machines::{fleet, organizations};
use millwright_store::rules::{self, Target};
use millwright_store::{Scope, StoreError, Tx};

use super::limits::{MESSAGE_MAX, MODEL_MAX, NAME_MAX};

/// What is wrong with a rule's form, all of it.
pub(super) fn form(input: &RuleInput) -> Fields {
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
    for problem in Threshold::compile(&input.condition).err().into_iter().flatten() {
        fields.refuse(&problem.field, problem.message);
    }
    fields
}

/// Refuses what a rule watches that isn't there.
pub(super) async fn missing(
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
    let RuleCondition::Threshold { signal, .. } = &input.condition;
    let kinds = rules::signal_kinds(tx, target, signal.as_str()).await?;
    if kinds.contains(&Some(SignalKind::Number)) {
        return Ok(());
    }
    let message = match kinds.iter().flatten().next() {
        Some(kind) => format!("{:?} is a {}, not a number", signal.as_str(), kind.as_str()),
        None if kinds.is_empty() => format!("{whose} no signal {:?}", signal.as_str()),
        None => format!("{:?} has had no value so far", signal.as_str()),
    };
    fields.refuse("condition.signal", message);
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
