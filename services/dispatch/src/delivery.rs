//! The way to machines, as dispatch needs it.

use bytes::Bytes;
use millwright_schemas::MachineId;
use millwright_schemas::topics::DownChannel;

/// A message couldn't be handed over. It is sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message not taken: {0}")]
pub struct NotTaken(pub String);

/// Hands messages to whoever holds machines' connections. It never waits.
pub trait Delivery: Send + Sync {
    /// Hands a message over. That it was taken doesn't say that it arrives.
    ///
    /// # Errors
    /// Why it wasn't taken.
    fn deliver(
        &self,
        machine: MachineId,
        channel: DownChannel,
        payload: Bytes,
    ) -> Result<(), NotTaken>;
}
