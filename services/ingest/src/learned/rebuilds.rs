//! What rules have learned that is brought up to what is stored, in no batch: what was asked for, and what has
//! become of it. Batches put it here and take it from here, the rebuilder works on it in between.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millwright_detection::watch::Rebuild;
use millwright_schemas::{MachineId, RuleId, SignalKind, Timestamp};
use millwright_store::telemetry::detector_states::Stretch;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::limits::{REBUILDS_BYTES_MAX, REBUILDS_MAX, REBUILT_BYTES_MAX, REBUILT_KEPT};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

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
    /// Whether it goes on from what was stored of it: it was watching. The others are new.
    pub(super) used: bool,
}

impl Job {
    pub(super) fn key(&self) -> Key {
        (self.machine, self.rebuild.rule())
    }
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
#[derive(Debug, Clone)]
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

impl Outcome {
    fn bytes(&self) -> usize {
        match self {
            Self::Done { rebuild, .. } => rebuild.bytes(),
            Self::Unknown | Self::Failed => 0,
        }
    }
}

/// What a rule has learned so far, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) version: i64,
    pub(super) through: i64,
    pub(super) state: Vec<u8>,
    pub(super) watching_since: Option<i64>,
}

/// How much may lie there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of what waits for its turn.
    pub(crate) waiting: usize,
    /// Bytes of that.
    pub(crate) waiting_bytes: usize,
    /// Bytes of what is over and wasn't taken.
    pub(crate) over_bytes: usize,
    /// How long that stays at least.
    pub(crate) over_kept: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            waiting: REBUILDS_MAX,
            waiting_bytes: REBUILDS_BYTES_MAX,
            over_bytes: REBUILT_BYTES_MAX,
            over_kept: REBUILT_KEPT,
        }
    }
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Working,
    Over { outcome: Outcome, bytes: usize, at: Instant },
}

#[derive(Debug)]
struct Asked {
    ticket: u64,
    /// Of the rule.
    version: i64,
    /// From when on the machine is learned.
    since: Option<Timestamp>,
    stage: Stage,
}

#[derive(Debug, Default)]
struct Desk {
    asked: HashMap<Key, Asked>,
    /// Those that were watching come first.
    waiting: VecDeque<Box<Job>>,
    waiting_bytes: usize,
    /// Bytes of what is over.
    over_bytes: usize,
    /// What the batch that is being written has taken.
    taken: Vec<(Key, u64)>,
    tickets: u64,
    /// What is to be stored of the one that is worked on.
    kept: Option<(Key, u64, Kept)>,
}

impl Desk {
    fn stage(&mut self, key: Key, ticket: u64) -> Option<&mut Stage> {
        let asked = self.asked.get_mut(&key).filter(|asked| asked.ticket == ticket)?;
        Some(&mut asked.stage)
    }

    /// Drops what isn't to be kept, whatever has become of it.
    fn retain(&mut self, keep: impl Fn(Key, &Asked) -> bool) {
        let Self { asked, waiting, waiting_bytes, over_bytes, kept, .. } = self;
        asked.retain(|key, asked| keep(*key, asked));
        let is_there =
            |key: Key, ticket: u64| asked.get(&key).is_some_and(|it| it.ticket == ticket);
        waiting.retain(|job| is_there(job.key(), job.rebuild.ticket()));
        kept.take_if(|(key, ticket, _)| !is_there(*key, *ticket));
        *waiting_bytes = waiting.iter().map(|job| job.rebuild.bytes()).sum();
        let bytes = asked.values().map(|asked| match asked.stage {
            Stage::Over { bytes, .. } => bytes,
            Stage::Waiting | Stage::Working => 0,
        });
        *over_bytes = bytes.sum();
    }

    fn has_room(&self, bounds: Bounds) -> bool {
        self.waiting.len() < bounds.waiting && self.waiting_bytes < bounds.waiting_bytes
    }

    /// What has been over for longest.
    fn oldest(&self) -> Option<(Instant, Key)> {
        let over = self.asked.iter().filter_map(|(key, asked)| match asked.stage {
            Stage::Over { at, .. } => Some((at, *key)),
            Stage::Waiting | Stage::Working => None,
        });
        over.min_by_key(|(at, _)| *at)
    }
}

/// Where they lie. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rebuilds(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bounds: Bounds,
    desk: Mutex<Desk>,
    more: Notify,
}

impl Rebuilds {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { bounds, ..Shared::default() }))
    }

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
        self.desk().has_room(self.0.bounds)
    }

    /// How many wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.desk().waiting.len()
    }

    /// Asks for one, instead of what was asked for of the same rule and machine before.
    pub(super) fn ask(&self, job: Job) {
        let (key, ticket) = (job.key(), job.rebuild.ticket());
        let mut desk = self.desk();
        if desk.asked.contains_key(&key) {
            desk.retain(|other, _| other != key);
        }
        let (version, since) = (job.rebuild.version(), job.rebuild.since());
        desk.asked.insert(key, Asked { ticket, version, since, stage: Stage::Waiting });
        desk.waiting_bytes += job.rebuild.bytes();
        let place = if job.used {
            desk.waiting.partition_point(|other| other.used)
        } else {
            desk.waiting.len()
        };
        desk.waiting.insert(place, Box::new(job));
        drop(desk);
        self.0.more.notify_one();
    }

    /// Nobody wants any more what was asked for of other rules, or other versions of them.
    pub(crate) fn keep_only(&self, keep: impl Fn(RuleId, i64) -> bool) {
        self.desk().retain(|(_, rule), asked| keep(rule, asked.version));
        self.0.more.notify_one();
    }

    /// Nobody wants any more what was asked for of these machines.
    pub(crate) fn forget(&self, machines: &[MachineId]) {
        if machines.is_empty() {
            return;
        }
        let machines: HashSet<MachineId> = machines.iter().copied().collect();
        self.desk().retain(|(machine, _), _| !machines.contains(&machine));
        self.0.more.notify_one();
    }

    /// The ticket of what was asked for of a rule and machine by whoever was there before; what was asked for of
    /// another version, or another time to learn from, is dropped.
    pub(super) fn adopt(&self, key: Key, version: i64, since: Option<Timestamp>) -> Option<u64> {
        let mut desk = self.desk();
        let asked = desk.asked.get(&key)?;
        if (asked.version, asked.since) == (version, since) {
            return Some(asked.ticket);
        }
        desk.retain(|other, _| other != key);
        None
    }

    /// Whether a rule that was set aside with this ticket may begin: what was asked for is over, or it may be asked
    /// for because it wasn't, or isn't there any more. One without a ticket may.
    pub(super) fn may_begin(&self, key: Key, ticket: Option<u64>) -> bool {
        let Some(ticket) = ticket else { return true };
        let mut desk = self.desk();
        let is_over = desk.stage(key, ticket).map(|stage| matches!(stage, Stage::Over { .. }));
        is_over.unwrap_or_else(|| desk.has_room(self.0.bounds))
    }

    /// What has become of what was asked for with this ticket. It stays there until it is told that the batch was
    /// committed.
    pub(super) fn take(&self, key: Key, ticket: Option<u64>) -> Outcome {
        let Some(ticket) = ticket else { return Outcome::Unknown };
        let mut desk = self.desk();
        let Some(Stage::Over { outcome, .. }) = desk.stage(key, ticket) else {
            return Outcome::Unknown;
        };
        let outcome = outcome.clone();
        desk.taken.push((key, ticket));
        outcome
    }

    /// The batch was written, or wasn't: then what it has taken is there for the next attempt.
    pub(crate) fn settle(&self, committed: bool) {
        let mut desk = self.desk();
        let taken = std::mem::take(&mut desk.taken);
        if committed && !taken.is_empty() {
            desk.retain(|key, asked| !taken.contains(&(key, asked.ticket)));
            // There is room for more.
            self.0.more.notify_one();
        }
    }

    /// Whether there is something to be stored on the way.
    pub(super) fn has_kept(&self) -> bool {
        self.desk().kept.is_some()
    }

    /// What is to be stored of it on the way.
    pub(super) fn take_kept(&self, key: Key, ticket: u64) -> Option<Kept> {
        let mut desk = self.desk();
        let kept = desk.kept.take_if(|(of, with, _)| (*of, *with) == (key, ticket))?;
        Some(kept.2)
    }

    /// The next one to be rebuilt; waits for one, and for room for what becomes of it.
    pub(super) async fn next(&self) -> Box<Job> {
        loop {
            match self.begin() {
                Ok(job) => return job,
                Err(None) => self.0.more.notified().await,
                Err(Some(until)) => {
                    // Whatever comes first.
                    let _ = timeout_at(until, self.0.more.notified()).await;
                }
            }
        }
    }

    /// The next one to be rebuilt, or when it makes sense to ask again, though nothing was taken meanwhile. Beyond
    /// the bound what others have waited for isn't dropped at once: machines that are heard in turn would never
    /// find theirs.
    fn begin(&self) -> Result<Box<Job>, Option<Instant>> {
        let mut desk = self.desk();
        if desk.waiting.is_empty() {
            return Err(None);
        }
        while desk.over_bytes >= self.0.bounds.over_bytes {
            let Some((at, oldest)) = desk.oldest() else { break };
            let until = at + self.0.bounds.over_kept;
            if Instant::now() < until {
                return Err(Some(until));
            }
            desk.retain(|key, _| key != oldest);
        }
        let Some(job) = desk.waiting.pop_front() else { return Err(None) };
        desk.waiting_bytes = desk.waiting_bytes.saturating_sub(job.rebuild.bytes());
        if let Some(stage) = desk.stage(job.key(), job.rebuild.ticket()) {
            *stage = Stage::Working;
        }
        desk.kept = None;
        Ok(job)
    }

    /// Whether somebody still wants it.
    pub(super) fn is_wanted(&self, key: Key, ticket: u64) -> bool {
        self.desk().stage(key, ticket).is_some()
    }

    /// Tells what it has learned so far.
    pub(super) fn keep(&self, key: Key, ticket: u64, so_far: Kept) {
        let mut desk = self.desk();
        if desk.stage(key, ticket).is_some() {
            desk.kept = Some((key, ticket, so_far));
        }
    }

    /// It is over, and lies there until its machine is heard.
    pub(super) fn end(&self, key: Key, ticket: u64, outcome: Outcome) {
        let bytes = size_of::<(Key, Asked)>() + outcome.bytes();
        let mut desk = self.desk();
        desk.kept = None;
        let Some(stage) = desk.stage(key, ticket) else { return };
        *stage = Stage::Over { outcome, bytes, at: Instant::now() };
        desk.over_bytes += bytes;
    }
}
