//! Messages towards the machine.

use std::num::NonZeroU16;

use bytes::Bytes;
use millwright_schemas::MachineId;
use millwright_schemas::topics::DownChannel;

use crate::limits::DOWN_WINDOW;

/// A message towards a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The machine of the connection, or one of its children.
    pub machine: MachineId,
    /// Which of its topics.
    pub channel: DownChannel,
    /// The payload.
    pub payload: Bytes,
}

/// What became of a message towards a machine. None of this is final for the platform: what
/// isn't delivered is sent again by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Sent,
    /// The machine hasn't subscribed to it, or may no longer get it.
    NotSubscribed,
    /// Longer than the client accepts.
    TooLarge,
}

/// Ids of messages that the client hasn't acknowledged.
#[derive(Debug, Default)]
pub(super) struct Window {
    size: usize,
    last_id: u16,
    in_flight: Vec<NonZeroU16>,
}

impl Window {
    pub(super) fn new(receive_max: u16) -> Self {
        Self { size: usize::from(receive_max.min(DOWN_WINDOW)), ..Self::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_flight.len() >= self.size
    }

    /// An id that isn't in use.
    pub(super) fn next_id(&mut self) -> NonZeroU16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_id)
                && !self.in_flight.contains(&id)
            {
                return id;
            }
        }
    }

    pub(super) fn sent(&mut self, id: NonZeroU16) {
        self.in_flight.push(id);
    }

    /// False: no such message is in flight.
    pub(super) fn acknowledged(&mut self, packet_id: u16) -> bool {
        let position = self.in_flight.iter().position(|id| id.get() == packet_id);
        position.map(|index| self.in_flight.swap_remove(index)).is_some()
    }
}
