//! What the platform's own work on stored values adds as the fleet grows: the same load from ever more
//! machines, each with several signals, and what of it waits to be rolled up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millwright_schemas::Timestamp;
use serde_json::Value;

use crate::database::{Database, Kind};
use crate::load::{Paced, Shape, connect, paced};
use crate::machine::{Machine, now_ms};
use crate::platform::Platform;
use crate::process::resident_bytes;
use crate::report::{Report, Section};
use crate::stats::{float, readable};

/// Messages a second of all machines together.
const RATE: f64 = 2_000.0;
/// Signals of each machine.
const SIGNALS: usize = 10;
/// Samples of a message, each with a value of every signal.
const SAMPLES: usize = 2;
/// How often it is looked what waits.
pub(crate) const LOOK: Duration = Duration::from_secs(5);
/// The same after the load, when it is nothing but that work.
const LOOK_CLOSELY: Duration = Duration::from_millis(250);
/// Longest wait until nothing waits.
const PATIENCE: Duration = Duration::from_secs(900);

/// Fleets of these sizes, each sending for so long: rollups are made of whole minutes.
pub(crate) async fn measure(
    report: &Report,
    database: &Database,
    platform: &Platform,
    machines: &[Arc<Machine>],
    fleets: &[usize],
    length: Duration,
) -> Result<()> {
    let mut section = report.section("upkeep", database.name());
    let task = if database.kind() == Kind::Timescale { "refresh" } else { "rollups" };
    for &count in fleets.iter().filter(|count| **count <= machines.len()) {
        let name = format!(
            "{} machines × {SIGNALS} signals, {} messages/s of {}",
            readable(float(count as u64)),
            readable(RATE),
            SIGNALS * SAMPLES,
        );
        let mut fleet = connect(&machines[..count]).await?;
        let shape = Shape::live(SAMPLES, &format!("upkeep.{count}"), SIGNALS);
        let round = Duration::from_secs_f64(float(count as u64) / RATE);
        // The first round makes the series, of which upkeep hears: not everyday work either.
        paced(&mut fleet, &shape, RATE, round.max(Duration::from_secs(1))).await?;
        until_done(platform, LOOK).await?;
        let (cpu, start) = (platform.cpu_seconds()?, Instant::now());
        let load = paced(&mut fleet, &shape, RATE, length.max(round * 2));
        let (done, most) = beside(load, platform, task).await?;
        let (cpu, seconds) = (platform.cpu_seconds()? - cpu, start.elapsed().as_secs_f64());
        figures(&mut section, &name, done, cpu, seconds);
        let memory = float(resident_bytes(platform.pid()?)?) / 1_048_576.0;
        section.figure(format!("{name}: resident memory"), memory, "MiB");
        let what = format!("{name}: longest since {task} last went well");
        section.figure(what, most.age_s, "s");
        if let Some(waiting) = waiting(platform).await? {
            figures_of_rollups(&mut section, &name, most, waiting);
            let rate = until_done(platform, LOOK_CLOSELY).await?;
            section.figure(format!("{name}: signals rolled up after the load"), rate, "1/s");
        }
    }
    section.end()
}

fn figures(section: &mut Section, name: &str, mut done: Paced, cpu: f64, seconds: f64) {
    let messages = float(done.times.len() as u64);
    section.figure(format!("{name}: messages"), messages / seconds, "1/s");
    let what = format!("{name}: CPU of a message, upkeep included");
    section.figure(what, 1e6 * cpu / messages, "CPU-µs");
    section.percentiles(&format!("{name}: due to PUBACK"), done.times.p50_p99_ms());
}

fn figures_of_rollups(section: &mut Section, name: &str, most: Most, waiting: Waiting) {
    let mut signals = |when: &str, count: u64| {
        section.figure(format!("{name}: signals that wait, {when}"), float(count), "");
    };
    signals("at most", most.signals);
    signals("at the end", waiting.signals);
    let what = format!("{name}: oldest that waits at the end");
    section.figure(what, waiting.oldest_s, "s");
}

/// The most that was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    /// Signals that waited.
    signals: u64,
    /// Seconds since the task last went well.
    age_s: f64,
}

/// A load, and what was seen beside it.
async fn beside(
    load: impl Future<Output = Result<Paced>>,
    platform: &Platform,
    task: &str,
) -> Result<(Paced, Most)> {
    let mut most = Most::default();
    let mut looks = tokio::time::interval(LOOK);
    let mut load = Box::pin(load);
    loop {
        tokio::select! {
            done = &mut load => return Ok((done?, most)),
            _ = looks.tick() => {
                let signals = waiting(platform).await?.map_or(0, |waiting| waiting.signals);
                most.signals = most.signals.max(signals);
                most.age_s = most.age_s.max(age(platform, task).await?);
            }
        }
    }
}

/// Waits until nothing waits to be rolled up; returns how many signals were rolled up a second, from
/// when it began. With TimescaleDB there is nothing to wait for.
pub(crate) async fn until_done(platform: &Platform, look: Duration) -> Result<f64> {
    let start = Instant::now();
    let (mut most, mut begun) = (0, start);
    while let Some(now) = waiting(platform).await?.filter(|now| now.signals + now.hours > 0) {
        ensure!(start.elapsed() < PATIENCE, "{now:?} wait for the platform's rollups");
        if now.signals >= most {
            (most, begun) = (now.signals, Instant::now());
        }
        tokio::time::sleep(look).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(if most == 0 { f64::NAN } else { float(most) / seconds })
}

/// What waits to be rolled up.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    signals: u64,
    /// Hours of signals that are made anew.
    hours: u64,
    /// Seconds since its oldest value.
    oldest_s: f64,
}

/// `None` with TimescaleDB, which doesn't tell.
async fn waiting(platform: &Platform) -> Result<Option<Waiting>> {
    let status = platform.get("/storage").await?;
    let waiting = &status["waiting"];
    if waiting.is_null() {
        return Ok(None);
    }
    let count = |field: &str| waiting[field].as_u64().with_context(|| field.to_owned());
    Ok(Some(Waiting {
        signals: count("signals")?,
        hours: count("hours")?,
        oldest_s: oldest(&waiting["oldest"])?,
    }))
}

fn oldest(time: &Value) -> Result<f64> {
    let time: Option<Timestamp> = serde_json::from_value(time.clone())?;
    let ms = time.map_or(0, |time| now_ms() - time.micros() / 1_000);
    Ok(float(ms.max(0).unsigned_abs()) / 1e3)
}

/// Seconds since a task last went well, by the platform's metrics; 0 when it hasn't yet.
async fn age(platform: &Platform, task: &str) -> Result<f64> {
    let metrics = platform.metrics().await?;
    let start = format!("millwright_upkeep_succeeded_timestamp_seconds{{task=\"{task}\"}} ");
    let Some(value) = metrics.lines().find_map(|line| line.strip_prefix(start.as_str())) else {
        return Ok(0.0);
    };
    let at: f64 = value.trim().parse()?;
    Ok((float(now_ms().unsigned_abs()) / 1e3 - at).max(0.0))
}
