//! Who is connected, as the platform shows it, beside who really is: when all are there, when some have
//! left, and when the agents among them are back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use millwright_test_database::Peer;
use tokio::sync::watch;
use uuid::Uuid;

use crate::world::{Phase, World};

/// Time for what is shown to become true. A connection whose end nobody recorded is found after 45 s, a
/// gateway that is gone after 25 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// For so long it must then stay true: longer than gateways take to review their connections.
const STAYS: Duration = Duration::from_secs(4);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Only of so many simulated machines some leave: each is an alarm and a ticket.
const LEAVING: u64 = 20;

/// Whether the simulated machine or agent of this number leaves at the end.
pub(crate) fn leaves(number: u64) -> bool {
    number < LEAVING && number.is_multiple_of(2)
}

/// Whether it then says so, or only goes.
pub(crate) fn says_goodbye(number: u64) -> bool {
    number.is_multiple_of(4)
}

/// Whether each is connected.
type Present = BTreeMap<Uuid, bool>;

/// Machines that aren't shown as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Gone, and shown as connected.
    ghosts: Vec<Uuid>,
    /// Connected, and shown as gone.
    unseen: Vec<Uuid>,
    /// Connected, and the alarm of lost contact is active.
    alarmed: Vec<Uuid>,
    /// Gone, and there is no such alarm.
    unnoticed: Vec<Uuid>,
}

impl Wrong {
    /// What is wrong, in words, with the machines.
    pub(crate) fn kinds(&self) -> [(&'static str, &[Uuid]); 4] {
        [
            ("gone and shown as connected", self.ghosts.as_slice()),
            ("connected and shown as gone", self.unseen.as_slice()),
            ("connected and alarmed as lost", self.alarmed.as_slice()),
            ("gone without an alarm", self.unnoticed.as_slice()),
        ]
    }

    fn is_nothing(&self) -> bool {
        self.kinds().iter().all(|(_, machines)| machines.is_empty())
    }
}

/// Compares three times; what was still wrong each time when the patience ended.
pub(crate) async fn reconcile(
    world: &World,
    phase: &watch::Sender<Phase>,
) -> anyhow::Result<Vec<(&'static str, Wrong)>> {
    let told = world.told();
    told.tell("quiet: who is connected is compared with who is shown");
    let mut found = vec![("all were there", settle(world, &present(world, |_| false)?).await?)];

    phase.send_replace(Phase::Parting);
    let mut left = Vec::new();
    for (agent, number) in world.agents().iter().zip(0..) {
        if leaves(number) {
            let mut process = agent.process.lock().await;
            if says_goodbye(number) {
                process.stop().await;
            } else {
                process.kill();
            }
            left.push(agent);
        }
    }
    told.tell("some machines and agents have left");
    found.push(("some had left", settle(world, &present(world, |_| true)?).await?));

    for agent in left {
        agent.process.lock().await.run();
    }
    told.tell("agents are back");
    let back = present(world, |who| who == Who::Machine)?;
    found.push(("agents were back", settle(world, &back).await?));
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Agent,
    Machine,
}

/// Who is connected when those of this kind that leave have left.
fn present(world: &World, have_left: impl Fn(Who) -> bool) -> anyhow::Result<Present> {
    let mut present = Present::new();
    for (identity, number) in world.machines().iter().zip(0..) {
        present.insert(identity.machine, !(have_left(Who::Machine) && leaves(number)));
    }
    for (agent, number) in world.agents().iter().zip(0..) {
        let machine = Uuid::parse_str(&agent.machine)?;
        present.insert(machine, !(have_left(Who::Agent) && leaves(number)));
    }
    Ok(present)
}

/// Waits until all is shown as it is, and stays so; what is still wrong when the patience ends.
async fn settle(world: &World, present: &Present) -> anyhow::Result<Wrong> {
    let mut peer = world.peer().await;
    let started = Instant::now();
    let mut right_since: Option<Instant> = None;
    loop {
        match look(world, &mut peer, present).await {
            Ok(wrong) if wrong.is_nothing() => {
                let since = *right_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= STAYS {
                    return Ok(wrong);
                }
            }
            wrong if started.elapsed() > PATIENCE => return wrong,
            _ => right_since = None,
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(world: &World, peer: &mut Peer, present: &Present) -> anyhow::Result<Wrong> {
    let mut shown = Present::new();
    for machine in world.api().items("/machines").await? {
        let id = Uuid::parse_str(machine["id"].as_str().context("an id")?)?;
        let connected = machine["connection"]["connected"].as_bool().context("whether it is")?;
        shown.insert(id, connected);
    }
    let sql = "SELECT DISTINCT hex(machine_id) FROM alarms WHERE origin = 'contact' AND active";
    let rows = peer.rows(sql).await;
    let alarmed: Result<BTreeSet<Uuid>, _> = rows.iter().map(|id| Uuid::parse_str(id)).collect();
    let alarmed = alarmed?;
    Ok(compare(present, &shown, &alarmed))
}

fn compare(present: &Present, shown: &Present, alarmed: &BTreeSet<Uuid>) -> Wrong {
    let mut wrong = Wrong::default();
    for (machine, present) in present {
        match (*present, shown.get(machine).copied().unwrap_or(false)) {
            (true, false) => wrong.unseen.push(*machine),
            (false, true) => wrong.ghosts.push(*machine),
            _ => {}
        }
        match (*present, alarmed.contains(machine)) {
            (true, true) => wrong.alarmed.push(*machine),
            (false, false) => wrong.unnoticed.push(*machine),
            _ => {}
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_found() {
        let [here, away] = [1, 2].map(Uuid::from_u128);
        let present = Present::from([(here, true), (away, false)]);
        let alarmed = BTreeSet::from([away]);
        assert!(compare(&present, &present, &alarmed).is_nothing());

        let wrong = compare(&present, &Present::new(), &BTreeSet::from([here]));
        let (unseen, alarmed) = (vec![here], vec![here]);
        let unnoticed = vec![away];
        assert_eq!(wrong, Wrong { unseen, alarmed, unnoticed, ghosts: Vec::new() });

        let wrong =
            compare(&present, &Present::from([(here, true), (away, true)]), &BTreeSet::new());
        assert_eq!(wrong.ghosts, [away]);
        assert!(!wrong.is_nothing());
    }

    #[test]
    fn some_of_each_kind_leave_and_some_stay() {
        let left: Vec<u64> = (0..100).filter(|number| leaves(*number)).collect();
        assert_eq!(left.len(), 10);
        assert!(left.iter().any(|number| says_goodbye(*number)));
        assert!(left.iter().any(|number| !says_goodbye(*number)));
    }
}
