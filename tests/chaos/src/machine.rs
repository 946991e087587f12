//! A simulated machine: measures, has faults, keeps all of it until it is acknowledged, and writes
//! down what it made.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use millwright_tests::raw_mqtt::Connect;
use millwright_tests::{RawMqtt, Version};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustls::ClientConfig;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use crate::presence;
use crate::world::Phase;

/// Samples in a message.
const SAMPLES: usize = 5;
/// Messages sent before the first acknowledgement is waited for.
const WINDOW: usize = 8;
/// Messages of samples for one of a fault.
const FAULT_EVERY: f64 = 20.0;
/// Codes of faults, so that some repeat while they are active.
const CODES: usize = 4;
/// Share of rounds in which something acknowledged is sent once more, as by a machine that lost its
/// power before it had noted the acknowledgement.
const AGAIN: f64 = 0.05;
/// Share of rounds after which the machine goes without a word.
const VANISHES: f64 = 0.004;
/// Time for TCP, TLS and CONNECT.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two pings of a machine that has nothing to say.
const PING: Duration = Duration::from_secs(10);
/// Wait before the next attempt, in milliseconds.
const BACKOFF_MS: std::ops::Range<u64> = 50..1_000;

/// How a machine shows who it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) machine: Uuid,
    pub(crate) root: String,
    pub(crate) tls: Arc<ClientConfig>,
    /// A device token; without it the certificate in `tls` says who it is.
    pub(crate) token: Option<String>,
}

/// A sample of both signals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Microseconds.
    pub(crate) ts: i64,
    pub(crate) count: f64,
    pub(crate) load: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct FaultEvent {
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) raised: bool,
}

#[derive(Debug)]
struct Message {
    topic: String,
    payload: Vec<u8>,
    holds: Holds,
}

#[derive(Debug, Clone, Copy)]
enum Holds {
    Samples(usize),
    Fault,
}

/// What a machine made, and what of it was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) samples: Vec<Sample>,
    pub(crate) faults: Vec<FaultEvent>,
    /// Samples at the front that were acknowledged.
    pub(crate) acknowledged_samples: usize,
    /// Fault events at the front that were acknowledged.
    pub(crate) acknowledged_faults: usize,
    pub(crate) messages: usize,
    /// Messages that were sent once more though they were acknowledged.
    pub(crate) again: usize,
    /// Connections that ended before the machine wanted it.
    pub(crate) broken: usize,
    /// Answers that refused a message.
    pub(crate) refused: Vec<String>,
    /// Why, and how often.
    pub(crate) errors: BTreeMap<String, usize>,
}

/// What all machines have made and had acknowledged, as it goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) made: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    /// Commands that somebody still waits for an answer to.
    pub(crate) unanswered: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) identity: Identity,
    pub(crate) record: Record,
    /// Among the simulated machines.
    number: u64,
    network: SocketAddr,
    version: Version,
    /// For what it measures: the same in each run of a seed.
    random: StdRng,
    /// For how it behaves, which also follows from what happens to it.
    whim: StdRng,
    outbox: Uuid,
    /// All that was ever made: what isn't acknowledged yet, and what may be sent again.
    messages: Vec<Message>,
    acknowledged: usize,
    telemetry_seq: u64,
    events_seq: u64,
    due: Instant,
    every: Duration,
    started: (Instant, i64),
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
}

impl Machine {
    pub(crate) fn new(
        identity: Identity,
        network: SocketAddr,
        (seed, number): (u64, u64),
        rate: f64,
        phase: watch::Receiver<Phase>,
        progress: Arc<Progress>,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a));
        let every = Duration::from_secs_f64(1.0 / rate);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let started = (Instant::now(), i64::try_from(now.as_millis()).expect("not for long"));
        Self {
            identity,
            record: Record::default(),
            number,
            network,
            version: if number.is_multiple_of(2) { Version::V3 } else { Version::V5 },
            due: started.0 + every.mul_f64(random.random_range(0.0..1.0)),
            whim: StdRng::from_rng(&mut random),
            random,
            outbox: Uuid::new_v4(),
            messages: Vec::new(),
            acknowledged: 0,
            telemetry_seq: 0,
            events_seq: 0,
            every,
            started,
            phase,
            progress,
        }
    }

    /// Measures until the end of the trouble, delivers, and then stays connected; some leave when it is
    /// time to part. Ends when nobody waits any longer.
    pub(crate) async fn live(mut self) -> Self {
        let mut phase = self.phase.clone();
        let over = async move { phase.wait_for(|phase| *phase == Phase::Over).await.map(drop) };
        tokio::pin!(over);
        loop {
            // Whether it gets through or not.
            self.make_what_is_due();
            if self.parts() {
                let _ = over.await;
                return self;
            }
            let ended = tokio::select! {
                ended = self.session() => ended,
                _ = &mut over => return self,
            };
            if let Err(error) = ended {
                self.record.broken += 1;
                *self.record.errors.entry(format!("{error:#}")).or_default() += 1;
            }
            let wait = Duration::from_millis(self.whim.random_range(BACKOFF_MS));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = &mut over => return self,
            }
        }
    }

    /// One connection: everything that isn't acknowledged, in order, then what comes. Ends well when the
    /// machine itself breaks it off.
    async fn session(&mut self) -> anyhow::Result<()> {
        let connecting = tokio::time::timeout(CONNECT, self.connect());
        let mut connection = connecting.await.context("no connection in time")??;
        loop {
            self.make_what_is_due();
            let draining = *self.phase.borrow() != Phase::Trouble;
            if self.acknowledged == self.messages.len() {
                if self.parts() {
                    return self.part(connection).await;
                }
                if draining {
                    self.stay(&mut connection).await?;
                } else {
                    self.wait_for_work().await;
                }
                continue;
            }
            self.send_window(&mut connection).await?;
            if !draining && self.whim.random_bool(VANISHES) {
                return Ok(());
            }
        }
    }

    /// Whether it is time for this machine to leave.
    fn parts(&self) -> bool {
        *self.phase.borrow() == Phase::Parting && presence::leaves(self.number)
    }

    async fn part(&self, connection: RawMqtt) -> anyhow::Result<()> {
        if presence::says_goodbye(self.number) {
            connection.disconnect().await?;
        }
        Ok(())
    }

    /// Shows that it is there, until something changes.
    async fn stay(&self, connection: &mut RawMqtt) -> anyhow::Result<()> {
        let mut phase = self.phase.clone();
        let now = *phase.borrow();
        connection.ping().await?;
        let _ = tokio::time::timeout(PING, phase.wait_for(|phase| *phase != now)).await;
        Ok(())
    }

    async fn wait_for_work(&self) {
        let mut phase = self.phase.clone();
        tokio::select! {
            () = tokio::time::sleep_until(self.due.into()) => {}
            _ = phase.wait_for(|phase| *phase != Phase::Trouble) => {}
        }
    }

    async fn connect(&self) -> anyhow::Result<RawMqtt> {
        let Identity { machine, tls, token, .. } = &self.identity;
        let machine = machine.to_string();
        let mut connection =
            RawMqtt::open(self.network, "localhost", Arc::clone(tls), self.version).await?;
        let user = token.as_ref().map(|_| machine.as_str());
        let password = token.as_deref();
        let connect = Connect { client_id: &machine, user, password, ..Connect::default() };
        let code = connection.connect(&connect).await?;
        ensure!(code == 0, "CONNECT is refused with {code}");
        Ok(connection)
    }

    async fn send_window(&mut self, connection: &mut RawMqtt) -> anyhow::Result<()> {
        if self.acknowledged > 0 && self.whim.random_bool(AGAIN) {
            let old = &self.messages[self.whim.random_range(0..self.acknowledged)];
            connection.publish(&old.topic, &old.payload).await?;
            self.record.again += 1;
        }
        let end = self.messages.len().min(self.acknowledged + WINDOW);
        let mut sent = Vec::new();
        for message in &self.messages[self.acknowledged..end] {
            sent.push(connection.send_publish(&message.topic, &message.payload).await?);
        }
        for id in sent {
            let code = connection.acknowledged(id).await?;
            if code >= 0x80 {
                self.record.refused.push(format!("{code:#x}"));
            }
            self.note_acknowledged();
        }
        Ok(())
    }

    fn note_acknowledged(&mut self) {
        match self.messages[self.acknowledged].holds {
            Holds::Samples(samples) => self.record.acknowledged_samples += samples,
            Holds::Fault => self.record.acknowledged_faults += 1,
        }
        self.acknowledged += 1;
        self.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// A machine goes on measuring whether it is connected or not.
    fn make_what_is_due(&mut self) {
        while *self.phase.borrow() == Phase::Trouble && self.due <= Instant::now() {
            let elapsed = self.due.duration_since(self.started.0);
            let at = self.started.1 + i64::try_from(elapsed.as_millis()).expect("not for long");
            let message = self.measured(at);
            self.add(message);
            if self.random.random_bool(1.0 / FAULT_EVERY) {
                // Before the next samples, and after all that was before.
                let message = self.fault(at + SAMPLES as i64);
                self.add(message);
            }
            self.due += self.every;
        }
    }

    fn add(&mut self, message: Message) {
        self.messages.push(message);
        self.record.messages += 1;
        self.progress.made.fetch_add(1, Ordering::Relaxed);
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn measured(&mut self, at: i64) -> Message {
        self.telemetry_seq += 1;
        let mut samples = Vec::new();
        for place in 0..SAMPLES as i64 {
            let count = self.record.samples.len() as f64;
            let load = self.random.random_range(-1e6..1e6);
            self.record.samples.push(Sample { ts: (at + place) * 1_000, count, load });
            samples.push(json!({ "ts": at + place, "values": { "count": count, "load": load } }));
        }
        let message =
            json!({ "outbox": self.outbox, "seq": self.telemetry_seq, "samples": samples });
        Message {
            topic: format!("{}/up/telemetry", self.identity.root),
            payload: message.to_string().into_bytes(),
            holds: Holds::Samples(SAMPLES),
        }
    }

    fn fault(&mut self, at: i64) -> Message {
        self.events_seq += 1;
        let (id, code) = (Uuid::new_v4(), format!("C-{}", self.random.random_range(0..CODES)));
        let raised = self.random.random_bool(0.6);
        let severity = if self.random.random_bool(0.2) { "major" } else { "warning" };
        let (kind, data) = if raised {
            let data =
                json!({ "code": code, "source": "chaos", "severity": severity, "message": "made" });
            ("fault.raised", data)
        } else {
            ("fault.cleared", json!({ "code": code, "source": "chaos" }))
        };
        let message = json!({
            "id": id, "outbox": self.outbox, "seq": self.events_seq, "ts": at, "type": kind,
            "data": data,
        });
        self.record.faults.push(FaultEvent { id, code, raised });
        Message {
            topic: format!("{}/up/events", self.identity.root),
            payload: message.to_string().into_bytes(),
            holds: Holds::Fault,
        }
    }
}
