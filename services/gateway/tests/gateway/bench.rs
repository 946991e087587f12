//! A session on the bench: bytes in, bytes out, questions answered at once.

use std::time::{Duration, Instant};

use millwright_gateway::session::{
    Admission, ChildSet, Claim, Down, End, Message, Peer, Question, Refused, Session, Subscription,
};
use millwright_gateway::settings::{Pace, SessionTimes};
use millwright_schemas::topics::DownChannel;
use millwright_schemas::{CertificateSerial, MachineId};

use crate::packets::{Connect, v3, v5};

/// For tests that send more than any machine would.
pub(crate) const ANY_PACE: Pace = Pace {
    messages_per_s: u32::MAX,
    messages_burst: u32::MAX,
    bytes_per_s: u32::MAX,
    bytes_burst: u32::MAX,
};

pub(crate) fn machine() -> MachineId {
    "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap()
}

pub(crate) fn child() -> MachineId {
    "0198b2c4-7c1e-7000-8000-0123456789cd".parse().unwrap()
}

pub(crate) fn stranger() -> MachineId {
    "0198b2c4-7c1e-7000-8000-0123456789ef".parse().unwrap()
}

pub(crate) fn certificate() -> Peer {
    Peer::Certificate { machine: machine(), serial: CertificateSerial::from_be_bytes(&[7]) }
}

pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    /// All messages that the session handed to the intake.
    pub(crate) messages: Vec<Message>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) remembered: Vec<Vec<Subscription>>,
    /// The answer to the next claim.
    pub(crate) admission: Result<Admission, Refused>,
    /// Whether the intake takes messages.
    pub(crate) intake_open: bool,
}

impl Bench {
    pub(crate) fn new(peer: Peer) -> Self {
        Self::with_pace(peer, Pace::default())
    }

    pub(crate) fn with_pace(peer: Peer, pace: Pace) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(peer, SessionTimes::default(), pace, now),
            now,
            messages: Vec::new(),
            claims: Vec::new(),
            remembered: Vec::new(),
            admission: Ok(Admission { children: ChildSet::default(), earlier: None }),
            intake_open: true,
        }
    }

    /// Connected with a certificate, its CONNACK read.
    pub(crate) fn connected(connect: &Connect<'_>) -> Self {
        Self::paced(connect, Pace::default())
    }

    /// The same with a pace of its own.
    pub(crate) fn paced(connect: &Connect<'_>, pace: Pace) -> Self {
        let mut bench = Self::with_pace(certificate(), pace);
        let connack = bench.feed(&connect.bytes());
        assert_eq!((connack[0], connack[3]), (0x20, 0), "CONNACK: {connack:x?}");
        bench
    }

    pub(crate) fn v3() -> Self {
        Self::connected(&v3())
    }

    pub(crate) fn v5() -> Self {
        Self::connected(&v5())
    }

    pub(crate) fn of(level: u8) -> Self {
        if level == 5 { Self::v5() } else { Self::v3() }
    }

    pub(crate) fn with_child(connect: &Connect<'_>) -> Self {
        let mut bench = Self::new(certificate());
        bench.admission =
            Ok(Admission { children: [child()].into_iter().collect(), earlier: None });
        bench.feed(&connect.bytes());
        bench
    }

    /// Feeds bytes, and returns what comes back.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.receive(bytes);
        self.settle()
    }

    /// So many messages are committed.
    pub(crate) fn commit(&mut self, count: u64) -> Vec<u8> {
        self.session.committed(count);
        self.settle()
    }

    pub(crate) fn settle(&mut self) -> Vec<u8> {
        loop {
            self.session.advance(self.now);
            if let Some(question) = self.session.take_question() {
                self.answer(question);
            } else if self.intake_open && self.session.message_bytes().is_some() {
                self.messages.extend(self.session.take_message());
            } else {
                return self.drain();
            }
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Admit(claim) => {
                self.claims.push(claim);
                self.session.admitted(self.admission.clone(), self.now);
            }
            Question::Remember(filters) => {
                self.remembered.push(filters);
                self.session.remembered(true);
            }
        }
    }

    /// What waits to be written.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        let output = self.session.output().to_vec();
        self.session.wrote(output.len(), self.now);
        output
    }

    pub(crate) fn pass(&mut self, time: Duration) -> Vec<u8> {
        self.now += time;
        self.session.expire(self.now);
        self.settle()
    }

    pub(crate) fn send_down(&mut self, channel: DownChannel, payload: &'static [u8]) -> Vec<u8> {
        let payload = bytes::Bytes::from_static(payload);
        self.session.deliver(Down { machine: machine(), channel, payload });
        self.drain()
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.session.ended()
    }
}
