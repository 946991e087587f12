//! What rules have learned that is brought up to what is stored, in no batch: what was asked for, and what has
//! become of it. Batches put it here and take it from here, the rebuilder works on it in between.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_detection::watch::Rebuild;
use millwright_schemas::{MachineId, RuleId, SignalKind};
use millwright_store::telemetry::detector_states::Stretch;
use tokio::sync::Notify;

use crate::limits::{REBUILDS_MAX, REBUILT_MAX};

/// A rule with a machine.
pub(crate) type Key = (MachineId, RuleId);

/// Something to be rebuilt.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) machine: MachineId,
    pub(super) rebuild: Rebuild,
    pub(super) signals: Vec<Wanted>,
    /// Stored samples that it has taken.
    pub(super) taken: u64,
}

/// A signal of it, and how much of what is stored is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) place: usize,
    pub(super) stretch: Stretch,
    pub(super) kind: Option<SignalKind>,
    /// Whether it is learned. Others say when.
    pub(super) learned: bool,
    /// At least what is later than this.
    pub(super) newest: i64,
}

/// What has become of something that was asked for.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It wasn't asked for, or isn't there any more.
    Unknown,
    /// It knows what is stored.
    Done {
        rebuild: Box<Rebuild>,
        /// Stored samples that it has taken.
        taken: u64,
    },
    /// It can't be rebuilt.
    Failed,
}

/// What a rule has learned so far, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) version: i64,
    pub(super) through: i64,
    pub(super) state: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Working(Option<Kept>),
    Over(Outcome),
}

#[derive(Debug, Default)]
struct Desk {
    stages: HashMap<Key, (u64, Stage)>,
    waiting: VecDeque<Box<Job>>,
    /// Those that are over, the oldest first; some may have been taken since.
    over: VecDeque<(Key, u64)>,
    tickets: u64,
    /// Whether the one that is worked on has something to be stored.
    kept: bool,
}

/// Where they lie. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rebuilds(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    more: Notify,
}

impl Rebuilds {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one each time.
    pub(super) fn ticket(&self) -> u64 {
        let mut desk = self.desk();
        desk.tickets += 1;
        desk.tickets
    }

    /// Whether one more may be asked for.
    pub(super) fn has_room(&self) -> bool {
        self.desk().waiting.len() < REBUILDS_MAX
    }

    /// Asks for one, instead of what was asked for of the same rule and machine before.
    pub(super) fn ask(&self, job: Job) {
        let (key, ticket) = ((job.machine, job.rebuild.rule()), job.rebuild.ticket());
        let mut desk = self.desk();
        desk.waiting.retain(|other| (other.machine, other.rebuild.rule()) != key);
        desk.stages.insert(key, (ticket, Stage::Waiting));
        desk.waiting.push_back(Box::new(job));
        drop(desk);
        self.0.more.notify_one();
    }

    /// Whether what was asked for with this ticket is still to come.
    pub(super) fn is_to_come(&self, key: Key, ticket: Option<u64>) -> bool {
        let desk = self.desk();
        let Some((of, stage)) = desk.stages.get(&key) else { return false };
        Some(*of) == ticket && matches!(stage, Stage::Waiting | Stage::Working(_))
    }

    /// What has become of what was asked for with this ticket.
    pub(super) fn take(&self, key: Key, ticket: Option<u64>) -> Outcome {
        let mut desk = self.desk();
        let is_over =
            |(of, stage): &(u64, Stage)| Some(*of) == ticket && matches!(stage, Stage::Over(_));
        if !desk.stages.get(&key).is_some_and(is_over) {
            return Outcome::Unknown;
        }
        match desk.stages.remove(&key) {
            Some((_, Stage::Over(outcome))) => outcome,
            _ => Outcome::Unknown,
        }
    }

    /// Whether there is something to be stored on the way.
    pub(super) fn has_kept(&self) -> bool {
        self.desk().kept
    }

    /// What is to be stored of it on the way.
    pub(super) fn take_kept(&self, key: Key, ticket: u64) -> Option<Kept> {
        let mut desk = self.desk();
        let kept = match desk.stages.get_mut(&key) {
            Some((of, Stage::Working(kept))) if *of == ticket => kept.take()?,
            _ => return None,
        };
        desk.kept = false;
        Some(kept)
    }

    /// The next one to be rebuilt; waits for one.
    pub(super) async fn next(&self) -> Box<Job> {
        loop {
            if let Some(job) = self.begin() {
                return job;
            }
            self.0.more.notified().await;
        }
    }

    fn begin(&self) -> Option<Box<Job>> {
        let mut desk = self.desk();
        let job = desk.waiting.pop_front()?;
        let key = (job.machine, job.rebuild.rule());
        desk.stages.insert(key, (job.rebuild.ticket(), Stage::Working(None)));
        desk.kept = false;
        Some(job)
    }

    /// Whether somebody still wants it.
    pub(super) fn is_wanted(&self, key: Key, ticket: u64) -> bool {
        self.desk().stages.get(&key).is_some_and(|(of, _)| *of == ticket)
    }

    /// Tells what it has learned so far.
    pub(super) fn keep(&self, key: Key, ticket: u64, so_far: Kept) {
        let mut desk = self.desk();
        if let Some((of, Stage::Working(kept))) = desk.stages.get_mut(&key)
            && *of == ticket
        {
            *kept = Some(so_far);
            desk.kept = true;
        }
    }

    /// It is over. Beyond the bound the oldest one that nobody has taken is dropped: its machine wasn't heard
    /// since, and asks again when it is.
    pub(super) fn end(&self, key: Key, ticket: u64, outcome: Outcome) {
        let mut desk = self.desk();
        match desk.stages.get_mut(&key) {
            Some((of, stage)) if *of == ticket => *stage = Stage::Over(outcome),
            _ => return,
        }
        desk.over.push_back((key, ticket));
        while desk.over.len() > REBUILT_MAX {
            let Some((key, ticket)) = desk.over.pop_front() else { return };
            let lies =
                |(of, stage): &(u64, Stage)| *of == ticket && matches!(stage, Stage::Over(_));
            if desk.stages.get(&key).is_some_and(lies) {
                desk.stages.remove(&key);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use millwright_detection::rules::CompiledRule;
    use millwright_detection::surroundings::Surroundings;
    use millwright_detection::watch::Watch;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn machine(n: usize) -> MachineId {
        MachineId(Uuid::from_u128(n as u128))
    }

    fn job(n: usize, ticket: u64) -> Job {
        let condition = json!({"kind": "anomaly", "signals": ["t"]});
        let condition = serde_json::from_value(condition).unwrap();
        let rule = Arc::new(CompiledRule::of_condition(condition).unwrap());
        let id = rule.rule().id;
        let mut watch = Watch::new(vec![rule], &Surroundings::default(), |_, _| None);
        let rebuild = watch.set_aside(id, ticket, false).unwrap();
        Job { machine: machine(n), rebuild, signals: Vec::new(), taken: 7 }
    }

    fn key(n: usize) -> Key {
        (machine(n), job(n, 0).rebuild.rule())
    }

    async fn finish(rebuilds: &Rebuilds, n: usize, ticket: u64) {
        rebuilds.ask(job(n, ticket));
        let Job { rebuild, taken, .. } = *rebuilds.next().await;
        let done = Outcome::Done { rebuild: Box::new(rebuild), taken };
        rebuilds.end(key(n), ticket, done);
    }

    #[tokio::test]
    async fn what_was_asked_for_is_told_until_it_is_over_and_taken_once() {
        let rebuilds = Rebuilds::default();
        assert!(rebuilds.ticket() < rebuilds.ticket());
        assert!(!rebuilds.is_to_come(key(1), Some(1)));
        rebuilds.ask(job(1, 1));
        assert!(rebuilds.is_to_come(key(1), Some(1)));
        assert!(!rebuilds.is_to_come(key(1), Some(2)) && !rebuilds.is_to_come(key(1), None));
        let next = rebuilds.next().await;
        assert_eq!((next.machine, next.rebuild.ticket()), (machine(1), 1));
        let so_far = Kept { version: 1, through: 5, state: vec![1] };
        rebuilds.keep(key(1), 1, so_far.clone());
        assert_eq!(rebuilds.take_kept(key(1), 2), None);
        assert_eq!(rebuilds.take_kept(key(1), 1), Some(so_far));
        assert_eq!(rebuilds.take_kept(key(1), 1), None);
        assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown), "it isn't over");
        rebuilds.end(key(1), 1, Outcome::Failed);
        assert!(!rebuilds.is_to_come(key(1), Some(1)));
        assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Failed));
        assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown));
    }

    #[tokio::test]
    async fn what_is_asked_for_again_replaces_what_was() {
        let rebuilds = Rebuilds::default();
        rebuilds.ask(job(1, 1));
        rebuilds.ask(job(1, 2));
        let next = rebuilds.next().await;
        assert_eq!(next.rebuild.ticket(), 2);
        assert!(rebuilds.is_wanted(key(1), 2));
        rebuilds.ask(job(1, 3));
        assert!(!rebuilds.is_wanted(key(1), 2));
        rebuilds.end(key(1), 2, Outcome::Failed);
        assert!(rebuilds.is_to_come(key(1), Some(3)), "the end of another one");
    }

    #[tokio::test]
    async fn of_those_that_nobody_takes_the_oldest_is_dropped() {
        let rebuilds = Rebuilds::default();
        for n in 1..=REBUILT_MAX + 1 {
            finish(&rebuilds, n, n as u64).await;
        }
        assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown));
        let Outcome::Done { taken, .. } = rebuilds.take(key(2), Some(2)) else {
            panic!("the second one is there")
        };
        assert_eq!(taken, 7);
        let last = REBUILT_MAX + 1;
        let taken = rebuilds.take(key(last), Some(last as u64));
        assert!(matches!(taken, Outcome::Done { .. }));
    }
}
