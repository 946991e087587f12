//! Two processes' ends of the bus, on one real broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The program has no library; this part of it stands on its own.
#[path = "../src/serve/bridge.rs"]
mod bridge;

use std::sync::Arc;
use std::time::Duration;

use millwright_bus::topics::{self, Wake};
use millwright_bus::{Bus, Supervisor};
use millwright_ingest::live::{Live, LiveCopy};
use millwright_schemas::api::telemetry::LiveSample;
use millwright_schemas::topics::{DownChannel, down};
use millwright_schemas::{MachineId, Quality, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Far longer than anything here takes: a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

type Copies = broadcast::Receiver<Arc<LiveCopy>>;

fn broker() -> Supervisor {
    Supervisor::start(env!("CARGO_BIN_EXE_millwright").into(), vec!["broker".to_owned()])
}

fn machine(n: u128) -> MachineId {
    MachineId(Uuid::from_u128(n))
}

fn samples(machine: MachineId, value: impl Into<Value>) -> Vec<LiveSample> {
    let ts = Timestamp::from_millis(1_763_775_000_000);
    vec![LiveSample {
        machine_id: machine,
        signal: "t".to_owned(),
        ts,
        value: value.into(),
        quality: Quality::Good,
        received_at: ts,
    }]
}

async fn subscribed(bus: &Bus, filters: usize) {
    let mut status = bus.status();
    let reached = status.wait_for(|status| status.subscribed == filters);
    timeout(PATIENCE, reached).await.expect("in time").unwrap();
}

/// One process: its watchers, and its end of the bus.
struct Process {
    live: Live,
    bus: Bus,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Process {
    /// Watches the machine from the start.
    async fn watching(broker: &Supervisor, machine: MachineId) -> (Self, Copies) {
        let live = Live::new();
        let copies = live.subscribe(machine).unwrap();
        (Self::start(broker, live).await, copies)
    }

    /// Ready to be told what others watch and commit.
    async fn start(broker: &Supervisor, live: Live) -> Self {
        let (bus, stop) = (Bus::supervised(broker), CancellationToken::new());
        let task = tokio::spawn(bridge::live(bus.clone(), live.clone(), stop.clone()));
        subscribed(&bus, 2).await;
        Self { live, bus, stop, task }
    }

    /// As ingest does after a commit.
    fn commit(&self, machine: MachineId, value: impl Into<Value>) {
        self.live.publish(LiveCopy { machine, samples: samples(machine, value) });
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("in time").unwrap().unwrap();
        self.bus.close().await;
    }
}

async fn next(copies: &mut Copies) -> Value {
    let copy = timeout(PATIENCE, copies.recv()).await.expect("in time").unwrap();
    copy.samples[0].value.clone()
}

/// Until what `from` commits arrives. A watch is announced every few seconds, and an announcement
/// may come before the other process listens.
async fn until_connected(from: &Process, to: &mut Copies, machine: MachineId) {
    let arrives = async {
        while to.is_empty() {
            from.commit(machine, "first");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, arrives).await.expect("in time");
}

/// All that has arrived before the marker.
async fn until_marker(copies: &mut Copies, marker: &str) -> Vec<Value> {
    let mut before = Vec::new();
    loop {
        match next(copies).await {
            value if value == marker => return before,
            value if value == "first" => {}
            value => before.push(value),
        }
    }
}

#[tokio::test]
async fn a_watcher_gets_what_another_process_commits() {
    let broker = broker();
    let (watched, other) = (machine(1), machine(2));
    let committing = Process::start(&broker, Live::new()).await;
    let (watching, mut copies) = Process::watching(&broker, watched).await;
    until_connected(&committing, &mut copies, watched).await;
    committing.commit(other, "not watched");
    committing.commit(watched, "watched");
    assert_eq!(until_marker(&mut copies, "watched").await, [] as [Value; 0]);
    committing.end().await;
    watching.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_watcher_gets_what_its_own_process_commits_once() {
    let broker = broker();
    let watched = machine(1);
    let (one, mut at_one) = Process::watching(&broker, watched).await;
    let (two, mut at_two) = Process::watching(&broker, watched).await;
    until_connected(&two, &mut at_one, watched).await;
    until_connected(&one, &mut at_two, watched).await;

    // Its own copy goes out over the bus and comes back before the other one's answer does.
    one.commit(watched, "of one");
    assert_eq!(until_marker(&mut at_two, "of one").await, [] as [Value; 0]);
    two.commit(watched, "of two");
    assert_eq!(until_marker(&mut at_one, "of two").await, ["of one"]);
    assert_eq!(until_marker(&mut at_two, "of two").await, [] as [Value; 0]);
    one.end().await;
    two.end().await;
    broker.stop().await;
}

#[tokio::test]
async fn what_can_not_be_meant_is_ignored() {
    let broker = broker();
    let watched = machine(1);
    let (process, mut copies) = Process::watching(&broker, watched).await;
    let stranger = Bus::supervised(&broker);
    let message = |machine, value: &str| {
        json!({"from": Uuid::nil(), "samples": samples(machine, value)}).to_string()
    };
    for (topic, payload) in [
        (topics::live(watched), "junk".to_owned()),
        (topics::live(watched), r#"{"samples":[]}"#.to_owned()),
        (topics::live(watched), message(machine(2), "of another machine")),
        ("mwbus/v1/live/junk".to_owned(), message(watched, "no machine")),
        (topics::watch(watched), "junk".to_owned()),
        ("mwbus/v1/watch/junk".to_owned(), "20".to_owned()),
        (topics::live(watched), message(watched, "right")),
    ] {
        stranger.publish(topic, payload).unwrap();
    }
    assert_eq!(next(&mut copies).await, "right");
    assert!(copies.is_empty());
    process.end().await;
    stranger.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn what_is_sent_towards_a_machine_arrives_and_nothing_else() {
    let broker = broker();
    let (bus, stop) = (Bus::supervised(&broker), CancellationToken::new());
    let mut messages = bridge::down(&bus, stop.clone()).unwrap();
    let mut wakes = bus.subscribe(topics::wake(Wake::Events)).unwrap();
    subscribed(&bus, 2).await;

    let sender = Bus::supervised(&broker);
    let good = down(machine(1), DownChannel::Command);
    for topic in [
        good.replace("/down/command", "/down/junk"),
        "mw/v1/01/junk/down/command".to_owned(),
        // Another machine's shard.
        good.replacen("/01/", "/02/", 1),
    ] {
        assert_ne!(topic, good);
        sender.publish(topic, "junk").unwrap();
    }
    sender.publish(good, "order").unwrap();
    let arrived = timeout(PATIENCE, messages.recv()).await.expect("in time").unwrap();
    assert_eq!(arrived, (machine(1), DownChannel::Command, "order".into()));

    bridge::wake_events(&sender);
    let wake = timeout(PATIENCE, wakes.recv()).await.expect("in time").unwrap();
    assert_eq!(wake.topic, topics::wake(Wake::Events));

    stop.cancel();
    assert!(timeout(PATIENCE, messages.recv()).await.expect("in time").is_none());
    sender.close().await;
    bus.close().await;
    broker.stop().await;
}
