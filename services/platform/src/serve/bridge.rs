//! Between the bus and this process: orders to machines, wake-ups, live copies.
//!
//! What arrives over the bus is not trusted: orders are signed and checked by the agent, wake-ups
//! only make somebody look, live copies are only looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millwright_bus::topics::{self, BusTopic, Wake};
use millwright_bus::{Bus, BusMessage};
use millwright_ingest::live::{Live, LiveCopy};
use millwright_schemas::MachineId;
use millwright_schemas::api::telemetry::LiveSample;
use millwright_schemas::topics::DownChannel;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Messages towards machines that wait for the gateway.
const DOWN_QUEUE: usize = 1_024;
/// How often it is said which machines are watched here.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);
/// For how long it then counts.
const WATCH_TTL: Duration = Duration::from_secs(20);

/// Messages towards machines, from the bus.
pub(crate) fn down(
    bus: &Bus,
    stop: CancellationToken,
) -> anyhow::Result<mpsc::Receiver<(MachineId, DownChannel, Bytes)>> {
    let mut messages = bus.subscribe(topics::DOWN_FILTER)?;
    let (sender, receiver) = mpsc::channel(DOWN_QUEUE);
    tokio::spawn(async move {
        while let Some(message) = next(&mut messages, &stop).await {
            let Ok(BusTopic::Down(machine, channel)) = message.topic.parse() else { continue };
            // Full: whoever sent it sends again, as it must for machines that are offline.
            if sender.try_send((machine, channel, message.payload)).is_err() {
                tracing::warn!(machine.id = %machine, "a message towards a machine was dropped");
            }
        }
    });
    Ok(receiver)
}

/// What a live copy looks like on the bus.
#[derive(Debug, Serialize, Deserialize)]
struct LiveMessage {
    /// The process that committed the samples; it has told its own watchers already.
    from: Uuid,
    samples: Vec<LiveSample>,
}

/// Copies of samples for watchers in other processes, and theirs for watchers here.
pub(crate) async fn live(bus: Bus, live: Live, stop: CancellationToken) -> anyhow::Result<()> {
    let process = Uuid::new_v4();
    let mut watches = bus.subscribe(topics::WATCH_FILTER)?;
    let mut copies = bus.subscribe(topics::LIVE_FILTER)?;
    let mut forward = live.forward();
    let mut ticks = tokio::time::interval(WATCH_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            message = watches.recv() => match message {
                Some(message) => note_watch(&live, &message),
                None => return Ok(()),
            },
            copy = forward.recv() => match copy {
                Some(copy) => {
                    let message = LiveMessage { from: process, samples: copy.samples.clone() };
                    let payload = serde_json::to_vec(&message)?;
                    let _ = bus.publish(topics::live(copy.machine), payload);
                }
                None => return Ok(()),
            },
            message = copies.recv() => match message {
                Some(message) => hand_on(&live, &message, process),
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                for machine in live.wanted() {
                    let _ = bus.publish(topics::watch(machine), topics::encode_ttl(WATCH_TTL));
                }
            }
        }
    }
}

fn note_watch(live: &Live, message: &BusMessage) {
    if let Ok(BusTopic::Watch(machine)) = message.topic.parse()
        && let Some(ttl) = topics::decode_ttl(&message.payload)
    {
        live.watch_elsewhere(machine, Instant::now(), ttl);
    }
}

fn hand_on(live: &Live, message: &BusMessage, process: Uuid) {
    if let Ok(BusTopic::Live(machine)) = message.topic.parse()
        && let Ok(copy) = serde_json::from_slice::<LiveMessage>(&message.payload)
        && copy.from != process
        && copy.samples.iter().all(|sample| sample.machine_id == machine)
    {
        live.publish_here(Arc::new(LiveCopy { machine, samples: copy.samples }));
    }
}

/// Tells other processes that there are new events.
pub(crate) fn wake_events(bus: &Bus) {
    let _ = bus.publish(topics::wake(Wake::Events), Vec::new());
}

async fn next(
    messages: &mut mpsc::Receiver<BusMessage>,
    stop: &CancellationToken,
) -> Option<BusMessage> {
    tokio::select! {
        () = stop.cancelled() => None,
        message = messages.recv() => message,
    }
}
