//! The trace that a change of a machine leaves.

use millwright_core::access::Caller;
use millwright_core::audit::Subject;
use millwright_schemas::Timestamp;
use millwright_schemas::api::machines::Machine;
use millwright_store::changes::Change;
use serde_json::{Map, Value};

/// Fields that say nothing about what was changed.
pub(super) const UNTOLD: [&str; 3] = ["version", "updated_at", "connection"];

pub(super) fn change(
    caller: &Caller,
    machine: &Machine,
    action: &'static str,
    details: Map<String, Value>,
    at: Timestamp,
) -> Change {
    Change {
        organization: machine.organization_id,
        actor: caller.actor,
        action,
        subject: Subject::new("machine", machine.id),
        version: Some(machine.version),
        details,
        at,
    }
}

/// Parameters stand in the audit record as text: their numbers have no canonical form.
pub(super) fn worded(details: &mut Map<String, Value>) {
    let Some(Value::Object(change)) = details.get_mut("parameters") else { return };
    for side in change.values_mut() {
        // Left out when there are none.
        let side_text = if side.is_null() { "{}".to_owned() } else { side.to_string() };
        *side = Value::String(side_text);
    }
}
