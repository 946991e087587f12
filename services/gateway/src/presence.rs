//! Notices of who is connected: for the bus and for dispatch. Copies only; the database has the
//! truth.

use millwright_ingest::intake::Generation;
use millwright_schemas::{MachineId, Timestamp};
use tokio::sync::mpsc;

use crate::limits::PRESENCE_NOTICES;

/// What has changed for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It connected.
    Connected,
    /// It, or its parent for it, now receives what is sent towards it: the moment to send again
    /// what waits.
    Reachable,
    /// Its connection ended, for this reason.
    Disconnected(&'static str),
}

/// One notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Whom it is about.
    pub machine: MachineId,
    /// The connection: the machine's own, or its parent's.
    pub generation: Generation,
    /// What has changed.
    pub presence: Presence,
    /// When, by the platform's clock.
    pub at: Timestamp,
}

/// Where notices go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices(mpsc::Sender<Notice>);

/// Creates the two sides of the notices.
#[must_use]
pub fn notices() -> (Notices, mpsc::Receiver<Notice>) {
    let (sender, receiver) = mpsc::channel(PRESENCE_NOTICES);
    (Notices(sender), receiver)
}

impl Notices {
    /// Leaves a notice, unless too many wait or nobody reads them.
    pub(crate) fn leave(&self, notice: Notice) {
        if self.0.try_send(notice).is_err() {
            tracing::trace!(machine.id = %notice.machine, "presence notice dropped");
        }
    }
}
