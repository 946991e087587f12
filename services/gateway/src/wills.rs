//! Wills of connections that ended without DISCONNECT.
//!
//! A machine has at most one will here, and only while it is away: what it leaves behind is void
//! once it is back. So a machine that connects and breaks off again and again takes no room from
//! others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use millwright_ingest::intake::{Generation, Intake, Uplink};
use millwright_schemas::MachineId;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::now;
use crate::limits::WILLS_MAX;
use crate::registry::Registry;
use crate::session::LastWords;

/// Publishes wills, after their delay.
#[derive(Debug)]
pub(crate) struct Wills {
    waiting: Waiting,
    registry: Registry,
    intake: Intake,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Wills that wait, for their delay or for the intake. Cheap to clone.
#[derive(Debug, Clone, Default)]
struct Waiting(Arc<Mutex<HashMap<MachineId, Entry>>>);

#[derive(Debug)]
struct Entry {
    generation: Generation,
    task: AbortHandle,
}

impl Wills {
    pub(crate) fn new(
        registry: Registry,
        intake: Intake,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { waiting: Waiting::default(), registry, intake, tasks, stop }
    }

    /// Publishes the will of a connection that still has its seat, unless the machine is back
    /// before the delay is over (MQTT 5, 3.1.3.2.2). Without a seat the machine is back already.
    pub(crate) fn publish(&self, sender: MachineId, generation: Generation, will: LastWords) {
        // Held throughout: a later connection takes the seat first and cancels then, so it finds
        // what is entered here.
        let mut waiting = self.waiting.lock();
        if !self.registry.is_seated(sender, generation) {
            return;
        }
        let is_full = waiting.len() >= WILLS_MAX;
        let delay = if is_full { Duration::ZERO } else { will.delay };
        let mut publication =
            Box::pin(hand_in(self.intake.clone(), sender, generation, will, delay));
        if delay.is_zero() && publication.as_mut().now_or_never().is_some() {
            return;
        }
        if is_full {
            tracing::warn!(machine.id = %sender, "will dropped: too many wait for the intake");
            return;
        }
        let (entries, stop) = (self.waiting.clone(), self.stop.clone());
        let task = self.tasks.spawn(async move {
            tokio::select! {
                () = publication => {}
                () = stop.cancelled() => {}
            }
            entries.remove(sender, generation);
        });
        let entry = Entry { generation, task: task.abort_handle() };
        if let Some(earlier) = waiting.insert(sender, entry) {
            earlier.task.abort();
        }
    }

    /// The machine is back, and has taken its seat: the will that it left is void.
    pub(crate) fn cancel(&self, machine: MachineId) {
        if let Some(entry) = self.waiting.lock().remove(&machine) {
            entry.task.abort();
        }
    }
}

impl Waiting {
    fn remove(&self, machine: MachineId, generation: Generation) {
        let mut waiting = self.lock();
        if waiting.get(&machine).is_some_and(|entry| entry.generation == generation) {
            waiting.remove(&machine);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MachineId, Entry>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the will to the intake after the delay, once there is room. Should a later connection be
/// opened meanwhile, at whichever gateway, the intake's generations refuse it.
async fn hand_in(
    intake: Intake,
    sender: MachineId,
    generation: Generation,
    mut will: LastWords,
    delay: Duration,
) {
    // The slice keeps the whole CONNECT that it came in.
    will.payload = Bytes::copy_from_slice(&will.payload);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let LastWords { machine, channel, payload, .. } = will;
    let received_at = now();
    let uplink = Uplink { sender, generation, machine, channel, payload, received_at, acks: None };
    // Only when the platform is stopping.
    let _ = intake.send(uplink).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_ingest::intake::{Held, intake};
    use millwright_schemas::CertificateSerial;
    use millwright_schemas::topics::UpChannel;
    use millwright_store::machines::revocations::Credential;
    use tokio::sync::mpsc;
    use uuid::Uuid;

    use super::*;
    use crate::registry::Seat;

    const HOUR: Duration = Duration::from_secs(3_600);

    struct Room {
        wills: Wills,
        handed_in: mpsc::Receiver<Held>,
    }

    impl Room {
        fn new() -> Self {
            let (intake, handed_in) = intake();
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            Self { wills: Wills::new(Registry::default(), intake, tasks, stop), handed_in }
        }

        /// As the gateway opens a connection.
        fn connect(&self, machine: MachineId, generation: i64) -> Seat {
            let credential = Credential::Certificate(CertificateSerial::from_be_bytes(&[1]));
            let generation = Generation(generation);
            let registry = &self.wills.registry;
            let seat = registry.enter(machine, generation, credential, Default::default()).unwrap();
            self.wills.cancel(machine);
            seat
        }

        /// As a connection ends that broke.
        fn lose(&self, machine: MachineId, seat: Seat, delay: Duration) {
            let payload = Bytes::from(seat.generation().0.to_string());
            let will = LastWords { machine, channel: UpChannel::Events, payload, delay };
            self.wills.publish(machine, seat.generation(), will);
            drop(seat);
        }

        fn waiting(&self) -> usize {
            self.wills.waiting.lock().len()
        }

        async fn next(&mut self) -> (MachineId, Generation) {
            let held = self.handed_in.recv().await.unwrap();
            assert_eq!(held.uplink.payload, held.uplink.generation.0.to_string());
            (held.uplink.machine, held.uplink.generation)
        }
    }

    fn machine() -> MachineId {
        MachineId(Uuid::now_v7())
    }

    #[tokio::test]
    async fn a_machine_that_breaks_off_again_and_again_silences_nobody() {
        let mut room = Room::new();
        let attacker = machine();
        for generation in 1..=10_000 {
            let seat = room.connect(attacker, generation);
            room.lose(attacker, seat, HOUR);
            assert_eq!(room.waiting(), 1);
        }
        for delay in [Duration::ZERO, Duration::from_millis(1)] {
            let victim = machine();
            room.lose(victim, room.connect(victim, 1), delay);
            assert_eq!(room.next().await, (victim, Generation(1)));
        }
        // The attacker's last one waits; the victim's may be about to end.
        assert!(room.wills.tasks.len() <= 2, "{} tasks", room.wills.tasks.len());
        assert!(room.handed_in.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_last_of_a_machines_wills_is_published_once() {
        let mut room = Room::new();
        let (first, second) = (machine(), machine());
        for generation in 1..=3 {
            let seat = room.connect(first, generation);
            room.lose(first, seat, Duration::from_millis(1));
        }
        room.lose(second, room.connect(second, 1), Duration::from_millis(20));
        assert_eq!(room.next().await, (first, Generation(3)));
        assert_eq!(room.next().await, (second, Generation(1)));
        assert!(room.handed_in.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_will_is_void_once_its_machine_is_back() {
        let mut room = Room::new();
        let (back, away) = (machine(), machine());
        room.lose(back, room.connect(back, 1), Duration::from_millis(1));
        // Even if it has left again, with DISCONNECT, when the delay is over.
        drop(room.connect(back, 2));
        assert_eq!(room.waiting(), 0);
        // Its successor had its seat before this one ended.
        let older = room.connect(back, 3);
        let newer = room.connect(back, 4);
        room.lose(back, older, Duration::ZERO);
        drop(newer);
        room.lose(away, room.connect(away, 1), Duration::from_millis(20));
        assert_eq!(room.next().await, (away, Generation(1)));
        assert!(room.handed_in.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_will_waits_for_a_full_intake_unless_its_machine_is_back() {
        let mut room = Room::new();
        let (filler, away, back) = (machine(), machine(), machine());
        let mut filled = 0;
        while room.waiting() == 0 {
            filled += 1;
            let seat = room.connect(filler, filled);
            room.lose(filler, seat, Duration::ZERO);
        }
        room.lose(away, room.connect(away, 1), Duration::ZERO);
        room.lose(back, room.connect(back, 1), Duration::ZERO);
        assert_eq!(room.waiting(), 3);
        let _seat = room.connect(back, 2);
        assert_eq!(room.waiting(), 2);
        for generation in 1..=filled {
            assert_eq!(room.next().await, (filler, Generation(generation)));
        }
        assert_eq!(room.next().await, (away, Generation(1)));
        assert!(room.handed_in.try_recv().is_err());
    }

    #[tokio::test]
    async fn beyond_the_bound_a_will_comes_early_and_is_not_lost() {
        let mut room = Room::new();
        for _ in 0..WILLS_MAX {
            let other = machine();
            room.lose(other, room.connect(other, 1), HOUR);
        }
        assert_eq!(room.waiting(), WILLS_MAX);
        let last = machine();
        room.lose(last, room.connect(last, 1), HOUR);
        assert_eq!(room.next().await, (last, Generation(1)));
        assert_eq!(room.waiting(), WILLS_MAX);
    }

    #[tokio::test]
    async fn no_will_outlives_the_gateway() {
        let room = Room::new();
        let machine = machine();
        room.lose(machine, room.connect(machine, 1), HOUR);
        room.wills.stop.cancel();
        room.wills.tasks.close();
        room.wills.tasks.wait().await;
        assert_eq!(room.waiting(), 0);
    }
}
