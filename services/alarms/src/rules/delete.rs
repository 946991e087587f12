//! Deleting a rule.

use millwright_core::access::{Caller, Permission};
use millwright_core::audit::Subject;
use millwright_schemas::api::alarms::ClearReason;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::changes::Change;
use millwright_store::{Scope, Store, alarms, changes, rules};

use super::change::traced_stored;
use crate::AlarmError;

/// Deletes a rule and clears its alarms, also one that this program doesn't understand.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn delete(
    store: &Store,
    caller: &Caller,
    id: RuleId,
    now: Timestamp,
) -> Result<(), AlarmError> {
    caller.require(Permission::WriteRules)?;
    let tx = store.begin().await?;
    let rule = rules::load_stored(&tx, Scope::Organization(caller.organization), id).await?;
    alarms::clear_rule(&tx, id, ClearReason::RuleDeleted, caller.actor, now).await?;
    rules::delete(&tx, id, now).await?;
    let change = Change {
        organization: rule.organization_id,
        actor: caller.actor,
        action: "rule.deleted",
        subject: Subject::new("rule", id),
        version: Some(rule.version),
        details: traced_stored(&rule)?,
        at: now,
    };
    changes::record(&tx, change).await?;
    tx.commit().await?;
    Ok(())
}
