//! Wills of connections that ended without DISCONNECT.

use std::sync::Arc;

use millwright_ingest::intake::{Generation, Intake, Uplink};
use millwright_schemas::MachineId;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::now;
use crate::limits::WILLS_MAX;
use crate::registry::Registry;
use crate::session::LastWords;

/// Publishes wills, after their delay.
#[derive(Debug)]
pub(crate) struct Wills {
    room: Arc<Semaphore>,
    registry: Registry,
    intake: Intake,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Wills {
    pub(crate) fn new(
        registry: Registry,
        intake: Intake,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { room: Arc::new(Semaphore::new(WILLS_MAX)), registry, intake, tasks, stop }
    }

    /// Publishes a will, unless the machine is back before its delay is over (MQTT 5, 3.1.3.2.2).
    pub(crate) fn publish(&self, sender: MachineId, generation: Generation, will: LastWords) {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(machine.id = %sender, "will dropped: too many wait");
            return;
        };
        let (registry, intake) = (self.registry.clone(), self.intake.clone());
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _room = room;
            if !will.delay.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(will.delay) => {}
                    () = stop.cancelled() => return,
                }
                if registry.is_connected(sender) {
                    return;
                }
            }
            let uplink = Uplink {
                sender,
                generation,
                machine: will.machine,
                channel: will.channel,
                payload: will.payload,
                received_at: now(),
                acks: None,
            };
            tokio::select! {
                _ = intake.send(uplink) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}
