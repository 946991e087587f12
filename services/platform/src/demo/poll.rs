//! What the API says of the machines, as rows of the table.

use std::collections::HashSet;
use std::time::Duration;

use millwright_schemas::api::machines::{Machine, MachineConnection};
use millwright_schemas::api::page::Page;
use millwright_schemas::wire::events::{EventType, FaultCleared, FaultRaised, FaultSnapshot};
use millwright_schemas::{MachineId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::agents::AgentState;
use super::api::Api;
use super::fleet::Telling;
use super::limits::EVENTS_READ;
use super::setup::Registered;
use super::table::{Contact, Row};

/// A signal's newest value.
#[derive(Debug, Clone, Deserialize)]
struct Latest {
    signal: String,
    value: Value,
}

/// A fault event that a machine has reported.
#[derive(Debug, Clone, Deserialize)]
struct Reported {
    #[serde(rename = "type")]
    event_type: EventType,
    data: Map<String, Value>,
}

/// Asks for all machines. `states` are those of their agents, in the same order.
pub(super) async fn rows(
    api: &mut Api,
    fleet: &[Registered],
    states: &[AgentState],
    now: Timestamp,
) -> anyhow::Result<Vec<Row>> {
    let machines = api.machines().await?;
    let mut rows = Vec::with_capacity(fleet.len());
    for (index, registered) in fleet.iter().enumerate() {
        let machine = machines.iter().find(|machine| machine.id == registered.id);
        let state = states.get(index).copied().unwrap_or(AgentState::Running);
        rows.push(Row {
            name: name(machine, registered),
            contact: contact(machine.map(|machine| &machine.connection), state, now),
            values: values(api, registered).await?,
            faults: faults(api, registered.id).await?,
        });
    }
    Ok(rows)
}

/// It may have been renamed.
fn name(machine: Option<&Machine>, registered: &Registered) -> String {
    machine.map_or_else(|| registered.machine.name.to_owned(), |machine| machine.name.clone())
}

fn contact(connection: Option<&MachineConnection>, state: AgentState, now: Timestamp) -> Contact {
    if let AgentState::Waiting(after) = state {
        return Contact::Restarting(after);
    }
    let age = |seen: Timestamp| {
        Duration::from_micros(u64::try_from(now.micros_since(seen)).unwrap_or_default())
    };
    match connection {
        Some(connection) => match connection.last_seen_at.or(connection.connected_at) {
            Some(seen) if connection.connected => Contact::Online(age(seen)),
            Some(seen) => Contact::Offline(age(seen)),
            None => Contact::Never,
        },
        None => Contact::Never,
    }
}

async fn values(api: &mut Api, registered: &Registered) -> anyhow::Result<Vec<String>> {
    let path = format!("/machines/{}/signals?limit=500", registered.id);
    let page: Page<Latest> = api.get(&path).await?;
    let shown = registered.machine.telling.iter().filter_map(|telling| {
        let fits =
            |item: &&Latest| item.signal.starts_with(telling.signal) && !item.value.is_null();
        page.items.iter().find(fits).map(|item| describe(telling, &item.value))
    });
    Ok(shown.collect())
}

fn describe(telling: &Telling, value: &Value) -> String {
    let value = match value {
        Value::Number(number) => format_number(number.as_f64().unwrap_or_default()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let words = [telling.label, &value, telling.unit];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn format_number(number: f64) -> String {
    if number.fract() == 0.0 || number.abs() >= 1_000.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

async fn faults(api: &mut Api, machine: MachineId) -> anyhow::Result<Vec<String>> {
    let path = format!("/machines/{machine}/events?type=fault.*&limit={EVENTS_READ}");
    let page: Page<Reported> = api.get(&path).await?;
    Ok(active(&page.items))
}

/// The codes of the faults that are active after these events, newest first.
fn active(events: &[Reported]) -> Vec<String> {
    let mut decided: HashSet<(String, String)> = HashSet::new();
    let mut codes = Vec::new();
    for event in events {
        let data = Value::Object(event.data.clone());
        match event.event_type {
            EventType::FaultRaised => {
                if let Ok(fault) = serde_json::from_value::<FaultRaised>(data)
                    && decided.insert((fault.source, fault.code.clone()))
                {
                    codes.push(fault.code);
                }
            }
            EventType::FaultCleared => {
                if let Ok(fault) = serde_json::from_value::<FaultCleared>(data) {
                    decided.insert((fault.source, fault.code));
                }
            }
            EventType::FaultSnapshot => {
                let Ok(snapshot) = serde_json::from_value::<FaultSnapshot>(data) else { continue };
                for fault in snapshot.faults {
                    if decided.insert((fault.source, fault.code.clone())) {
                        codes.push(fault.code);
                    }
                }
                // It says all that was active then: what is older has no say.
                break;
            }
            _ => {}
        }
    }
    codes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(event_type: &str, data: &Value) -> Reported {
        serde_json::from_value(json!({ "type": event_type, "data": data })).unwrap()
    }

    #[test]
    fn the_newest_word_on_a_fault_counts() {
        let events = [
            event("fault.cleared", &json!({ "code": "A" })),
            event("fault.raised", &json!({ "code": "B" })),
            event("fault.raised", &json!({ "code": "A" })),
            event("fault.snapshot", &json!({ "faults": [{ "code": "A" }, { "code": "C" }] })),
            event("fault.raised", &json!({ "code": "D" })),
        ];
        assert_eq!(active(&events), ["B", "C"]);
        assert_eq!(active(&[]), Vec::<String>::new());
    }

    #[test]
    fn values_are_short() {
        let telling = |label, unit| Telling { signal: "any", label, unit };
        for (telling, value, text) in [
            (telling("load", "%"), json!(61.25), "load 61.2 %"),
            (telling("floor", ""), json!(4), "floor 4"),
            (telling("", ""), json!("cutting"), "cutting"),
            (telling("door open", ""), json!(true), "door open true"),
            (telling("speed", "1/min"), json!(11_999.6), "speed 12000 1/min"),
        ] {
            assert_eq!(describe(&telling, &value), text);
        }
    }
}
