//! What idle connections cost, and what happens when thousands are cut off at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::load::{Connected, connect};
use crate::machine::Machine;
use crate::platform::Platform;
use crate::process::{anonymous_bytes, own_cpu_seconds, resident_bytes};
use crate::report::{Aim, Report};
use crate::stats::{Times, float};

/// Memory of one idle connection at most, in KiB.
const MEMORY_AIM_KIB: f64 = 20.0;
/// Longest pause of a machine before it tries again; each has its own part of it.
const AGAIN_MAX: Duration = Duration::from_secs(1);
/// A machine that is refused so often gives up.
const ATTEMPTS_MAX: u32 = 60;

/// Opens connections, compares the platform's memory, then cuts off `storm` of them.
pub(crate) async fn measure(
    report: &Report,
    database: &str,
    platform: &Platform,
    machines: &[Arc<Machine>],
    storm: usize,
) -> Result<()> {
    let mut section = report.section("connections", database);
    let pid = platform.pid()?;
    // The first connections also fill caches that all share.
    let (warm_up, measured) = machines.split_at(machines.len() / 100);
    let mut open = connect(warm_up).await?;
    let memory = || anyhow::Ok((anonymous_bytes(pid)?, resident_bytes(pid)?));
    let before = memory()?;
    let (cpu, start) = (platform.cpu_seconds()?, Instant::now());
    open.extend(connect(measured).await?);
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), platform.cpu_seconds()? - cpu);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = memory()?;
    let count = float(measured.len() as u64);
    let each = |before: u64, after: u64| float(after.saturating_sub(before)) / 1024.0 / count;
    let what = format!("memory of an idle connection, of {}", open.len());
    section.aimed(what, each(before.0, after.0), "KiB", Aim::AtMost(MEMORY_AIM_KIB));
    let what = "… with pages of files, all of the resident memory";
    section.aimed(what, each(before.1, after.1), "KiB", Aim::AtMost(MEMORY_AIM_KIB));
    section.figure("resident memory before", float(before.1) / 1048576.0, "MiB");
    section.figure("resident memory with all connections", float(after.1) / 1048576.0, "MiB");
    section.figure("connecting, 64 at once: connections", count / seconds, "1/s");
    section.figure("CPU of a connection: TLS, MQTT, directory", 1e3 * cpu / count, "CPU-ms");

    let storm = storm.min(open.len());
    let cut = open.split_off(open.len() - storm);
    let (own, cpu) = (own_cpu_seconds()?, platform.cpu_seconds()?);
    let (mut times, refused, back) = reconnect(cut).await?;
    let what = format!("storm of {storm}: until all are connected again");
    section.figure(what, times.longest_ms() / 1e3, "s");
    section.percentiles("storm: from the cut to CONNACK", times.p50_p99_ms());
    section.figure("storm: attempts that failed", float(refused), "");
    section.figure("storm: CPU of the platform", platform.cpu_seconds()? - cpu, "CPU-s");
    section.figure(
        "storm: CPU of the load program (not counted)",
        own_cpu_seconds()? - own,
        "CPU-s",
    );
    open.extend(back);
    tokio::time::sleep(Duration::from_secs(2)).await;
    section.figure(
        "resident memory after the storm",
        float(resident_bytes(pid)?) / 1048576.0,
        "MiB",
    );
    section.end()
}

/// Cuts all off and lets each come back at once; returns how long each took, and how many
/// attempts failed.
async fn reconnect(cut: Vec<Connected>) -> Result<(Times, u64, Vec<Connected>)> {
    let count = u32::try_from(cut.len())?;
    let machines: Vec<_> = cut.iter().map(|one| Arc::clone(&one.machine)).collect();
    let start = Instant::now();
    drop(cut);
    let mut tasks = JoinSet::new();
    for (machine, number) in machines.into_iter().zip(0..) {
        tasks.spawn(async move {
            let mut failed = 0;
            loop {
                match machine.connect().await {
                    Ok(connection) => {
                        let connected = Connected { machine, connection };
                        return anyhow::Ok((start.elapsed(), failed, connected));
                    }
                    Err(error) if failed >= ATTEMPTS_MAX => return Err(error),
                    Err(_) => failed += 1,
                }
                tokio::time::sleep(AGAIN_MAX.mul_f64(f64::from(number) / f64::from(count))).await;
            }
        });
    }
    let (mut times, mut all_failed, mut back) = (Times::new(), 0, Vec::new());
    while let Some(result) = tasks.join_next().await {
        let (time, failed, connected) = result??;
        times.push(time);
        all_failed += u64::from(failed);
        back.push(connected);
    }
    Ok((times, all_failed, back))
}
