//! The trace that a change of a rule leaves.

use millwright_core::access::Caller;
use millwright_core::audit::Subject;
use millwright_schemas::Timestamp;
use millwright_schemas::api::rules::Rule;
use millwright_store::StoreError;
use millwright_store::changes::{self, Change};
use millwright_store::rules::Stored;
use serde_json::{Map, Value};

/// Fields that say nothing about what was changed.
pub(super) const UNTOLD: [&str; 2] = ["version", "updated_at"];

pub(super) fn change(
    caller: &Caller,
    rule: &Rule,
    action: &'static str,
    details: Map<String, Value>,
    at: Timestamp,
) -> Change {
    Change {
        organization: rule.organization_id,
        actor: caller.actor,
        action,
        subject: Subject::new("rule", rule.id),
        version: Some(rule.version),
        details,
        at,
    }
}

/// A rule as details of its audit record. The condition is a text: its limits are numbers that
/// have no canonical form.
pub(super) fn traced(rule: &Rule) -> Result<Map<String, Value>, StoreError> {
    let mut map = changes::fields(rule, &UNTOLD)?;
    if let Some(condition) = map.get_mut("condition") {
        *condition = Value::String(condition.to_string());
    }
    Ok(map)
}

/// The same of a rule as it is stored. A condition that isn't understood stands as it is stored.
pub(super) fn traced_stored(stored: &Stored) -> Result<Map<String, Value>, StoreError> {
    match stored.clone().understood() {
        Ok(rule) => traced(&rule),
        Err(_) => changes::fields(stored, &UNTOLD),
    }
}
