//! What the API says of the machines, as rows of the table.

use std::time::Duration;

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::machines::{Machine, MachineConnection};
use millwright_schemas::api::page::Page;
use millwright_schemas::api::tickets::Ticket;
use millwright_schemas::{MachineId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::agents::AgentState;
use super::api::Api;
use super::fleet::Telling;
use super::setup::Registered;
use super::table::{Contact, Row};

/// A signal's newest value.
#[derive(Debug, Clone, Deserialize)]
struct Latest {
    signal: String,
    value: Value,
}

/// Asks for all machines. `states` are those of their agents, in the same order.
pub(super) async fn rows(
    api: &mut Api,
    fleet: &[Registered],
    states: &[AgentState],
    now: Timestamp,
) -> anyhow::Result<Vec<Row>> {
    let machines = api.machines().await?;
    let tickets: Page<Ticket> = api.get("/tickets?state=open&limit=500").await?;
    let mut rows = Vec::with_capacity(fleet.len());
    for (index, registered) in fleet.iter().enumerate() {
        let machine = machines.iter().find(|machine| machine.id == registered.id);
        let state = states.get(index).copied().unwrap_or(AgentState::Running);
        rows.push(Row {
            name: name(machine, registered),
            contact: contact(machine.map(|machine| &machine.connection), state, now),
            values: values(api, registered).await?,
            alarms: alarms(api, registered.id, &tickets.items).await?,
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

/// What is wrong with the machine: the alarms that are active, each with its ticket.
async fn alarms(
    api: &mut Api,
    machine: MachineId,
    tickets: &[Ticket],
) -> anyhow::Result<Vec<String>> {
    let page: Page<Alarm> = api.get(&format!("/alarms?machine_id={machine}&state=open")).await?;
    Ok(page.items.iter().map(|alarm| describe_alarm(alarm, tickets)).collect())
}

fn describe_alarm(alarm: &Alarm, tickets: &[Ticket]) -> String {
    // A rule's code is its id, which tells a person nothing.
    let what = if alarm.origin == AlarmOrigin::Rule { &alarm.source } else { &alarm.code };
    let ticket = tickets.iter().find(|ticket| Some(ticket.id) == alarm.ticket_id);
    ticket.map_or_else(|| what.clone(), |ticket| format!("{what} ({})", ticket.number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

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
