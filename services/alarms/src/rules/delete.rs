//! Deleting a rule.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::alarms::ClearReason;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::{Scope, Store, alarms, changes, rules};

use super::change::{change, traced};
use crate::AlarmError;

/// Deletes a rule and clears its alarms.
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
    let rule = rules::load(&tx, Scope::Organization(caller.organization), id).await?;
    alarms::clear_rule(&tx, id, ClearReason::RuleDeleted, caller.actor, now).await?;
    rules::delete(&tx, id, now).await?;
    changes::record(&tx, change(caller, &rule, "rule.deleted", traced(&rule)?, now)).await?;
    tx.commit().await?;
    Ok(())
}
