//! The load: machines that send as fast as they are acknowledged, or at a rate of their own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::machine::{Acks, Connection, Machine, Sender, now_ms, payload_of};
use crate::stats::Times;

/// Messages of one machine that wait for their PUBACK at most, when it sends all it can.
const IN_FLIGHT: usize = 100;
/// Connections that are opened at once.
const CONNECTING: usize = 64;
/// Longest wait for what is outstanding at the end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Before a scenario begins, so that what opening connections has left behind is done.
const SETTLE: Duration = Duration::from_millis(1_500);

/// What each message holds.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    samples: usize,
    /// Each sample has a value of all of them.
    signals: Vec<String>,
    /// Whether samples are of the time at which they are sent; else a millisecond after those before,
    /// from an hour ago on.
    live: bool,
}

impl Shape {
    /// Samples of one signal; another one for every scenario, else they would be repetitions.
    pub(crate) fn new(samples: usize, signal: String) -> Self {
        Self { samples, signals: vec![signal], live: false }
    }

    /// Samples of now, each with a value of all of so many signals.
    pub(crate) fn live(samples: usize, signal: &str, signals: usize) -> Self {
        let signals = (0..signals).map(|number| format!("{signal}.{number}")).collect();
        Self { samples, signals, live: true }
    }

    /// When the next message's samples begin, in milliseconds.
    fn next_ts(&self, after: i64) -> i64 {
        if self.live { after.max(now_ms()) } else { after }
    }
}

/// A machine that is connected.
pub(crate) struct Connected {
    pub(crate) machine: Arc<Machine>,
    pub(crate) connection: Connection,
}

/// Connects all, a bounded number at once.
pub(crate) async fn connect(machines: &[Arc<Machine>]) -> Result<Vec<Connected>> {
    let places = Arc::new(Semaphore::new(CONNECTING));
    let mut tasks = JoinSet::new();
    for machine in machines {
        let (machine, places) = (Arc::clone(machine), Arc::clone(&places));
        tasks.spawn(async move {
            let _place = places.acquire().await?;
            let connection = machine.connect().await?;
            anyhow::Ok(Connected { machine, connection })
        });
    }
    let mut connected = Vec::with_capacity(machines.len());
    while let Some(result) = tasks.join_next().await {
        connected.push(result??);
    }
    tokio::time::sleep(SETTLE).await;
    Ok(connected)
}

/// What a flood came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flood {
    /// Sent and acknowledged.
    pub(crate) messages: u64,
    /// From the first message to the last acknowledgement.
    pub(crate) seconds: f64,
}

/// All machines send as fast as they are acknowledged; ends when everything is.
pub(crate) async fn flood(
    fleet: &mut Vec<Connected>,
    shape: &Shape,
    length: Duration,
) -> Result<Flood> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut one in fleet.drain(..) {
        let shape = shape.clone();
        tasks.spawn(async move {
            let sent = flood_one(&mut one, &shape, start + length).await?;
            anyhow::Ok((one, sent))
        });
    }
    let mut messages = 0;
    while let Some(result) = tasks.join_next().await {
        let (one, sent) = result??;
        messages += sent;
        fleet.push(one);
    }
    Ok(Flood { messages, seconds: start.elapsed().as_secs_f64() })
}

async fn flood_one(one: &mut Connected, shape: &Shape, end: Instant) -> Result<u64> {
    let Connection { reader, writer } = &mut one.connection;
    let places = Semaphore::new(IN_FLIGHT);
    let (total, expected) = oneshot::channel();
    let sending = async {
        let outbox = uuid::Uuid::now_v7();
        let (mut sent, mut ts) = (0, now_ms() - 3_600_000);
        while Instant::now() < end {
            places.acquire().await?.forget();
            sent += 1;
            ts = shape.next_ts(ts);
            let message = payload_of(outbox, sent, ts, shape.samples, &shape.signals);
            writer.publish(&one.machine.topic, &message).await?;
            ts += i64::try_from(shape.samples)?;
        }
        total.send(sent).ok().context("acknowledgements ended early")
    };
    let (_, acknowledged) = tokio::try_join!(sending, all_acks(reader, &places, expected))?;
    Ok(acknowledged)
}

/// Counts acknowledgements until there are as many as were sent in the end.
async fn all_acks(
    reader: &mut Acks,
    places: &Semaphore,
    mut expected: oneshot::Receiver<u64>,
) -> Result<u64> {
    let (mut count, mut wanted) = (0, None);
    loop {
        if wanted.is_some_and(|wanted| count >= wanted) {
            return Ok(count);
        }
        tokio::select! {
            ack = tokio::time::timeout(PATIENCE, reader.next()) => {
                ack.context("no acknowledgement")??;
                count += 1;
                places.add_permits(1);
            }
            result = &mut expected, if wanted.is_none() => wanted = Some(result?),
        }
    }
}

/// What a paced load came to.
#[derive(Debug, Default)]
pub(crate) struct Paced {
    /// From the time at which a message was due to its PUBACK, whether it left in time or not.
    pub(crate) times: Times,
    /// From the time at which a message was due to its leaving: what this program adds.
    pub(crate) lateness: Times,
}

/// All machines together send `rate` messages a second, evenly spread, whether they are
/// acknowledged or not (an open loop: what is slow is not asked less).
pub(crate) async fn paced(
    fleet: &mut Vec<Connected>,
    shape: &Shape,
    rate: f64,
    length: Duration,
) -> Result<Paced> {
    let count = f64::from(u32::try_from(fleet.len())?);
    let interval = Duration::from_secs_f64(count / rate);
    let start = Instant::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for (index, mut one) in fleet.drain(..).enumerate() {
        let shape = shape.clone();
        let first = start + interval.mul_f64(f64::from(u32::try_from(index)?) / count);
        tasks.spawn(async move {
            let paced = paced_one(&mut one, &shape, first, interval, start + length).await?;
            anyhow::Ok((one, paced))
        });
    }
    let mut all = Paced::default();
    while let Some(result) = tasks.join_next().await {
        let (one, paced) = result??;
        all.times.append(paced.times);
        all.lateness.append(paced.lateness);
        fleet.push(one);
    }
    Ok(all)
}

/// Packet id and due time of what isn't acknowledged yet.
type Outstanding = Mutex<VecDeque<(u16, Instant)>>;

async fn paced_one(
    one: &mut Connected,
    shape: &Shape,
    first: Instant,
    interval: Duration,
    end: Instant,
) -> Result<Paced> {
    let Connection { reader, writer } = &mut one.connection;
    let outstanding = Outstanding::default();
    let (total, expected) = oneshot::channel();
    let sending = async {
        let (sent, lateness) =
            send_paced(writer, &one.machine.topic, shape, &outstanding, first, interval, end)
                .await?;
        total.send(sent).ok().context("acknowledgements ended early")?;
        Ok(lateness)
    };
    let (lateness, times) = tokio::try_join!(sending, timed_acks(reader, &outstanding, expected))?;
    Ok(Paced { times, lateness })
}

#[allow(clippy::too_many_arguments, reason = "one place")]
async fn send_paced(
    writer: &mut Sender,
    topic: &str,
    shape: &Shape,
    outstanding: &Outstanding,
    first: Instant,
    interval: Duration,
    end: Instant,
) -> Result<(u64, Times)> {
    let outbox = uuid::Uuid::now_v7();
    let (mut sent, mut ts) = (0, now_ms() - 3_600_000);
    let (mut due, mut lateness) = (first, Times::new());
    while due < end {
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        lateness.push(due.elapsed());
        sent += 1;
        ts = shape.next_ts(ts);
        let message = payload_of(outbox, sent, ts, shape.samples, &shape.signals);
        let packet = writer.next_packet();
        lock(outstanding).push_back((packet, due));
        writer.publish(topic, &message).await?;
        ts += i64::try_from(shape.samples)?;
        due += interval;
    }
    Ok((sent, lateness))
}

async fn timed_acks(
    reader: &mut Acks,
    outstanding: &Outstanding,
    mut expected: oneshot::Receiver<u64>,
) -> Result<Times> {
    let (mut times, mut wanted) = (Times::new(), None);
    loop {
        if wanted.is_some_and(|wanted| times.len() as u64 >= wanted) {
            return Ok(times);
        }
        tokio::select! {
            ack = tokio::time::timeout(PATIENCE, reader.next()) => {
                let packet = ack.context("no acknowledgement")??;
                let mut outstanding = lock(outstanding);
                let place = outstanding.iter().position(|(id, _)| *id == packet);
                let due = place.and_then(|place| outstanding.remove(place));
                times.push(due.context("PUBACK of a message that wasn't sent")?.1.elapsed());
            }
            result = &mut expected, if wanted.is_none() => wanted = Some(result?),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_samples_are_of_now_and_never_twice_of_one_time() {
        let live = Shape::live(2, "a", 2);
        let before = now_ms();
        assert!(live.next_ts(0) >= before);
        assert_eq!(live.next_ts(before + 60_000), before + 60_000);
        assert_eq!(Shape::new(1, "a".to_owned()).next_ts(5), 5);
    }
}
