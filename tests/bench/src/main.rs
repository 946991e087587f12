//! Measures the platform from outside: real process, real TLS, real disk; its own cost left out.
//!
//! Prints a Markdown table and writes a JSON file a scenario. Every figure that is a ratio stands
//! beside its reference, taken in the same run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod agent;
mod broker;
mod connections;
mod database;
mod growth;
mod history;
mod inside;
mod latest;
mod load;
mod machine;
mod operations;
mod packed;
mod platform;
mod plot;
mod postgres;
mod process;
mod reference;
mod report;
mod stats;
mod storage;
mod throughput;
mod upkeep;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use crate::database::{Database, Kind};
use crate::platform::Platform;
use crate::report::{Aim, Report, skipped};
use crate::throughput::Outcome;

/// Messages of the reference that the platform should be a multiple of.
const MULTIPLE_AIM: f64 = 3.0;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Messages and samples a second and a CPU-second; time to PUBACK at half load.
    Throughput,
    /// The same with mosquitto and a Python program.
    Broker,
    /// Memory of idle connections, a reconnect storm.
    Connections,
    /// The same load from ever larger fleets; with several signals a machine, what upkeep adds.
    Fleet,
    /// Charts and inserts as history grows; bytes of a point.
    History,
    /// Bytes of a point and charts of old values, before and after they are compressed.
    Packed,
    /// The newest values of the fleet, and its list of machines.
    Latest,
    /// Orders and faults.
    Operations,
    /// Size and memory of the agent.
    Agent,
}

const ON_A_PLATFORM: [Scenario; 6] = [
    Scenario::Latest,
    Scenario::Throughput,
    Scenario::Connections,
    Scenario::Fleet,
    Scenario::Operations,
    Scenario::Agent,
];

/// Measures the platform from outside.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of the programs to measure.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Folder for the JSON files.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
    /// Folder for databases; on the disk to measure.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    scratch: PathBuf,
    /// Databases, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres,timescale")]
    database: Vec<Kind>,
    /// Only these scenarios, with commas between.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// A short run with smaller fleets.
    #[arg(long)]
    quick: bool,
    /// Numbers of machines that send at once, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    machines: Vec<usize>,
    /// Fleets that send the same together, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    fleets: Vec<usize>,
    /// Days of the history that is compressed; more than 10, for the charts.
    #[arg(long, default_value_t = 380, value_parser = clap::value_parser!(i64).range(11..=3_600))]
    packed_days: i64,
    /// Seconds that each fleet sends while upkeep is looked at.
    #[arg(long, default_value_t = 120)]
    upkeep_seconds: u64,
    /// Machines of the fleet view.
    #[arg(long, default_value_t = 10_000)]
    view: usize,
    /// Seconds that a history at 1 Hz reaches back, rising, with commas between.
    #[arg(long, value_delimiter = ',', default_value = "315360,3153600,31536000")]
    history: Vec<i64>,
    /// Connections that stay idle.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Connections that are cut off at once.
    #[arg(long, default_value_t = 5_000)]
    storm: usize,
    /// Messages that the Python program commits together.
    #[arg(long, default_value_t = 2_000)]
    python_batch: usize,
    /// Seconds each load lasts.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

impl Args {
    fn shorten(&mut self) {
        self.machines.retain(|count| *count <= 100);
        self.fleets.retain(|count| *count <= 500);
        self.history = vec![86_400];
        self.upkeep_seconds = self.upkeep_seconds.min(5);
        self.packed_days = self.packed_days.min(20);
        self.view = self.view.min(500);
        self.idle = self.idle.min(500);
        self.storm = self.storm.min(250);
        self.seconds = self.seconds.min(3);
    }

    fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.contains(&scenario)
    }

    /// Machines that send at once, at most.
    fn senders(&self) -> usize {
        self.machines.iter().copied().max().unwrap_or(0)
    }

    /// Machines that are needed at all.
    fn enrolled(&self) -> usize {
        let idle = if self.wants(Scenario::Connections) { self.idle } else { 0 };
        let fleet = self.fleets.iter().copied().max().filter(|_| self.wants(Scenario::Fleet));
        let senders = [Scenario::Throughput, Scenario::Operations];
        let senders = senders.into_iter().any(|scenario| self.wants(scenario));
        let senders = if senders { self.senders() } else { 0 };
        senders.max(idle).max(fleet.unwrap_or(0))
    }

    const fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut args = Args::parse();
    if args.quick {
        args.shorten();
    }
    let open_files = process::raise_open_files()?;
    let most = usize::try_from(open_files.saturating_sub(500))?;
    if args.idle > most {
        skipped(&format!("more than {most} connections"), "the limit of open files");
        args.idle = most;
    }
    let report = Report::new(&args.output, about(&args)?)?;
    let mut run = Run {
        args: &args,
        report: &report,
        fleets: Vec::new(),
        grown: storage::Grown::default(),
        failed: false,
    };
    let mut outcomes = Vec::new();
    for &kind in &args.database {
        match Database::start(kind, &args.scratch).await {
            Ok(database) => outcomes.push((kind.name(), run.with_database(&database).await)),
            Err(error) => {
                skipped(kind.name(), &format!("{error:#}"));
                continue;
            }
        }
        if args.wants(Scenario::History) {
            let result = run.history(kind).await;
            let grown = run.check("history", kind.name(), result);
            run.grown.add(grown);
        }
        if args.wants(Scenario::Packed) {
            let result = run.packed(kind).await;
            run.check("packed", kind.name(), result);
        }
    }
    if args.wants(Scenario::Broker) {
        match broker::Programs::prepare(report.folder()).await {
            Ok(programs) => {
                let result = run.broker(&programs, &outcomes).await;
                run.check("mosquitto and Python", "postgres", result);
            }
            Err(error) => skipped("mosquitto and Python", &format!("{error:#}")),
        }
    }
    let Run { fleets, grown, failed, .. } = run;
    report.plot("fleet", &growth::plot(fleets))?;
    for (name, plot) in grown.plots() {
        report.plot(name, &plot)?;
    }
    ensure!(!failed, "not everything could be measured");
    Ok(())
}

/// A run: what fails is told, and the rest still measured.
struct Run<'a> {
    args: &'a Args,
    report: &'a Report,
    /// Cost as the fleet grows, a line each database.
    fleets: Vec<plot::Line>,
    /// Cost as history grows.
    grown: storage::Grown,
    failed: bool,
}

impl Run<'_> {
    fn check<T: Default>(&mut self, what: &str, database: &str, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            eprintln!("*** {what} on {database} FAILED: {error:#}");
            self.failed = true;
            T::default()
        })
    }

    /// All scenarios that share a platform on this database.
    async fn with_database(&mut self, database: &Database) -> Vec<Outcome> {
        let result = self.on_a_platform(database).await;
        self.check("the platform", database.name(), result)
    }

    async fn on_a_platform(&mut self, database: &Database) -> Result<Vec<Outcome>> {
        let (args, report, name) = (self.args, self.report, database.name());
        if !ON_A_PLATFORM.iter().any(|scenario| args.wants(*scenario)) {
            return Ok(Vec::new());
        }
        let platform =
            Platform::start(&args.programs, &args.scratch, &args.output, database).await?;
        let machines = platform.enrol(args.enrolled()).await?;
        let mut outcomes = Vec::new();
        if args.wants(Scenario::Throughput) {
            let scenario = throughput::Scenario {
                platform: &platform,
                database,
                scratch: &args.scratch,
                machines: &machines,
                fleets: &args.machines,
                length: args.length(),
            };
            let result = scenario.measure(report).await;
            outcomes = self.check("throughput", name, result);
        }
        // A connection costs the same whatever the platform stores in.
        if args.wants(Scenario::Connections) && args.database.first() == Some(&database.kind()) {
            let idle = &machines[..args.idle];
            let result = connections::measure(report, name, &platform, idle, args.storm).await;
            self.check("connections", name, result);
        }
        if args.wants(Scenario::Fleet) {
            let result = growth::measure(report, name, &platform, &machines, &args.fleets).await;
            let line = self.check("fleet", name, result.map(Some));
            self.fleets.extend(line);
            let length = Duration::from_secs(args.upkeep_seconds);
            let result =
                upkeep::measure(report, database, &platform, &machines, &args.fleets, length).await;
            self.check("upkeep", name, result);
        }
        if args.wants(Scenario::Operations) {
            let fleet = &machines[..args.senders()];
            let result = operations::measure(report, name, &platform, &args.programs, fleet).await;
            self.check("operations", name, result);
        }
        // The agent doesn't know what the platform stores in.
        if args.wants(Scenario::Agent) && database.kind() == Kind::Sqlite {
            let result = agent::measure(report, &platform, &args.programs).await;
            self.check("agent", name, result);
        }
        // The last one: it adds machines.
        if args.wants(Scenario::Latest) {
            let result = latest::measure(report, database, &platform, args.view).await;
            self.check("latest", name, result);
        }
        platform.stop().await?;
        Ok(outcomes)
    }

    async fn history(&self, kind: Kind) -> Result<storage::Grown> {
        let database = Database::start(kind, &self.args.scratch).await?;
        let scenario = storage::Scenario {
            programs: &self.args.programs,
            scratch: &self.args.scratch,
            database: &database,
            lengths: &self.args.history,
            length: self.args.length(),
        };
        scenario.measure(self.report).await
    }

    async fn packed(&self, kind: Kind) -> Result<()> {
        let database = Database::start(kind, &self.args.scratch).await?;
        let scenario = packed::Scenario {
            programs: &self.args.programs,
            scratch: &self.args.scratch,
            database: &database,
            days: self.args.packed_days,
        };
        scenario.measure(self.report).await
    }

    async fn broker(
        &self,
        programs: &broker::Programs,
        outcomes: &[(&'static str, Vec<Outcome>)],
    ) -> Result<()> {
        let Args { scratch, machines, python_batch, .. } = self.args;
        let length = self.args.length();
        let reference =
            broker::measure(self.report, programs, scratch, machines, length, *python_batch)
                .await?;
        compare(self.report, outcomes, &reference)
    }
}

/// The platform's messages a CPU-second as multiples of the reference's.
fn compare(
    report: &Report,
    outcomes: &[(&'static str, Vec<Outcome>)],
    reference: &[Outcome],
) -> Result<()> {
    for (database, outcomes) in outcomes.iter().filter(|(_, outcomes)| !outcomes.is_empty()) {
        let mut section = report.section("multiple-of-mosquitto-python", database);
        for outcome in outcomes {
            let same = |other: &&Outcome| {
                (other.machines, other.samples) == (outcome.machines, outcome.samples)
            };
            if let Some(other) = reference.iter().find(same) {
                section.aimed(
                    format!(
                        "{}: messages a CPU-second, as a multiple of mosquitto and Python",
                        throughput::name(outcome.machines, outcome.samples)
                    ),
                    outcome.messages_per_cpu / other.messages_per_cpu,
                    "times",
                    Aim::AtLeast(MULTIPLE_AIM),
                );
            }
        }
        section.end()?;
    }
    Ok(())
}

/// What stands in each file: when, on what, with which arguments.
fn about(args: &Args) -> Result<Value> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let line = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(json!({
        "unix_time": now.as_secs(),
        "system": read("/proc/sys/kernel/osrelease").trim(),
        "processor": line(&read("/proc/cpuinfo"), "model name"),
        "processors": std::thread::available_parallelism()?.get(),
        "memory": line(&read("/proc/meminfo"), "MemTotal"),
        "seconds": args.seconds,
        "quick": args.quick,
    }))
}
