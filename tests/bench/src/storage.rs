//! What reading and writing cost as history grows: charts of a day, a month and a year, a load of
//! messages, and bytes of a point.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::database::Database;
use crate::history::History;
use crate::load::{Connected, Shape, connect, flood, paced};
use crate::machine::{Machine, payload};
use crate::platform::Platform;
use crate::plot::{Line, Plot};
use crate::report::{Report, Section};
use crate::stats::{Times, float, readable};

/// The signal with a long history, one value a second.
const SIGNAL: &str = "history.temperature";
/// Machines that send while history is this long, with so many samples a message.
const MACHINES: usize = 100;
const SAMPLES: usize = 20;
/// Points of a chart.
const CHART_POINTS: u32 = 500;
/// Charts of each length.
const CHARTS: u32 = 40;
/// What is drawn, in seconds.
const RANGES: [(&str, i64); 3] =
    [("a day", 86_400), ("a month", 30 * 86_400), ("a year", 365 * 86_400)];

/// How cost went with history.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    inserts: Vec<Line>,
    charts: Vec<Line>,
}

/// What is measured.
pub(crate) struct Scenario<'a> {
    pub(crate) programs: &'a Path,
    pub(crate) scratch: &'a Path,
    pub(crate) database: &'a Database,
    /// Lengths of the history in seconds, which are its points, rising.
    pub(crate) lengths: &'a [i64],
    pub(crate) length: Duration,
}

impl Scenario<'_> {
    /// Lets history grow on a platform of its own.
    pub(crate) async fn measure(&self, report: &Report) -> Result<Grown> {
        let name = self.database.name();
        let mut section = report.section("history", name);
        let platform =
            Platform::start(self.programs, self.scratch, report.folder(), self.database).await?;
        let machines = platform.enrol(MACHINES + 1).await?;
        let (historian, senders) = machines.split_first().context("a machine")?;
        // What is compressed is measured apart.
        platform.compress_after(historian.id(), 0).await?;
        first_value(historian).await?;
        let history = History::open(self.database, platform.folder(), SIGNAL).await?;
        let mut fleet = connect(senders).await?;
        let (mut costs, mut charts) = (Vec::new(), Vec::new());
        for &seconds in self.lengths {
            make_room(historian, &history.days(seconds)).await?;
            let stored = self.grow(&mut section, &history, seconds).await?;
            let cost = self.insert(&mut section, &platform, &mut fleet, seconds).await?;
            costs.push((float(stored), cost));
            for (what, length) in RANGES.into_iter().filter(|(_, length)| *length <= seconds) {
                let what = format!("{} points: chart of {what}", readable(float(stored)));
                let p50 =
                    chart(&mut section, &platform, historian, &what, length, &history).await?;
                charts.push((length, float(stored), p50));
            }
        }
        history.close().await;
        platform.stop().await?;
        section.end()?;
        let line = |(what, length): (&str, i64)| {
            let points = charts.iter().filter(|(range, ..)| *range == length);
            let points = points.map(|(_, points, p50)| (*points, *p50)).collect();
            Line::new(format!("{what}, {name}"), points)
        };
        let charts = RANGES.into_iter().map(line).collect();
        Ok(Grown { inserts: vec![Line::new(name, costs)], charts })
    }

    /// Lets history reach so far back; returns how many points there are.
    async fn grow(&self, section: &mut Section, history: &History, seconds: i64) -> Result<u64> {
        let (before, start) = (history.size().await?, Instant::now());
        let (from, to) = history.reach_back(seconds).await?;
        let added = float((to - from).unsigned_abs());
        let name = readable(added);
        let rate = added / start.elapsed().as_secs_f64();
        section.figure(format!("{name} points more, in bulk"), rate, "1/s");
        let raw = float(history.size().await?.saturating_sub(before)) / added;
        section.figure(format!("{name} points more: bytes of a point"), raw, "B");
        let start = Instant::now();
        history.roll_up((from, to)).await?;
        let rate = added / start.elapsed().as_secs_f64();
        section.figure(format!("{name} points more, rolled up by the platform"), rate, "1/s");
        let all = float(history.size().await?.saturating_sub(before)) / added;
        section.figure(format!("{name} points more: bytes of a point with rollups"), all, "B");
        let start = Instant::now();
        if history.compress().await? {
            let rate = added / start.elapsed().as_secs_f64();
            section.figure(format!("{name} points more, compressed"), rate, "1/s");
            let all = float(history.size().await?.saturating_sub(before)) / added;
            let what = format!("{name} points more: bytes of a point with rollups, compressed");
            section.figure(what, all, "B");
        }
        history.count().await
    }

    /// A flood of messages beside that much history; returns the CPU of a sample.
    async fn insert(
        &self,
        section: &mut Section,
        platform: &Platform,
        fleet: &mut Vec<Connected>,
        seconds: i64,
    ) -> Result<f64> {
        let shape = Shape::new(SAMPLES, format!("beside.{seconds}.temperature"));
        let cpu = platform.cpu_seconds()?;
        let done = flood(fleet, &shape, self.length).await?;
        let cpu = platform.cpu_seconds()? - cpu;
        let samples = float(done.messages * SAMPLES as u64);
        let name = format!(
            "{} s of history: {MACHINES} × {SAMPLES}",
            readable(float(seconds.unsigned_abs()))
        );
        section.figure(format!("{name}: samples a CPU-second"), samples / cpu, "1/CPU-s");
        Ok(1e6 * cpu / samples)
    }
}

impl Grown {
    pub(crate) fn add(&mut self, other: Self) {
        self.inserts.extend(other.inserts);
        self.charts.extend(other.charts);
    }

    /// Inserts and charts, all databases in one picture.
    pub(crate) fn plots(self) -> [(&'static str, Plot); 2] {
        let x = "points that are there".to_owned();
        let inserts = Plot {
            title: "CPU of a sample that is stored".to_owned(),
            x: x.clone(),
            y: "CPU-µs".to_owned(),
            lines: self.inserts,
        };
        let charts = Plot {
            title: format!("Chart of {CHART_POINTS} points, median"),
            x,
            y: "ms".to_owned(),
            lines: self.charts,
        };
        [("history-inserts", inserts), ("history-charts", charts)]
    }
}

/// Makes the series: the platform knows a signal from its first value.
async fn first_value(machine: &Arc<Machine>) -> Result<()> {
    let mut fleet = connect(std::slice::from_ref(machine)).await?;
    let shape = Shape::new(1, SIGNAL.to_owned());
    let done = paced(&mut fleet, &shape, 1.0, Duration::from_millis(500)).await?;
    ensure!(done.times.len() == 1, "one value");
    Ok(())
}

/// Sends a value of each of these days: on PostgreSQL the platform makes the days' partitions.
pub(crate) async fn make_room(machine: &Machine, days: &[i64]) -> Result<()> {
    let mut connection = machine.connect().await?;
    let outbox = uuid::Uuid::now_v7();
    for (day, seq) in days.iter().zip(1..) {
        let message = payload(outbox, seq, day * 1_000, 1, "room.temperature");
        connection.writer.publish(&machine.topic, &message).await?;
        connection.reader.next().await?;
    }
    Ok(())
}

/// Draws charts that end at different times; returns the median.
async fn chart(
    section: &mut Section,
    platform: &Platform,
    machine: &Machine,
    what: &str,
    length: i64,
    history: &History,
) -> Result<f64> {
    let mut times = Times::new();
    for number in 0..CHARTS {
        // Not twice the same: no cache of answers would help.
        let to = history.end_s() - i64::from(number) * 61;
        let (from, to) = (rfc3339(to - length)?, rfc3339(to)?);
        let path = format!(
            "/machines/{}/telemetry?signal={SIGNAL}&from={from}&to={to}&points={CHART_POINTS}",
            machine.id()
        );
        let start = Instant::now();
        let answer = platform.get(&path).await?;
        times.push(start.elapsed());
        let points = answer["series"][0]["points"].as_array().map_or(0, Vec::len);
        ensure!(points > 100, "{what}: only {points} points");
    }
    let percentiles = times.p50_p99_ms();
    section.percentiles(what, percentiles);
    Ok(percentiles.0)
}

/// A time as the API reads it.
pub(crate) fn rfc3339(seconds: i64) -> Result<String> {
    let time = chrono::DateTime::from_timestamp(seconds, 0).context("a time")?;
    Ok(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}
