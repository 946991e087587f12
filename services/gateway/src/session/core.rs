//! The session itself.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use millwright_schemas::MachineId;

use super::clock::Clock;
use super::connect::{self, Peer, Pending, Question};
use super::downlink::Window;
use super::end::End;
use super::publish::{LastWords, Message, Uplink};
use super::subscribe::{ChildSet, Subscriptions};
use super::throttle::Throttle;
use crate::limits::OUTPUT_MAX_BYTES;
use crate::settings::{Pace, SessionTimes};
use crate::wire::{ConnectRefusal, Farewell, Fault, FilterCode, Wire};

/// One connection's MQTT session.
#[derive(Debug)]
pub struct Session {
    pub(super) peer: Peer,
    pub(super) wire: Wire,
    pub(super) phase: Phase,
    input: BytesMut,
    pub(super) output: BytesMut,
    pub(super) clock: Clock,
    throttle: Throttle,
    committed: u64,
    pub(super) kept_s: u32,
    pub(super) question: Option<Question>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// For CONNECT.
    Waiting,
    /// For the directory's answer to CONNECT.
    Admitting(Box<Pending>),
    Open(Box<Open>),
    /// What is in the output still leaves.
    Ended(End, Option<LastWords>),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) machine: MachineId,
    pub(super) children: ChildSet,
    pub(super) will: Option<LastWords>,
    pub(super) uplink: Uplink,
    pub(super) window: Window,
    pub(super) subscriptions: Subscriptions,
    /// What is answered once the filters are remembered.
    pub(super) reply: Option<Reply>,
    pub(super) newly_reachable: Vec<MachineId>,
}

#[derive(Debug)]
pub(super) enum Reply {
    Subscribed { packet_id: u16, codes: Vec<FilterCode> },
    Unsubscribed { packet_id: u16, codes: Vec<FilterCode> },
}

impl Session {
    /// A session that has heard nothing yet.
    #[must_use]
    pub fn new(peer: Peer, times: SessionTimes, pace: Pace, now: Instant) -> Self {
        Self {
            peer,
            wire: Wire::new(),
            phase: Phase::Waiting,
            input: BytesMut::new(),
            output: BytesMut::new(),
            clock: Clock::new(times, now),
            throttle: Throttle::new(pace, now),
            committed: 0,
            kept_s: 0,
            question: None,
        }
    }

    /// Takes bytes of the client. Call [`Session::advance`] then.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Ended(..)) {
            self.input.extend_from_slice(bytes);
        }
    }

    /// Decodes and answers as far as nothing holds it back. Call after every change.
    pub fn advance(&mut self, now: Instant) {
        self.acknowledge();
        self.throttle.resume(now);
        self.clock.pause(self.is_held_back(), now);
        while !self.is_ended() && !self.is_held_back() {
            let before = self.input.len();
            match self.wire.decode(&mut self.input) {
                Ok(Some(packet)) => {
                    self.clock.packet(now);
                    self.throttle.charge(before - self.input.len(), now);
                    self.handle(packet);
                    // A refused message may be answered at once.
                    self.acknowledge();
                }
                Ok(None) => break,
                Err(fault) => self.fault(fault),
            }
        }
        self.clock.pause(self.is_held_back(), now);
    }

    /// Whether bytes of the client are wanted. While they aren't, they wait in its own buffers.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        !self.is_ended() && !self.is_held_back()
    }

    /// Whether nothing may be decoded now. Silence is then the gateway's doing, not the client's.
    fn is_held_back(&self) -> bool {
        self.output.len() >= OUTPUT_MAX_BYTES
            || self.throttle.until().is_some()
            || match &self.phase {
                Phase::Admitting(_) => true,
                Phase::Open(open) => open.uplink.is_full() || open.reply.is_some(),
                Phase::Waiting | Phase::Ended(..) => false,
            }
    }

    /// How many messages of this connection are committed, counted from its first.
    pub fn committed(&mut self, count: u64) {
        self.committed = count;
    }

    fn acknowledge(&mut self) {
        let Phase::Open(open) = &mut self.phase else { return };
        while let Some((packet_id, code)) = open.uplink.next_ack(self.committed) {
            if let Some(packet_id) = packet_id
                && !self.wire.puback(packet_id, code, &mut self.output)
            {
                return self.end(End::Fault(Farewell::TooLarge));
            }
        }
    }

    /// The bytes of the message that waits for the intake.
    #[must_use]
    pub fn message_bytes(&self) -> Option<usize> {
        self.open().and_then(|open| open.uplink.held_bytes())
    }

    /// The message that waits for the intake. Call [`Session::advance`] then.
    pub fn take_message(&mut self) -> Option<Message> {
        self.open_mut().and_then(|open| open.uplink.take_held())
    }

    /// Decodes nothing more until this time: its machine reports too fast. Call [`Session::advance`] then.
    pub fn pause(&mut self, until: Instant) {
        self.throttle.pause(until);
    }

    /// What the session must be told before it goes on.
    pub fn take_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    /// Bytes for the client.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes of the output have left.
    pub fn wrote(&mut self, bytes: usize, now: Instant) {
        self.output.advance(bytes.min(self.output.len()));
        self.clock.wrote(bytes, !self.output.is_empty(), now);
    }

    /// The transport takes no bytes at present.
    pub fn write_blocked(&mut self, now: Instant) {
        self.clock.blocked(now);
    }

    /// The transport has passed on all that it took.
    pub fn flushed(&mut self, now: Instant) {
        self.clock.wrote(0, !self.output.is_empty(), now);
    }

    /// Why the session is over; the connection is closed once the output has left.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        match self.phase {
            Phase::Ended(end, _) => Some(end),
            _ => None,
        }
    }

    fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(..))
    }

    /// The will, when the session ended in a way that publishes it.
    pub fn take_will(&mut self) -> Option<LastWords> {
        match &mut self.phase {
            Phase::Ended(end, will) if end.publishes_will() => will.take(),
            _ => None,
        }
    }

    /// Ends the session; what was said before stays said.
    pub fn end(&mut self, end: End) {
        if self.is_ended() {
            return;
        }
        if matches!(self.phase, Phase::Open(_))
            && let Some(farewell) = end.farewell()
        {
            self.wire.disconnect(farewell, &mut self.output);
        } else if matches!(self.phase, Phase::Admitting(_)) {
            self.wire.refuse(ConnectRefusal::Unavailable, &mut self.output);
        }
        let will = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Open(open) => open.will,
            _ => None,
        };
        self.phase = Phase::Ended(end, will);
        self.input = BytesMut::new();
        self.question = None;
    }

    /// When [`Session::expire`], and then [`Session::advance`], wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Waiting => Some(self.clock.connect_deadline()),
            // One of them at most: the keep-alive doesn't run in a pause.
            Phase::Open(_) => self.clock.keep_alive_deadline().or(self.throttle.until()),
            Phase::Admitting(_) | Phase::Ended(..) => None,
        };
        phase.into_iter().chain(self.clock.stall_deadline()).min()
    }

    /// Ends what has taken too long. True: close at once, nobody reads what is still to be said.
    pub fn expire(&mut self, now: Instant) -> bool {
        if self.clock.stall_deadline().is_some_and(|deadline| deadline <= now) {
            self.end(End::WriteStall);
            return true;
        }
        match &self.phase {
            Phase::Waiting if self.clock.connect_deadline() <= now => {
                self.end(End::Refused("connect_timeout"));
            }
            Phase::Open(_) if self.clock.keep_alive_deadline().is_some_and(|at| at <= now) => {
                self.end(End::KeepAlive);
            }
            _ => {}
        }
        false
    }

    /// Gives back the memory of a burst; call when nothing is going on.
    pub fn shrink(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() && self.output.capacity() > 0 {
            self.output = BytesMut::new();
        }
        if let Some(open) = self.open_mut() {
            open.uplink.shrink();
        }
    }

    /// Whether messages of the client wait for their commit.
    #[must_use]
    pub fn is_waiting_for_commit(&self) -> bool {
        self.open().is_some_and(|open| open.uplink.is_waiting())
    }

    /// How many messages of the client wait for their commit.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.open().map_or(0, |open| open.uplink.len())
    }

    /// How often decoding has paused because the client sent too fast.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.throttle.pauses()
    }

    /// How long the session is to be remembered after its end, in seconds; 0: not at all.
    #[must_use]
    pub fn kept_s(&self) -> u32 {
        self.kept_s
    }

    /// Bytes that the session holds for its client.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.input.len() + self.output.len()
    }

    pub(super) fn open(&self) -> Option<&Open> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            _ => None,
        }
    }

    pub(super) fn open_mut(&mut self) -> Option<&mut Open> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            _ => None,
        }
    }

    fn fault(&mut self, fault: Fault) {
        if !matches!(self.phase, Phase::Waiting) {
            return self.end(End::from(fault));
        }
        let (refusal, reason) = match fault {
            Fault::UnsupportedVersion => {
                (Some(ConnectRefusal::UnsupportedVersion), "unsupported_version")
            }
            Fault::ClientId => (Some(ConnectRefusal::ClientId), "client_id"),
            Fault::Malformed(_) => (Some(ConnectRefusal::Malformed), "malformed"),
            Fault::TooLarge(_) => (None, "too_large"),
            _ => (None, "protocol_error"),
        };
        if let Some(refusal) = refusal {
            self.wire.refuse(refusal, &mut self.output);
        }
        self.end(End::Refused(reason));
    }

    pub(super) fn refuse(&mut self, (refusal, reason): connect::Refusal) {
        self.wire.refuse(refusal, &mut self.output);
        self.phase = Phase::Waiting;
        self.end(End::Refused(reason));
    }
}
