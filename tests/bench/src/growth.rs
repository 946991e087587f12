//! What a message costs as the fleet grows and the load stays the same.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::load::{Shape, connect, paced};
use crate::machine::Machine;
use crate::platform::Platform;
use crate::plot::{Line, Plot};
use crate::process::resident_bytes;
use crate::report::Report;
use crate::stats::{float, readable};

/// Messages a second of all machines together.
const RATE: f64 = 2_000.0;
/// Samples of a message.
const SAMPLES: usize = 20;
/// How long each fleet is measured at least; a large one for two messages of each machine.
const LENGTH_MIN: Duration = Duration::from_secs(6);

/// Fleets of these sizes, each sending the same together.
pub(crate) async fn measure(
    report: &Report,
    database: &str,
    platform: &Platform,
    machines: &[Arc<Machine>],
    fleets: &[usize],
) -> Result<Line> {
    let mut section = report.section("fleet", database);
    let mut costs = Vec::new();
    for &count in fleets.iter().filter(|count| **count <= machines.len()) {
        let mut fleet = connect(&machines[..count]).await?;
        let shape = Shape::new(SAMPLES, format!("fleet.{count}.temperature"));
        let round = Duration::from_secs_f64(float(count as u64) / RATE);
        let length = (round * 2).max(LENGTH_MIN);
        // The first round makes the series: what is measured is everyday work.
        paced(&mut fleet, &shape, RATE, round.max(Duration::from_secs(1))).await?;
        let before = platform.cpu_seconds()?;
        let mut done = paced(&mut fleet, &shape, RATE, length).await?;
        let cpu = platform.cpu_seconds()? - before;
        let cost = 1e6 * cpu / float(done.times.len() as u64);
        let name = format!(
            "{} machines, {} messages/s of {SAMPLES}",
            readable(float(count as u64)),
            readable(RATE)
        );
        section.figure(format!("{name}: CPU of a message"), cost, "CPU-µs");
        section.percentiles(&format!("{name}: due to PUBACK"), done.times.p50_p99_ms());
        let memory = float(resident_bytes(platform.pid()?)?) / 1_048_576.0;
        section.figure(format!("{name}: resident memory"), memory, "MiB");
        costs.push((float(count as u64), cost));
    }
    section.end()?;
    Ok(Line::new(database, costs))
}

/// All databases in one picture.
pub(crate) fn plot(lines: Vec<Line>) -> Plot {
    Plot {
        title: format!(
            "CPU of a message of {SAMPLES} samples, {} messages/s in all",
            readable(RATE)
        ),
        x: "machines".to_owned(),
        y: "CPU-µs".to_owned(),
        lines,
    }
}
