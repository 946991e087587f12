//! Faults: each event once, and alarms that are what follows from them.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use millwright_test_database::Peer;
use serde_json::Value;
use uuid::Uuid;

use crate::agents::{Answer, LAST, RealAgent, Reported};
use crate::machine::{FaultEvent, Machine};
use crate::outcome::{Count, Outcome};

/// A fault's alarms, one after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Alarms {
    /// How many there were.
    alarms: usize,
    /// How often the fault was raised, over all of them.
    raised: usize,
    /// How many are active.
    active: usize,
}

/// An event as stored: type and code.
type Events = HashMap<String, Vec<(String, String)>>;

pub(super) async fn machines(
    peer: &mut Peer,
    machines: &[Machine],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let (mut events, mut alarms) = (Count::default(), Count::default());
    for machine in machines {
        let id = machine.identity.machine;
        let made = &machine.record.faults;
        let mut stored = stored_events(peer, id).await?;
        events.made += made.len();
        events.promised += machine.record.acknowledged_faults;
        for (place, event) in made.iter().enumerate() {
            let kind = if event.raised { "fault.raised" } else { "fault.cleared" };
            match stored.remove(&hex(event.id)).as_deref() {
                None if place >= machine.record.acknowledged_faults => {}
                None => {
                    events.lost += 1;
                    outcome.findings.push(format!("machine {id}: {kind} {} is lost", event.code));
                }
                Some([(found, code)]) if found == kind && *code == event.code => events.stored += 1,
                Some(found) => {
                    events.wrong += 1;
                    outcome
                        .findings
                        .push(format!("machine {id}: {event:?} is stored as {found:?}"));
                }
            }
        }
        if !stored.is_empty() {
            events.doubled += stored.len();
            outcome.findings.push(format!("machine {id}: events that nobody made: {stored:?}"));
        }
        let wanted = follow(made.iter().take(machine.record.acknowledged_faults));
        let there = stored_alarms(peer, id).await?;
        if machine.record.acknowledged_faults == made.len() {
            compare(&format!("machine {id}"), &wanted, &there, &mut alarms, outcome);
        }
    }
    outcome.counts.push(("fault events of simulated machines", events));
    outcome.counts.push(("… alarms that follow", alarms));
    Ok(())
}

/// The alarms that must come of events in this order.
fn follow<'a>(events: impl Iterator<Item = &'a FaultEvent>) -> BTreeMap<String, Alarms> {
    let mut all: BTreeMap<String, Alarms> = BTreeMap::new();
    for FaultEvent { code, raised, .. } in events {
        let alarms = all.entry(code.clone()).or_default();
        if *raised {
            alarms.raised += 1;
            if alarms.active == 0 {
                alarms.alarms += 1;
            }
        }
        alarms.active = usize::from(*raised);
    }
    all.retain(|_, alarms| alarms.alarms > 0);
    all
}

fn compare(
    whose: &str,
    wanted: &BTreeMap<String, Alarms>,
    there: &BTreeMap<String, Alarms>,
    count: &mut Count,
    outcome: &mut Outcome,
) {
    let total =
        |of: &BTreeMap<String, Alarms>| -> usize { of.values().map(|alarms| alarms.alarms).sum() };
    count.made += total(wanted);
    count.promised += total(wanted);
    count.stored += total(there);
    for code in wanted.keys().chain(there.keys().filter(|code| !wanted.contains_key(*code))) {
        let wanted = wanted.get(code).copied().unwrap_or_default();
        let there = there.get(code).copied().unwrap_or_default();
        if wanted == there {
            continue;
        }
        count.lost += wanted.alarms.saturating_sub(there.alarms);
        count.doubled += there.alarms.saturating_sub(wanted.alarms);
        count.wrong += usize::from(wanted.alarms == there.alarms);
        outcome.findings.push(format!("{whose}, fault {code}: {there:?}, it should be {wanted:?}"));
    }
}

pub(super) async fn agents(
    peer: &mut Peer,
    agents: &[RealAgent],
    reported: &[Vec<Reported>],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut count = Count::default();
    for (number, (agent, reported)) in agents.iter().zip(reported).enumerate() {
        let machine = Uuid::parse_str(&agent.machine)?;
        let stored = stored_events(peer, machine).await?;
        let alarms = stored_alarms(peer, machine).await?;
        let times = |kind: &str, code: &str| {
            let same = |event: &&(String, String)| event.0 == kind && event.1 == code;
            stored.values().flatten().filter(same).count()
        };
        let last = Reported { code: LAST.to_owned(), raise: Answer::Taken, clear: None };
        for Reported { code, raise, clear } in reported.iter().chain([&last]) {
            let whose = format!("agent {number}, fault {code}");
            once(&whose, times("fault.raised", code), *raise, &mut count, outcome);
            // A clear of what may not have been raised need not leave anything.
            let cleared = match (raise, clear) {
                (_, None) => Some(Answer::InDoubt),
                (Answer::Taken, Some(clear)) => Some(*clear),
                (Answer::InDoubt, Some(_)) => None,
            };
            if clear.is_some() {
                let answer = cleared.unwrap_or(Answer::InDoubt);
                let whose = format!("{whose}, cleared");
                once(&whose, times("fault.cleared", code), answer, &mut count, outcome);
            }
            let active = alarms.get(code).copied().unwrap_or_default().active;
            let wanted = match (raise, clear) {
                (Answer::Taken, None) => Some(1),
                (Answer::Taken, Some(Answer::Taken)) => Some(0),
                _ => None,
            };
            if wanted.is_some_and(|wanted| wanted != active) {
                count.wrong += 1;
                outcome.findings.push(format!(
                    "{whose}: {active} active alarms; raise {raise:?}, clear {clear:?}"
                ));
            }
        }
    }
    outcome.counts.push(("fault events of agents", count));
    Ok(())
}

/// What was taken is there once; what is in doubt at most once.
fn once(whose: &str, times: usize, answer: Answer, count: &mut Count, outcome: &mut Outcome) {
    count.made += 1;
    count.promised += usize::from(answer == Answer::Taken);
    count.stored += times.min(1);
    if times == 0 && answer == Answer::Taken {
        count.lost += 1;
        outcome.findings.push(format!("{whose}: taken, and lost"));
    }
    if times > 1 {
        count.doubled += times - 1;
        outcome.findings.push(format!("{whose}: stored {times} times"));
    }
}

async fn stored_events(peer: &mut Peer, machine: Uuid) -> anyhow::Result<Events> {
    let id = peer.id(machine);
    let sql = format!(
        "SELECT hex(id), type, data FROM machine_events \
         WHERE machine_id = {id} AND type IN ('fault.raised', 'fault.cleared')"
    );
    let mut events = Events::new();
    for row in peer.rows(&sql).await {
        let mut cells = row.splitn(3, '|');
        let mut cell = || cells.next().context("three columns");
        let (id, kind, data) = (cell()?, cell()?, cell()?);
        let data: Value = serde_json::from_str(data)?;
        let code = data["code"].as_str().context("a code")?.to_owned();
        events.entry(id.to_owned()).or_default().push((kind.to_owned(), code));
    }
    Ok(events)
}

async fn stored_alarms(peer: &mut Peer, machine: Uuid) -> anyhow::Result<BTreeMap<String, Alarms>> {
    let id = peer.id(machine);
    let sql = format!(
        "SELECT code, COUNT(*), SUM(count), SUM(CASE WHEN active THEN 1 ELSE 0 END) FROM alarms \
         WHERE machine_id = {id} AND origin = 'fault' GROUP BY code"
    );
    let mut alarms = BTreeMap::new();
    for row in peer.rows(&sql).await {
        let cells: Vec<&str> = row.split('|').collect();
        let [code, number, raised, active] = cells[..] else { anyhow::bail!("columns: {row}") };
        let of =
            Alarms { alarms: number.parse()?, raised: raised.parse()?, active: active.parse()? };
        alarms.insert(code.to_owned(), of);
    }
    Ok(alarms)
}

fn hex(id: Uuid) -> String {
    id.simple().to_string().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: &str, raised: bool) -> FaultEvent {
        FaultEvent { id: Uuid::new_v4(), code: code.to_owned(), raised }
    }

    #[test]
    fn a_repeat_counts_up_and_one_after_the_end_is_a_new_alarm() {
        let events = [
            event("a", true),
            event("a", true),
            event("b", false),
            event("a", false),
            event("a", true),
            event("c", true),
            event("c", false),
        ];
        let followed = follow(events.iter());
        assert_eq!(followed["a"], Alarms { alarms: 2, raised: 3, active: 1 });
        assert_eq!(followed["c"], Alarms { alarms: 1, raised: 1, active: 0 });
        assert!(!followed.contains_key("b"));
    }
}
