//! Messages up, and their acknowledgements in the order of the messages.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use millwright_schemas::MachineId;
use millwright_schemas::topics::{UpChannel, UpTopic};

use crate::limits::{IN_FLIGHT_MAX, IN_FLIGHT_MAX_BYTES};
use crate::wire::AckCode;

/// A message on its way to the intake. Each is counted once on the connection's line of
/// commits, whatever its quality of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whose data it is: the machine of the connection, or one of its children.
    pub machine: MachineId,
    /// Which kind of data.
    pub channel: UpChannel,
    /// As received.
    pub payload: Bytes,
}

/// A will that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    /// Whose data it is.
    pub machine: MachineId,
    /// Which kind of data.
    pub channel: UpChannel,
    /// As received.
    pub payload: Bytes,
    /// How long after the end.
    pub delay: Duration,
}

/// The place of one PUBLISH in the order of acknowledgements.
#[derive(Debug)]
struct Slot {
    /// `None` with QoS 0: nothing is sent.
    packet_id: Option<u16>,
    /// How many accepted messages must be committed.
    after: u64,
    code: AckCode,
    bytes: usize,
}

/// Messages that wait for their commit. PUBACKs leave in PUBLISH order (MQTT 4.6), so one
/// counter of commits suffices. Packet ids play no part: a client may use one again at once, and
/// DUP proves nothing.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    slots: VecDeque<Slot>,
    bytes: usize,
    accepted: u64,
    held: Option<Message>,
}

impl Uplink {
    /// Whether no more may be decoded.
    pub(super) fn is_full(&self) -> bool {
        self.held.is_some()
            || self.slots.len() >= IN_FLIGHT_MAX
            || self.bytes >= IN_FLIGHT_MAX_BYTES
    }

    pub(super) fn accept(&mut self, topic: UpTopic, payload: Bytes, packet_id: Option<u16>) {
        self.accepted += 1;
        let bytes = payload.len();
        self.push(Slot { packet_id, after: self.accepted, code: AckCode::Success, bytes });
        let UpTopic { machine, channel } = topic;
        self.held = Some(Message { machine, channel, payload });
    }

    /// A refused message takes its place in the order, but waits for no commit of its own.
    pub(super) fn refuse(&mut self, packet_id: u16) {
        let after = self.accepted;
        let code = AckCode::NotAuthorized;
        self.push(Slot { packet_id: Some(packet_id), after, code, bytes: 0 });
    }

    fn push(&mut self, slot: Slot) {
        self.bytes += slot.bytes;
        self.slots.push_back(slot);
    }

    /// The next PUBACK that may leave, after so many commits; the id is `None` with QoS 0.
    pub(super) fn next_ack(&mut self, committed: u64) -> Option<(Option<u16>, AckCode)> {
        let slot = self.slots.pop_front_if(|slot| slot.after <= committed)?;
        self.bytes -= slot.bytes;
        Some((slot.packet_id, slot.code))
    }

    pub(super) fn held_bytes(&self) -> Option<usize> {
        self.held.as_ref().map(|message| message.payload.len())
    }

    pub(super) fn take_held(&mut self) -> Option<Message> {
        self.held.take()
    }

    /// Whether anything waits for its commit.
    pub(super) fn is_waiting(&self) -> bool {
        !self.slots.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Gives back what a burst has used.
    pub(super) fn shrink(&mut self) {
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
    }
}
