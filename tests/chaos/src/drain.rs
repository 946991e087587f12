//! After the trouble: waits until all that is under way has arrived.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use millwright_test_database::Peer;
use millwright_tests::Database;

use crate::agents::LAST;
use crate::machine::Progress;
use crate::orders;
use crate::world::World;

/// Time in which nothing at all arrives. Commands expire after a minute.
const PATIENCE: Duration = Duration::from_secs(150);
/// Time for all of it, beside ten times as much as the trouble lasted: on a busy computer the work
/// that alarms leave behind takes long.
const LONGEST: Duration = Duration::from_secs(300);
/// The same for the work that comes of machines that leave at the end.
const LEFT_WORK: Duration = Duration::from_secs(60);
/// A job that fell due so long ago should have been done.
const OVERDUE: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Between two lines on the terminal.
const TELL: Duration = Duration::from_secs(5);

/// Returns what still hasn't arrived when the patience ends: nothing, if all is well.
pub(crate) async fn wait(
    world: &World,
    progress: &Progress,
    trouble_s: u64,
) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let longest = LONGEST + 10 * Duration::from_secs(trouble_s);
    let mut last = (Vec::new(), Instant::now());
    let mut told = Instant::now();
    let mut raised = vec![false; world.agents().len()];
    let mut database = None;
    loop {
        let mut left = raise_last(world, &mut raised);
        let made = progress.made.load(Ordering::Relaxed);
        let acknowledged = progress.acknowledged.load(Ordering::Relaxed);
        if made > acknowledged {
            left.push(format!("{} of {made} messages of machines", made - acknowledged));
        }
        // An answer that doesn't come is no promise: nobody waits for it for ever.
        let unanswered = progress.unanswered.load(Ordering::Relaxed);
        if unanswered > 0 && started.elapsed() < Duration::from_secs(trouble_s) {
            left.push(format!("the answers to {unanswered} commands"));
        }
        left.extend(open_commands(world).await);
        // Once the platform answers and machines are done: counting costs.
        if left.is_empty() {
            let database = match &mut database {
                Some(database) => database,
                none => none.insert(Look::open(world).await),
            };
            left.extend(database.left(world).await?);
        }
        if left.is_empty() || last.1.elapsed() > PATIENCE || started.elapsed() > longest {
            return Ok(left);
        }
        if left != last.0 {
            last = (left.clone(), Instant::now());
        }
        if told.elapsed() > TELL {
            world.told().tell(&format!("waiting for {}", left.join("; ")));
            told = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A last fault of each agent: when it is there, all faults before it are.
fn raise_last(world: &World, raised: &mut [bool]) -> Vec<String> {
    let mut left = Vec::new();
    for (number, (agent, raised)) in world.agents().iter().zip(raised).enumerate() {
        if !*raised {
            match agent.report_last() {
                Ok(()) => *raised = true,
                Err(error) => left.push(format!("agent {number} takes no fault ({error:#})")),
            }
        }
    }
    left
}

async fn open_commands(world: &World) -> Vec<String> {
    let mut open = 0;
    for agent in world.agents() {
        match orders::all(world.api(), &agent.machine).await {
            Ok(commands) => {
                open += commands.iter().filter(|command| !orders::is_final(command)).count();
            }
            Err(error) => return vec![format!("the API ({error:#})")],
        }
    }
    if open > 0 { vec![format!("{open} commands")] } else { Vec::new() }
}

/// How many jobs should have been done by now. Some are for later, as what completes a ticket's
/// evidence.
fn due_jobs() -> String {
    jobs_due_for(Duration::ZERO)
}

/// How many jobs should have been done some time ago: those that fell due a moment ago, as those of tickets that
/// were opened together do, are just being done.
pub(crate) fn overdue_jobs() -> String {
    jobs_due_for(OVERDUE)
}

fn jobs_due_for(age: Duration) -> String {
    let before = (chrono::Utc::now() - age).timestamp_micros();
    format!("SELECT COUNT(*) FROM jobs WHERE state <> 'dead' AND run_at <= {before}")
}

/// Waits until the database has nothing more to be done; returns what it still has when the patience ends.
pub(crate) async fn wait_for_work(world: &World) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let mut database = Look::open(world).await;
    loop {
        let left = database.left(world).await?;
        if left.is_empty() || started.elapsed() > LEFT_WORK {
            return Ok(left);
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Look {
    database: Database,
    peer: Peer,
}

impl Look {
    async fn open(world: &World) -> Self {
        Self { database: world.database().await, peer: world.peer().await }
    }

    async fn left(&mut self, world: &World) -> anyhow::Result<Vec<String>> {
        let mut left = Vec::new();
        for (number, agent) in world.agents().iter().enumerate() {
            let points = self.database.count_points(&agent.machine).await?;
            let missing = i64::try_from(2 * agent.rows)? - points;
            if missing > 0 {
                left.push(format!("{missing} values of agent {number}"));
            }
            let faults = self.database.faults(&agent.machine).await?;
            if !faults.iter().any(|fault| fault.code == LAST) {
                left.push(format!("the last fault of agent {number}"));
            }
        }
        for (what, sql) in [
            (
                "events without a position",
                "SELECT COUNT(*) FROM events WHERE position IS NULL".to_owned(),
            ),
            ("jobs", due_jobs()),
        ] {
            let count = self.peer.value(&sql).await;
            if count != "0" {
                left.push(format!("{count} {what}"));
            }
        }
        Ok(left)
    }
}
