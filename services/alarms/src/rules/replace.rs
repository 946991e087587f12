//! Changing a rule.

use millwright_core::access::{Caller, Permission};
use millwright_detection::conditions::needs::subject;
use millwright_detection::rules::{CompiledRule, causes};
use millwright_schemas::api::alarms::ClearReason;
use millwright_schemas::api::rules::{Rule, RuleInput};
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::{Scope, Store, StoreError, Tx, alarms, changes, rules};

use super::change::{change, traced, traced_stored};
use super::check::{form, missing};
use super::fail::settle_failure;
use crate::AlarmError;

/// Replaces a rule that is at this version. Where it stood stays when it judges as before (another
/// name or message), and is forgotten otherwise. Alarms that are active stay, and the new version
/// knows of them; when it watches something else, or nothing, they are cleared. So they are where this program
/// didn't understand what it has watched.
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
    let stored = rules::load_stored(&tx, scope, id).await?;
    let traced_before = traced_stored(&stored)?;
    let (organization, created_at) = (stored.organization_id, stored.created_at);
    let before = stored.understood().ok();
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
        created_at,
        updated_at: now,
    };
    // What it has watched so far may be gone: as it is, it can be switched off all the same.
    let as_it_was = before.as_ref().is_some_and(|before| {
        is_of_the_same_machines(before, &changed) && before.condition == changed.condition
    });
    if changed.enabled || !as_it_was {
        missing(&tx, scope, organization, &input, &mut fields).await?;
    }
    fields.finish()?;
    rules::save(&tx, scope, &changed, version).await?;
    settle(&tx, caller, before.as_ref(), &changed, now).await?;
    let details = changes::differences(&traced_before, &traced(&changed)?, &[])?;
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

/// What becomes of the rule's states and alarms; `before`: the rule, if it was understood.
async fn settle(
    tx: &Tx,
    caller: &Caller,
    before: Option<&Rule>,
    changed: &Rule,
    now: Timestamp,
) -> Result<(), StoreError> {
    let going_on = before.filter(|before| judges_the_same(before, changed));
    match going_on {
        Some(before) => {
            rules::keep_states(tx, changed.id, before.version, changed.version).await?;
        }
        None => rules::forget_states(tx, changed.id).await?,
    }
    let stays = going_on.is_some();
    if !changed.enabled || before.is_none_or(|before| before.condition != changed.condition) {
        rules::forget_learned(tx, changed.id).await?;
    }
    if !changed.enabled || before.is_none_or(|before| !watches_the_same(before, changed)) {
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
