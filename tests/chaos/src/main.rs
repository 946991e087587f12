//! Kills, pauses and cuts off what Millwright consists of, at random, while machines report, faults
//! come and go and commands are given; then counts: lost 0, doubled 0.
//!
//! `docs/chaos.md` tells how to read what it prints and how to repeat a run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: it ends")]

mod agents;
mod blows;
mod bus;
mod drain;
mod machine;
mod network;
mod orders;
mod outcome;
mod plan;
mod platform;
mod postgres;
mod presence;
mod processes;
mod reconcile;
mod register;
mod told;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};

use crate::plan::Targets;
use crate::world::World;

const AFTER_HELP: &str = "\
By make: make chaos ARGS=\"--database postgres --duration-s 600\". The first and the last line of a run
are the command that repeats it. It ends with 0 only if nothing was lost, doubled or wrong. docs/chaos.md
tells what is struck, what is compared, and how to read the outcome.";

/// Kills, pauses and cuts off the platform, agents, bus, network and database at random; then
/// counts what was lost and what was doubled.
#[derive(Debug, Clone, Parser)]
#[command(after_help = AFTER_HELP)]
struct Args {
    /// How long there is trouble, in seconds, 3 to 86,400. From 90 on, one outage of 30 to 60 seconds is
    /// among it, and one more for each 10 minutes.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(3..=86_400))]
    duration_s: u64,
    /// Repeats the schedule and the traffic of a run. [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// The platform's database; PostgreSQL, without or with TimescaleDB, is a private server that is killed and
    /// paused too.
    #[arg(long, value_enum, default_value_t = DatabaseKind::Sqlite)]
    database: DatabaseKind,
    /// Processes that machines connect to, 1 or 2. The second has the role gateway, and the bus is then a
    /// process of its own; that needs PostgreSQL. [default: 2 on PostgreSQL, 1 on SQLite]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    gateways: Option<u8>,
    /// Simulated machines, each with a connection of its own, 1 to 5,000.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    machines: u32,
    /// Real agents, which are killed and paused too, 1 to 100.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    agents: u32,
    /// Messages a second of each simulated machine, 0.1 to 100.
    #[arg(long, default_value_t = 2.0, value_parser = rate)]
    rate: f64,
    /// Folder for the outcome as JSON.
    #[arg(long, default_value = "target/chaos")]
    output: PathBuf,
    /// Keeps the folder with data and logs.
    #[arg(long)]
    keep: bool,
}

impl Args {
    fn gateways(&self) -> usize {
        let most = if self.database.is_server() { 2 } else { 1 };
        self.gateways.map_or(most, usize::from)
    }

    /// What clap can't check: options beside each other.
    fn checked(self) -> Result<Self, clap::Error> {
        if self.gateways() > 1 && !self.database.is_server() {
            let rule =
                "--gateways 2 needs --database postgres: on SQLite one process does everything";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, rule));
        }
        Ok(self)
    }

    fn targets(&self) -> Targets {
        Targets { agents: self.agents as usize, database: self.database, gateways: self.gateways() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatabaseKind {
    Sqlite,
    Postgres,
    Timescale,
}

impl DatabaseKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Timescale => "timescale",
        }
    }

    /// Whether it is a server, which several processes share, and which can be killed and paused.
    fn is_server(self) -> bool {
        self != Self::Sqlite
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (0.1..=100.0).contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("{text} is not between 0.1 and 100"))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    millwright_tests::start();
    let args = Args::parse().checked().unwrap_or_else(|error| error.exit());
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let repeat = repeat(&args, seed);
    println!("{repeat}");
    let run = async {
        let plan = plan::plan(seed, Duration::from_secs(args.duration_s), args.targets());
        let mut world = World::set_up(&args, seed).await?;
        let outcome = world.run(&plan).await?;
        world.tear_down().await;
        anyhow::Ok(outcome)
    };
    // Both ways out drop what was started.
    let outcome = tokio::select! {
        outcome = run => outcome?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; nothing was counted"),
    };
    let file = outcome.write(&args.output, &format!("{}-{seed}.json", args.database.name()))?;
    println!("\n{}\n{}", outcome.table(), file.display());
    println!("{repeat}");
    Ok(if outcome.sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How to have this run again.
fn repeat(args: &Args, seed: u64) -> String {
    let Args { duration_s, machines, agents, rate, .. } = args;
    let (database, gateways) = (args.database.name(), args.gateways());
    format!(
        "seed {seed}: make chaos ARGS=\"--seed {seed} --duration-s {duration_s} --database \
         {database} --gateways {gateways} --machines {machines} --agents {agents} --rate {rate}\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["millwright-chaos"][..], words].concat())?.checked()
    }

    #[test]
    fn two_processes_share_postgresql_and_one_does_everything_on_sqlite() {
        assert_eq!(parsed(&[]).unwrap().gateways(), 1);
        assert_eq!(parsed(&["--database", "postgres"]).unwrap().gateways(), 2);
        let alone = ["--database", "postgres", "--gateways", "1"];
        assert_eq!(parsed(&alone).unwrap().gateways(), 1);
        let refused = parsed(&["--gateways", "2"]).unwrap_err().to_string();
        assert!(refused.contains("--gateways 2 needs --database postgres"), "{refused}");
        assert!(parsed(&["--database", "postgres", "--gateways", "3"]).is_err());
        assert_eq!(parsed(&["--database", "timescale"]).unwrap().gateways(), 2);
    }

    #[test]
    fn a_run_is_repeated_by_what_it_prints() {
        let words = ["--database", "postgres", "--duration-s", "90", "--rate", "0.5"];
        let args = parsed(&words).unwrap();
        let printed = repeat(&args, 7);
        let (_, options) = printed.split_once("ARGS=\"").unwrap();
        let words: Vec<&str> = options.trim_end_matches('"').split(' ').collect();
        let again = parsed(&words).unwrap();
        assert_eq!(again.seed, Some(7));
        assert_eq!(repeat(&again, 7), printed);
        let duration = Duration::from_secs(args.duration_s);
        assert_eq!(
            plan::plan(7, duration, again.targets()),
            plan::plan(7, duration, args.targets())
        );
    }
}
