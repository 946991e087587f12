//! Compares what machines, agents and people wrote down with what the platform has.

mod alarms;
mod commands;
mod samples;

use std::collections::BTreeMap;

use millwright_test_database::Peer;
use serde_json::json;

use crate::agents::Reported;
use crate::drain;
use crate::machine::Machine;
use crate::orders::Order;
use crate::outcome::Outcome;
use crate::plan::{Blow, Outage, Planned};
use crate::presence::Wrong;
use crate::world::World;

/// What was written down on the machines' side.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) machines: Vec<Machine>,
    /// Of each agent.
    pub(crate) reported: Vec<Vec<Reported>>,
    /// For each agent.
    pub(crate) orders: Vec<Vec<Order>>,
    /// What wasn't shown as it was, each time that it was compared.
    pub(crate) presence: Vec<(&'static str, Wrong)>,
}

/// Counts everything.
pub(crate) async fn count(
    world: &World,
    recorded: &Recorded,
    plan: &[Planned],
) -> anyhow::Result<Outcome> {
    let (database, mut peer) = (world.database().await, world.peer().await);
    let args = world.args();
    let mut outcome = Outcome {
        seed: world.seed(),
        settings: json!({
            "duration_s": args.duration_s, "database": args.database.name(),
            "gateways": args.gateways(), "machines": args.machines, "agents": args.agents,
            "rate": args.rate,
        }),
        ..Outcome::default()
    };
    samples::machines(&database, &recorded.machines, &mut outcome).await?;
    samples::agents(&database, world.agents(), &mut outcome).await?;
    alarms::machines(&mut peer, &recorded.machines, &mut outcome).await?;
    alarms::agents(&mut peer, world.agents(), &recorded.reported, &mut outcome).await?;
    commands::count(world, &recorded.orders, &mut outcome).await?;
    platform(world, &mut peer, &mut outcome).await?;
    presence(recorded, &mut outcome);
    happened(recorded, &mut outcome);
    for Planned { blow, .. } in plan {
        *outcome.blows.entry(name(blow).to_owned()).or_default() += 1;
    }
    Ok(outcome)
}

/// What the platform counts itself.
async fn platform(world: &World, peer: &mut Peer, outcome: &mut Outcome) -> anyhow::Result<()> {
    const COUNTER: &str = "SELECT COALESCE(SUM(conflicts), 0) FROM machine_counters";
    for (what, sql) in [
        (
            "messages missing (gaps)",
            "SELECT COALESCE(SUM(to_seq - from_seq + 1), 0) FROM gaps".to_owned(),
        ),
        ("conflicts", COUNTER.to_owned()),
        ("quarantined", COUNTER.replace("conflicts", "quarantined")),
        ("dead jobs", "SELECT COUNT(*) FROM jobs WHERE state = 'dead'".to_owned()),
        ("jobs overdue", drain::overdue_jobs()),
        (
            "holes in the events' positions",
            "SELECT COALESCE(MAX(position) - MIN(position) + 1 - COUNT(*), 0) FROM events"
                .to_owned(),
        ),
    ] {
        outcome.zeros.push((what, peer.value(&sql).await.parse()?));
    }
    let duplicates = peer.value(&COUNTER.replace("conflicts", "duplicates")).await.parse()?;
    outcome.figures.push(("duplicates recognised", duplicates));
    let lost = "SELECT COALESCE(SUM(count), 0) FROM alarms WHERE origin = 'contact'";
    outcome.figures.push(("contact with a machine lost", peer.value(lost).await.parse()?));
    outcome.ended_by_itself(world.platform_ended_by_itself().await);
    if world.args().gateways() > 1 {
        let (led, moved) = world.led_and_moved().await;
        outcome.figures.extend([
            ("connections to the second gateway", i64::try_from(led)?),
            ("connections moved from a process that stood still", i64::try_from(moved)?),
        ]);
    }
    Ok(())
}

fn presence(recorded: &Recorded, outcome: &mut Outcome) {
    let mut counts: BTreeMap<&'static str, i64> = BTreeMap::new();
    for (when, wrong) in &recorded.presence {
        for (what, machines) in wrong.kinds() {
            *counts.entry(what).or_default() += machines.len() as i64;
            for machine in machines {
                outcome.findings.push(format!("machine {machine}, when {when}: {what}"));
            }
        }
    }
    outcome.zeros.extend(counts);
}

fn happened(recorded: &Recorded, outcome: &mut Outcome) {
    let sum = |of: fn(&Machine) -> usize| -> i64 {
        recorded.machines.iter().map(|machine| of(machine) as i64).sum()
    };
    outcome.figures.extend([
        ("messages of simulated machines", sum(|machine| machine.record.messages)),
        ("… sent once more though acknowledged", sum(|machine| machine.record.again)),
        ("… connections broken", sum(|machine| machine.record.broken)),
    ]);
    outcome.zeros.push(("messages refused", sum(|machine| machine.record.refused.len())));
    for machine in &recorded.machines {
        for (error, times) in &machine.record.errors {
            *outcome.errors.entry(error.clone()).or_default() += times;
        }
        for refused in &machine.record.refused {
            let id = machine.identity.machine;
            outcome.findings.push(format!("machine {id}: a message was refused with {refused}"));
        }
    }
}

const fn name(blow: &Blow) -> &'static str {
    match blow {
        Blow::KillPlatform { .. } => "platform killed",
        Blow::PausePlatform { .. } => "platform paused",
        Blow::KillGateway { .. } => "second gateway killed",
        Blow::PauseGateway { .. } => "second gateway paused",
        Blow::KillBus { .. } => "bus killed",
        Blow::PauseBus { .. } => "bus paused",
        Blow::KillAgent { .. } => "agent killed",
        Blow::PauseAgent { .. } => "agent paused",
        Blow::Cut { .. } => "connections cut",
        Blow::Tear { .. } => "connections torn",
        Blow::Stall { .. } => "connections stalled",
        Blow::NoNetwork { .. } => "no network",
        Blow::KillPostgres { .. } => "PostgreSQL killed",
        Blow::PausePostgres { .. } => "PostgreSQL paused",
        Blow::Long { outage, .. } => match outage {
            Outage::PostgresKilled => "PostgreSQL killed, for long",
            Outage::PostgresPaused => "PostgreSQL paused, for long",
            Outage::BusKilled => "bus killed, for long",
            Outage::BusPaused => "bus paused, for long",
        },
    }
}
