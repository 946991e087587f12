//! Changing a rule.

use millwright_core::access::{Caller, Permission};
use millwright_detection::conditions::needs::subject;
use millwright_detection::rules::{CompiledRule, causes};
use millwright_schemas::api::alarms::ClearReason;
use millwright_schemas::api::rules::{Rule, RuleInput};
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::{Scope, Store, StoreError, Tx, alarms, changes, rules};

use super::change::{change, traced};
use super::check::{form, missing};
use super::fail::settle_failure;
use crate::AlarmError;

/// Replaces a rule that is at this version. Where it stood stays when it judges as before (another
/// name or message), and is forgotten otherwise. Alarms that are active stay, and the new version
/// knows of them; when it watches something else, or nothing, they are cleared.
///
/// # Errors
/// Not permitted, not found, changed meanwhile, a field can't be accepted, or the database can't.
pub async fn replace(
    store: &Store,
    caller: &Caller,
    id: RuleId,
    version: i64,
    input: RuleInput,
    now: Timestamp,
) -> Result<Rule, AlarmError> {
    caller.require(Permission::WriteRules)?;
    let scope = Scope::Organization(caller.organization);
    let mut fields = form(&input);
    let tx = store.begin().await?;
    let before = rules::load(&tx, scope, id).await?;
    let organization = before.organization_id;
    if input.organization_id.is_some_and(|other| other != organization) {
        fields.refuse("organization_id", "can't be changed");
    }
    let changed = Rule {
        id,
        organization_id: organization,
        name: input.name.clone(),
        machine_id: input.machine_id,
        model: input.model.clone(),
        condition: input.condition.clone(),
        severity: input.severity,
        message: input.message.clone(),
        enabled: input.enabled,
        version: version + 1,
        created_at: before.created_at,
        updated_at: now,
    };
    // What it has watched so far may be gone: as it is, it can be switched off all the same.
    let as_it_was =
        is_of_the_same_machines(&before, &changed) && before.condition == changed.condition;
    if changed.enabled || !as_it_was {
        missing(&tx, scope, organization, &input, &mut fields).await?;
    }
    fields.finish()?;
    rules::save(&tx, scope, &changed, version).await?;
    settle(&tx, caller, &before, &changed, now).await?;
    let details = changes::differences(&traced(&before)?, &traced(&changed)?, &[])?;
    changes::record(&tx, change(caller, &changed, "rule.updated", details, now)).await?;
    tx.commit().await?;
    Ok(changed)
}

fn is_of_the_same_machines(before: &Rule, after: &Rule) -> bool {
    (before.machine_id, &before.model) == (after.machine_id, &after.model)
}

/// Whether a rule's alarms are about the same signal of the same machines.
fn watches_the_same(before: &Rule, after: &Rule) -> bool {
    is_of_the_same_machines(before, after)
        && subject(&before.condition) == subject(&after.condition)
}

/// Whether a rule judges as it did, so that it goes on where it stood.
fn judges_the_same(before: &Rule, after: &Rule) -> bool {
    (before.enabled && after.enabled)
        && watches_the_same(before, after)
        && (&before.condition, before.severity) == (&after.condition, after.severity)
}

/// What becomes of the rule's states and alarms.
async fn settle(
    tx: &Tx,
    caller: &Caller,
    before: &Rule,
    changed: &Rule,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stays = judges_the_same(before, changed);
    if stays {
        rules::keep_states(tx, changed.id, before.version, changed.version).await?;
    } else {
        rules::forget_states(tx, changed.id).await?;
    }
    if !changed.enabled || before.condition != changed.condition {
        rules::forget_learned(tx, changed.id).await?;
    }
    if !changed.enabled || !watches_the_same(before, changed) {
        let reason = ClearReason::RuleDisabled;
        alarms::clear_rule(tx, changed.id, reason, caller.actor, now).await?;
        return Ok(());
    }
    let corrupt =
        |error: &dyn std::fmt::Debug| StoreError::corrupt("rule_states", format!("{error:?}"));
    // Never refused: it was checked.
    let compiled = CompiledRule::compile(changed.clone()).map_err(|error| corrupt(&error))?;
    for alarm in alarms::active_of_rule(tx, changed.id).await? {
        if alarm.source != compiled.source() {
            // That it had failed.
            settle_failure(tx, &alarm, now).await?;
            continue;
        }
        if stays {
            continue;
        }
        // The machine's clock may have been ahead then and have been set since.
        let since = alarm.raised_at.min(alarm.received_at);
        let state = compiled.adopt(since, alarm.severity, &causes(&alarm.context));
        let state = serde_json::to_string(&state).map_err(|error| corrupt(&error))?;
        rules::set_state(tx, alarm.machine_id, (changed.id, changed.version), state).await?;
    }
    Ok(())
}
