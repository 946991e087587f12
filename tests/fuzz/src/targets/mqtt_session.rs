//! The gateway's side of MQTT: codec, strictness and session, fed by a client that also goes away,
//! falls silent and doesn't read.
//!
//! The first byte sets the scene, then comes a list of steps: a byte below `ACTIONS` is followed by
//! that many bytes plus one from the client, any other is something that happens beside it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millwright_gateway::limits::{
    IN_FLIGHT_MAX, IN_FLIGHT_MAX_BYTES, OUTPUT_MAX_BYTES, PACKET_MAX_BYTES, READ_CHUNK_BYTES,
};
use millwright_gateway::session::{
    Admission, ChildSet, Down, Peer, Question, Refused, Session, Subscription,
};
use millwright_gateway::settings::{Pace, SessionTimes};
use millwright_schemas::topics::{self, DownChannel};
use millwright_schemas::{CertificateSerial, MachineId};

use super::machine;

/// From here on a step is no bytes.
const ACTIONS: u8 = 0xC0;

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&scene, mut steps)) = data.split_first() else { return };
    let mut client = Client::new(scene);
    while let Some((&step, rest)) = steps.split_first() {
        steps = rest;
        if step < ACTIONS {
            let (bytes, rest) = steps.split_at(steps.len().min(usize::from(step) + 1));
            steps = rest;
            client.send(bytes);
        } else {
            client.act(step);
        }
        client.check();
    }
}

struct Client {
    session: Session,
    now: Instant,
    scene: u8,
    /// Whose connection it is, once that is known.
    own: MachineId,
    taken: u64,
    /// Bytes of the messages that wait for their commit.
    waiting: VecDeque<usize>,
    reads: bool,
}

fn child() -> MachineId {
    "0198b2c4-7c1e-7000-8000-0123456789cd".parse().expect("a UUID")
}

impl Client {
    fn new(scene: u8) -> Self {
        let serial = CertificateSerial::from_be_bytes(&[7]);
        let peer = match scene & 0b11 {
            0 | 1 => Peer::Certificate { machine: machine(), serial },
            2 => Peer::Anonymous,
            _ => Peer::Unusable,
        };
        let slow =
            Pace { messages_per_s: 1, messages_burst: 5, bytes_per_s: 100, bytes_burst: 1_000 };
        let pace = if scene & 0b100 == 0 { Pace::default() } else { slow };
        let now = Instant::now();
        let session = Session::new(peer, SessionTimes::default(), pace, now);
        let waiting = VecDeque::new();
        Self { session, now, scene, own: machine(), taken: 0, waiting, reads: true }
    }

    /// As the connection does: nothing is read while it isn't wanted.
    fn send(&mut self, bytes: &[u8]) {
        if self.session.wants_bytes() {
            self.session.receive(bytes);
        }
        self.settle();
    }

    fn act(&mut self, step: u8) {
        match step % 8 {
            0 => self.commit(self.taken),
            1 => self.commit(
                self.taken - self.waiting.len() as u64 + u64::from(!self.waiting.is_empty()),
            ),
            2 => {
                self.now += Duration::from_millis(100 * u64::from(step));
                self.session.expire(self.now);
            }
            3 => self.deliver(self.own, DownChannel::Command, usize::from(step)),
            4 => self.deliver(child(), DownChannel::Time, 20_000),
            5 => self.reads = !self.reads,
            6 => self.session.set_children([child()].into_iter().collect()),
            _ => self.session.shrink(),
        }
        self.settle();
    }

    fn commit(&mut self, count: u64) {
        self.session.committed(count);
        while self.taken - (self.waiting.len() as u64) < count {
            self.waiting.pop_front();
        }
    }

    fn deliver(&mut self, machine: MachineId, channel: DownChannel, bytes: usize) {
        if self.session.can_deliver() {
            let payload = Bytes::from(vec![b'x'; bytes]);
            self.session.deliver(Down { machine, channel, payload });
        }
    }

    fn settle(&mut self) {
        loop {
            self.session.advance(self.now);
            if let Some(question) = self.session.take_question() {
                self.answer(question);
            } else if let Some(message) = self.session.take_message() {
                let known = [self.own, child()].contains(&message.machine);
                assert!(known, "a message of a stranger");
                self.taken += 1;
                self.waiting.push_back(message.payload.len());
            } else {
                break;
            }
        }
        let waiting = self.session.output().len();
        if waiting > 0 && self.reads {
            self.session.wrote(waiting, self.now);
            self.session.flushed(self.now);
        } else if waiting > 0 {
            self.session.write_blocked(self.now);
        }
        for reachable in self.session.take_newly_reachable() {
            assert!([self.own, child()].contains(&reachable));
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Admit(claim) => {
                if self.scene & 0b11 < 2 {
                    assert_eq!(claim.machine, machine(), "its certificate says who it is");
                }
                self.own = claim.machine;
                let filter = topics::parse_down_filter(&topics::down_me_filter(), self.own);
                let filter = filter.expect("its own");
                let answer = match self.scene >> 4 & 0b11 {
                    0 => Err(Refused::BadCredentials),
                    1 => Ok(Admission { children: ChildSet::default(), earlier: None }),
                    _ => Ok(Admission {
                        children: [child()].into_iter().collect(),
                        earlier: Some(vec![Subscription { filter, qos: 1 }]),
                    }),
                };
                self.session.admitted(answer, self.now);
            }
            Question::Remember(_) => self.session.remembered(self.scene & 0b1000 == 0),
        }
    }

    fn check(&self) {
        assert!(self.session.output().len() <= OUTPUT_MAX_BYTES + PACKET_MAX_BYTES);
        assert!(self.session.buffered() <= PACKET_MAX_BYTES + READ_CHUNK_BYTES);
        assert!(self.session.in_flight() <= IN_FLIGHT_MAX);
        let waiting: usize = self.waiting.iter().sum();
        assert!(waiting <= IN_FLIGHT_MAX_BYTES + PACKET_MAX_BYTES, "{waiting} bytes wait");
        if self.session.ended().is_some() {
            assert!(!self.session.wants_bytes(), "it is over");
        }
    }
}
