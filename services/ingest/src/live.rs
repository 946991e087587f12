//! Live copies: samples of watched machines, after they are committed, for whoever looks now.
//!
//! Copies may be lost; what is stored is the truth. A watcher who misses some reads the latest
//! values again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millwright_schemas::MachineId;
use millwright_schemas::api::telemetry::LiveSample;
use tokio::sync::{broadcast, mpsc};

use crate::limits::{FORWARD_QUEUE, LIVE_QUEUE, WATCHED_MACHINES};

/// Samples of one machine, from one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveCopy {
    /// Whose samples.
    pub machine: MachineId,
    /// The samples, in the order they were received.
    pub samples: Vec<LiveSample>,
}

/// Too many machines are watched at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{WATCHED_MACHINES} machines are watched already")]
pub struct TooManyWatched;

/// Where copies come together and are handed on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Live {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    here: HashMap<MachineId, broadcast::Sender<Arc<LiveCopy>>>,
    elsewhere: HashMap<MachineId, Instant>,
    forward: Option<mpsc::Sender<Arc<LiveCopy>>>,
}

impl Live {
    /// Nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches a machine from within this process, until the receiver is dropped.
    ///
    /// # Errors
    /// [`TooManyWatched`].
    pub fn subscribe(
        &self,
        machine: MachineId,
    ) -> Result<broadcast::Receiver<Arc<LiveCopy>>, TooManyWatched> {
        let mut state = self.lock();
        if let Some(sender) = state.here.get(&machine) {
            return Ok(sender.subscribe());
        }
        state.here.retain(|_, sender| sender.receiver_count() > 0);
        if state.here.len() >= WATCHED_MACHINES {
            return Err(TooManyWatched);
        }
        let (sender, receiver) = broadcast::channel(LIVE_QUEUE);
        state.here.insert(machine, sender);
        Ok(receiver)
    }

    /// Another process watches this machine for the next while. Beyond the bound it is ignored.
    pub fn watch_elsewhere(&self, machine: MachineId, now: Instant, ttl: Duration) {
        let mut state = self.lock();
        if state.elsewhere.len() >= WATCHED_MACHINES {
            state.elsewhere.retain(|_, until| *until > now);
        }
        if state.elsewhere.len() < WATCHED_MACHINES || state.elsewhere.contains_key(&machine) {
            state.elsewhere.insert(machine, now + ttl);
        }
    }

    /// The machines that are watched from within this process: whose copies are wanted from
    /// wherever they are committed.
    #[must_use]
    pub fn wanted(&self) -> Vec<MachineId> {
        let state = self.lock();
        let watched = state.here.iter().filter(|(_, sender)| sender.receiver_count() > 0);
        watched.map(|(machine, _)| *machine).collect()
    }

    /// Where copies for other processes go: to be published on the bus. Replaces an earlier one.
    #[must_use]
    pub fn forward(&self) -> mpsc::Receiver<Arc<LiveCopy>> {
        let (sender, receiver) = mpsc::channel(FORWARD_QUEUE);
        self.lock().forward = Some(sender);
        receiver
    }

    /// Hands a copy that another process has committed to this one's watchers.
    pub fn publish_here(&self, copy: Arc<LiveCopy>) {
        if let Some(sender) = self.lock().here.get(&copy.machine) {
            // Without a receiver nobody looks any more.
            let _ = sender.send(copy);
        }
    }

    /// All machines of which a copy is wanted.
    pub(crate) fn watched(&self, now: Instant) -> HashSet<MachineId> {
        let mut state = self.lock();
        if state.here.is_empty() && state.elsewhere.is_empty() {
            return HashSet::new();
        }
        state.here.retain(|_, sender| sender.receiver_count() > 0);
        state.elsewhere.retain(|_, until| *until > now);
        state.here.keys().chain(state.elsewhere.keys()).copied().collect()
    }

    /// Hands a copy of what this process has committed to all who watch.
    pub fn publish(&self, copy: LiveCopy) {
        let copy = Arc::new(copy);
        let state = self.lock();
        if let Some(sender) = state.here.get(&copy.machine) {
            let _ = sender.send(Arc::clone(&copy));
        }
        if state.elsewhere.contains_key(&copy.machine)
            && let Some(forward) = &state.forward
        {
            // Full: the bus is slow; watchers elsewhere poll.
            let _ = forward.try_send(copy);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn copy(machine: MachineId) -> LiveCopy {
        LiveCopy { machine, samples: Vec::new() }
    }

    #[test]
    fn only_watched_machines_are_copied() {
        let live = Live::new();
        let (one, two) = (MachineId(uuid::Uuid::from_u128(1)), MachineId(uuid::Uuid::from_u128(2)));
        let now = Instant::now();
        assert!(live.watched(now).is_empty());
        let mut receiver = live.subscribe(one).unwrap();
        let mut forward = live.forward();
        live.watch_elsewhere(two, now, Duration::from_secs(30));
        assert_eq!(live.watched(now), HashSet::from([one, two]));
        live.publish(copy(one));
        live.publish(copy(two));
        assert_eq!(receiver.try_recv().unwrap().machine, one);
        assert_eq!(forward.try_recv().unwrap().machine, two);
        drop(receiver);
        assert_eq!(live.watched(now + Duration::from_secs(31)), HashSet::new());
    }

    #[test]
    fn a_slow_watcher_is_told_that_it_missed_something() {
        let live = Live::new();
        let machine = MachineId(uuid::Uuid::from_u128(1));
        let mut receiver = live.subscribe(machine).unwrap();
        for _ in 0..=LIVE_QUEUE {
            live.publish(copy(machine));
        }
        assert!(matches!(receiver.try_recv(), Err(broadcast::error::TryRecvError::Lagged(1))));
    }
}
