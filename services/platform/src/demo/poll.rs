//! What the API says of the machines, as rows of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::commands::{Catalogue, Command};
use millwright_schemas::api::machines::{Machine, MachineConnection};
use millwright_schemas::api::page::Page;
use millwright_schemas::api::tickets::Ticket;
use millwright_schemas::wire::command::CatalogueEntry;
use millwright_schemas::{MachineId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::agents::AgentState;
use super::api::Api;
use super::fleet::Telling;
use super::setup::Registered;
use super::story::{Seen, Story, is_over};
use super::table::{Contact, Row};

/// A signal's newest value.
#[derive(Debug, Clone, Deserialize)]
struct Latest {
    signal: String,
    value: Value,
}

/// What one look has found.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) rows: Vec<Row>,
    pub(super) seen: Seen,
}

impl Look {
    /// Serial numbers of machines with an open fault or ticket. The mere warning of a rule is no
    /// trouble.
    pub(super) fn troubled(&self, fleet: &[Registered]) -> BTreeSet<&'static str> {
        let faults = self.seen.alarms.iter().filter(|alarm| alarm.origin != AlarmOrigin::Rule);
        let alarms = faults.map(|alarm| alarm.machine_id);
        let open = self.seen.tickets.iter().filter(|ticket| !is_over(ticket));
        let troubled: BTreeSet<MachineId> =
            alarms.chain(open.map(|ticket| ticket.machine_id)).collect();
        let machines = fleet.iter().filter(|machine| troubled.contains(&machine.id));
        machines.map(|machine| machine.machine.serial_number).collect()
    }
}

/// Asks for all machines, and for what the story waits for. `states` are those of their agents, in
/// the same order.
pub(super) async fn look(
    api: &mut Api,
    fleet: &[Registered],
    states: &[AgentState],
    story: &Story,
    now: Timestamp,
) -> anyhow::Result<Look> {
    let machines = api.machines().await?;
    let mut seen = seen(api, story).await?;
    let mut rows = Vec::with_capacity(fleet.len());
    for (index, registered) in fleet.iter().enumerate() {
        let machine = machines.iter().find(|machine| machine.id == registered.id);
        let state = states.get(index).copied().unwrap_or(AgentState::Running);
        rows.push(Row {
            name: name(machine, registered),
            contact: contact(machine.map(|machine| &machine.connection), state, now),
            values: values(api, registered).await?,
            alarms: alarms(registered.id, &seen),
        });
    }
    seen.tickets.sort_by_key(|ticket| ticket.id);
    Ok(Look { rows, seen })
}

/// What is open, and how that is which was.
async fn seen(api: &mut Api, story: &Story) -> anyhow::Result<Seen> {
    // Alarms first: a ticket is never seen before its alarm.
    let alarms: Page<Alarm> = api.get("/alarms?state=open&limit=500").await?;
    let tickets: Page<Ticket> = api.get("/tickets?state=open&limit=500").await?;
    let commands: Page<Command> = api.get("/commands?state=open&limit=500").await?;
    let (mut tickets, mut commands) = (tickets.items, commands.items);
    for id in story.tickets() {
        if tickets.iter().all(|ticket| ticket.id != *id) {
            tickets.push(api.get(&format!("/tickets/{id}")).await?);
        }
    }
    for id in story.asked() {
        if commands.iter().all(|command| command.id != *id) {
            commands.push(api.get(&format!("/commands/{id}")).await?);
        }
    }
    Ok(Seen { tickets, alarms: alarms.items, commands })
}

/// Codes of faults with the commands that remedy them, from a machine's catalogue.
pub(super) async fn remedies(
    api: &mut Api,
    machine: MachineId,
) -> anyhow::Result<BTreeMap<String, String>> {
    let catalogue: Catalogue = api.get(&format!("/machines/{machine}/catalogue")).await?;
    let of = |entry: CatalogueEntry| {
        let name = entry.name;
        entry.remedy_for.into_iter().map(move |code| (code, name.clone()))
    };
    Ok(catalogue.commands.into_iter().flat_map(of).collect())
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
fn alarms(machine: MachineId, seen: &Seen) -> Vec<String> {
    let own = seen.alarms.iter().filter(|alarm| alarm.machine_id == machine);
    own.map(|alarm| describe_alarm(alarm, &seen.tickets)).collect()
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
