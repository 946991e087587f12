//! Whether a rule can be accepted: its form, and whether there is what it watches.

use millwright_core::fields::wrong_text;
use millwright_detection::threshold::Threshold;
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::{RuleCondition, RuleInput};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, SignalKind};
use millwright_store::machines::{fleet, organizations};
use millwright_store::rules::{self, Target};
use millwright_store::{Scope, StoreError, Tx};

use super::error::{RuleError, problem};
use super::limits::{MESSAGE_MAX, MODEL_MAX, NAME_MAX};

/// What is wrong with a rule's form, all of it.
pub(super) fn form(input: &RuleInput) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut text = |field: &str, value: Option<&str>, max: usize| {
        let wrong = value.and_then(|value| wrong_text(value, max));
        problems.extend(wrong.map(|message| problem(field, message)));
    };
    text("name", Some(&input.name), NAME_MAX);
    text("model", input.model.as_deref(), MODEL_MAX);
    text("message", input.message.as_deref(), MESSAGE_MAX);
    match (input.machine_id, &input.model) {
        (Some(_), Some(_)) => problems.push(problem("model", "give machine_id or model, not both")),
        (None, None) => problems.push(problem("machine_id", "give machine_id or model")),
        (Some(_), None) | (None, Some(_)) => {}
    }
    if input.severity == Severity::Indeterminate {
        let message = "\"indeterminate\" is not allowed; allowed: critical, major, minor, warning";
        problems.push(problem("severity", message));
    }
    problems.extend(Threshold::compile(&input.condition).err().into_iter().flatten());
    problems
}

/// What a rule watches that isn't there.
pub(super) async fn missing(
    tx: &Tx,
    scope: Scope,
    organization: OrganizationId,
    input: &RuleInput,
) -> Result<Option<FieldProblem>, RuleError> {
    let (target, whose) = match (input.machine_id, &input.model) {
        (Some(id), None) => {
            if let Some(message) = wrong_machine(tx, scope, organization, id).await? {
                return Ok(Some(problem("machine_id", format!("machine {id} {message}"))));
            }
            (Target::Machine(id), format!("machine {id} has"))
        }
        (None, Some(model)) => {
            if !rules::is_model_used(tx, model, organization).await? {
                let message = format!("there is no machine of model {model:?} in its organization");
                return Ok(Some(problem("model", message)));
            }
            (Target::Model(model, organization), format!("machines of model {model:?} have"))
        }
        // Told by the form.
        _ => return Ok(None),
    };
    let RuleCondition::Threshold { signal, .. } = &input.condition;
    let kinds = rules::signal_kinds(tx, target, signal.as_str()).await?;
    if kinds.contains(&Some(SignalKind::Number)) {
        return Ok(None);
    }
    let message = match kinds.iter().flatten().next() {
        Some(kind) => format!("{:?} is a {}, not a number", signal.as_str(), kind.as_str()),
        None if kinds.is_empty() => format!("{whose} no signal {:?}", signal.as_str()),
        None => format!("{:?} has had no value so far", signal.as_str()),
    };
    Ok(Some(problem("condition.signal", message)))
}

/// Why this machine can't be watched by a rule of this organization.
async fn wrong_machine(
    tx: &Tx,
    scope: Scope,
    organization: OrganizationId,
    id: MachineId,
) -> Result<Option<&'static str>, RuleError> {
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
