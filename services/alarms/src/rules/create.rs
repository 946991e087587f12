//! Writing a rule.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::rules::{Rule, RuleInput};
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::machines::organizations;
use millwright_store::{Scope, Store, changes, rules};
use uuid::Uuid;

use super::change::{change, traced};
use super::check::{form, missing};
use super::limits::RULES_MAX;
use crate::AlarmError;

/// Adds a rule. It watches from the next batch of samples on.
///
/// # Errors
/// Not permitted, a field can't be accepted, the organization isn't found or has too many rules,
/// or the database can't.
pub async fn create(
    store: &Store,
    caller: &Caller,
    input: RuleInput,
    now: Timestamp,
) -> Result<Rule, AlarmError> {
    caller.require(Permission::WriteRules)?;
    let scope = Scope::Organization(caller.organization);
    let organization = input.organization_id.unwrap_or(caller.organization);
    let mut fields = form(&input);
    let tx = store.begin().await?;
    organizations::load(&tx, scope, organization).await?;
    missing(&tx, scope, organization, &input, &mut fields).await?;
    if rules::count(&tx, organization).await? >= RULES_MAX {
        fields.refuse("organization_id", format!("has {RULES_MAX} rules, no more fit"));
    }
    fields.finish()?;
    let rule = Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: organization,
        name: input.name,
        machine_id: input.machine_id,
        model: input.model,
        condition: input.condition,
        severity: input.severity,
        message: input.message,
        enabled: input.enabled,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    rules::insert(&tx, &rule).await?;
    changes::record(&tx, change(caller, &rule, "rule.created", traced(&rule)?, now)).await?;
    tx.commit().await?;
    Ok(rule)
}
