//! Messages committed and acknowledged, a second and a CPU-second, beside a bare insert of as
//! many rows; and the time to PUBACK at half of that load.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::database::Database;
use crate::load::{Flood, Shape, connect, flood, paced};
use crate::machine::Machine;
use crate::platform::Platform;
use crate::process::own_cpu_seconds;
use crate::reference::{Order, bare_insert};
use crate::report::{Aim, Report, Section};
use crate::stats::float;

/// Samples of a message.
pub(crate) const SAMPLES: [usize; 2] = [1, 20];
/// Share of the bare insert, in percent, at the largest number of samples a message.
const SHARE_AIM: f64 = 60.0;
/// Longest measurement of the time to PUBACK.
const PACED_MAX: Duration = Duration::from_secs(10);

/// How much one load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) machines: usize,
    pub(crate) samples: usize,
    pub(crate) messages_per_cpu: f64,
}

/// What is measured.
pub(crate) struct Scenario<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) database: &'a Database,
    pub(crate) scratch: &'a Path,
    pub(crate) machines: &'a [Arc<Machine>],
    /// Numbers of machines that send.
    pub(crate) fleets: &'a [usize],
    pub(crate) length: Duration,
}

impl Scenario<'_> {
    /// All fleets with all messages.
    pub(crate) async fn measure(&self, report: &Report) -> Result<Vec<Outcome>> {
        let mut section = report.section("throughput", self.database.name());
        let mut results = Vec::new();
        for &machines in self.fleets {
            let mut fleet = connect(&self.machines[..machines.min(self.machines.len())]).await?;
            for samples in SAMPLES {
                let name = name(fleet.len(), samples);
                let signal = |phase| format!("{phase}.{machines}.{samples}.temperature");
                let shape = Shape::new(samples, signal("flood"));
                let (cpu, database_cpu) = self.cpu()?;
                let own = own_cpu_seconds()?;
                let result = flood(&mut fleet, &shape, self.length).await?;
                let own = own_cpu_seconds()? - own;
                let (cpu_after, database_after) = self.cpu()?;
                let (cpu, database_cpu) = (cpu_after - cpu, database_after - database_cpu);
                report_flood(&mut section, &name, samples, result, cpu);
                if self.database.server().is_some() {
                    let share = 100.0 * database_cpu / cpu;
                    section.figure(format!("{name}: the database's part of the CPU"), share, "%");
                }
                section.figure(format!("{name}: CPU of the load program (not counted)"), own, "s");
                let rate = float(result.messages) / result.seconds / 2.0;
                let shape = Shape::new(samples, signal("half"));
                let mut half = paced(&mut fleet, &shape, rate, self.length.min(PACED_MAX)).await?;
                let what = format!("{name}, half load: due to PUBACK");
                section.percentiles(&what, half.times.p50_p99_ms());
                let what = format!("{name}, half load: due to sent (of the load program)");
                section.percentiles(&what, half.lateness.p50_p99_ms());
                self.references(&mut section, &name, (fleet.len(), samples), result, cpu).await?;
                results.push(Outcome {
                    machines: fleet.len(),
                    samples,
                    messages_per_cpu: float(result.messages) / cpu,
                });
            }
        }
        section.end()?;
        Ok(results)
    }

    fn cpu(&self) -> Result<(f64, f64)> {
        Ok((self.platform.cpu_seconds()?, self.platform.database_cpu_seconds()?))
    }

    async fn references(
        &self,
        section: &mut Section,
        name: &str,
        (series, samples): (usize, usize),
        flood: Flood,
        cpu: f64,
    ) -> Result<()> {
        let rows = flood.messages * samples as u64;
        for order in [Order::Arrival, Order::Sorted] {
            let bare = bare_insert(self.database, self.scratch, series, rows, order).await?;
            let what = format!("{name}: bare insert {}", order.text());
            section.figure(what, bare, "rows/CPU-s");
            let what = format!("{name}: share of the bare insert {}", order.text());
            let share = 100.0 * (float(rows) / cpu) / bare;
            if samples > 1 {
                section.aimed(what, share, "%", Aim::AtLeast(SHARE_AIM));
            } else {
                section.figure(what, share, "%");
            }
        }
        Ok(())
    }
}

/// What a load is called.
pub(crate) fn name(machines: usize, samples: usize) -> String {
    format!("{machines} × {samples}")
}

/// A flood's figures.
pub(crate) fn report_flood(
    section: &mut Section,
    name: &str,
    samples: usize,
    flood: Flood,
    cpu: f64,
) {
    let messages = float(flood.messages);
    let samples = float(samples as u64);
    section.figure(format!("{name}: messages"), messages / flood.seconds, "1/s");
    section.figure(format!("{name}: samples"), messages * samples / flood.seconds, "1/s");
    section.figure(format!("{name}: messages a CPU-second"), messages / cpu, "1/CPU-s");
    section.figure(format!("{name}: samples a CPU-second"), messages * samples / cpu, "1/CPU-s");
}
