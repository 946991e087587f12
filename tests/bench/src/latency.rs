//! From PUBLISH to PUBACK, which includes the commit to disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::machine::{Machine, now_ms, payload};
use crate::process::percentile;

/// Messages a second of each machine: a machine that reports, not a flood.
const INTERVAL: Duration = Duration::from_millis(100);

/// Each machine sends ten messages a second, one at a time.
pub(crate) async fn publish_to_puback(
    machines: &[Arc<Machine>],
    senders: usize,
    seconds: u64,
) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (index, machine) in machines.iter().enumerate() {
        let machine = Arc::clone(machine);
        // Spread over the interval, as machines of a fleet are.
        let offset =
            INTERVAL.mul_f64(f64::from(u32::try_from(index)?) / f64::from(u32::try_from(senders)?));
        tasks.spawn(async move { one(&machine, offset, Duration::from_secs(seconds)).await });
    }
    let mut times = Vec::new();
    while let Some(result) = tasks.join_next().await {
        times.extend(result??);
    }
    times.sort_unstable();
    println!(
        "| publish to PUBACK, {senders} machine(s) at 10 messages/s each: p50 / p99 | {:.1} ms / {:.1} ms ({} messages) |",
        percentile(&times, 0.5).as_secs_f64() * 1e3,
        percentile(&times, 0.99).as_secs_f64() * 1e3,
        times.len(),
    );
    Ok(())
}

async fn one(machine: &Machine, offset: Duration, length: Duration) -> Result<Vec<Duration>> {
    let mut connection = machine.connect().await?;
    let outbox = uuid::Uuid::now_v7();
    tokio::time::sleep(offset).await;
    let mut ticks = tokio::time::interval(INTERVAL);
    let end = Instant::now() + length;
    let mut times = Vec::new();
    for seq in 1.. {
        ticks.tick().await;
        if Instant::now() > end {
            break;
        }
        let message = payload(outbox, seq, now_ms(), 1, "spindle.temperature");
        let sent = Instant::now();
        connection.writer.publish(&machine.topic, &message).await?;
        connection.reader.next().await?;
        times.push(sent.elapsed());
    }
    Ok(times)
}
