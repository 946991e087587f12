//! Samples committed and acknowledged a CPU-second, beside a bare insert of the same rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::machine::{Machine, now_ms, payload};
use crate::platform::Platform;
use crate::process::cpu_seconds;
use crate::reference::{Order, bare_insert};

/// Messages of one machine that wait for their PUBACK at most.
const IN_FLIGHT: usize = 50;

/// What is sent.
pub(crate) struct Load {
    pub(crate) samples: usize,
    pub(crate) seconds: u64,
}

/// All machines send as fast as they are acknowledged.
pub(crate) async fn measure(
    platform: &Platform,
    machines: &[Arc<Machine>],
    load: &Load,
) -> Result<()> {
    let pid = platform.pid()?;
    let cpu = cpu_seconds(pid)?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for machine in machines {
        let machine = Arc::clone(machine);
        let (samples, length) = (load.samples, Duration::from_secs(load.seconds));
        tasks.spawn(async move { one(&machine, samples, length).await });
    }
    let mut messages = 0;
    while let Some(result) = tasks.join_next().await {
        messages += result??;
    }
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds(pid)? - cpu;
    let rows = messages * u64::try_from(load.samples)?;
    report(load.samples, messages, rows, elapsed, cpu);
    for order in [Order::Arrival, Order::Sorted] {
        let bare = bare_insert(machines.len(), rows, order, platform.folder()).await?;
        report_reference(order, bare, rows, cpu);
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn report(samples: usize, messages: u64, rows: u64, elapsed: f64, cpu: f64) {
    println!(
        "| {samples} sample(s) a message: messages/s; samples/s; samples a CPU-second of the platform | {:.0}; {:.0}; {:.0} |",
        messages as f64 / elapsed,
        rows as f64 / elapsed,
        rows as f64 / cpu,
    );
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn report_reference(order: Order, bare: f64, rows: u64, cpu: f64) {
    let order = match order {
        Order::Arrival => "in the order of arrival",
        Order::Sorted => "sorted by series within a batch",
    };
    println!(
        "| … bare batched insert of as many rows, {order}: rows a CPU-second; platform's share of it | {bare:.0}; {:.0} % |",
        100.0 * (rows as f64 / cpu) / bare,
    );
}

async fn one(machine: &Machine, samples: usize, length: Duration) -> Result<u64> {
    let connection = machine.connect().await?;
    let (mut reader, mut writer) = (connection.reader, connection.writer);
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let freed = Arc::clone(&places);
    let (total, expected) = tokio::sync::oneshot::channel();
    let acks = tokio::spawn(async move {
        let mut expected = expected;
        let mut count = 0_u64;
        let mut wanted = None;
        loop {
            if wanted.is_some_and(|wanted| count >= wanted) {
                return Ok::<u64, anyhow::Error>(count);
            }
            tokio::select! {
                ack = reader.next() => {
                    ack?;
                    count += 1;
                    freed.add_permits(1);
                }
                result = &mut expected, if wanted.is_none() => wanted = Some(result?),
            }
        }
    });
    let outbox = uuid::Uuid::now_v7();
    let signal = format!("axis.{samples}.temperature");
    let end = Instant::now() + length;
    let mut ts = now_ms() - 3_600_000;
    let mut sent = 0;
    while Instant::now() < end {
        places.acquire().await?.forget();
        sent += 1;
        writer.publish(&machine.topic, &payload(outbox, sent, ts, samples, &signal)).await?;
        ts += 10 * i64::try_from(samples)?;
    }
    total.send(sent).ok().context("acknowledgements ended early")?;
    acks.await?
}
