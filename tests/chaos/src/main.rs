//! Kills, pauses and cuts off what Millwright consists of, at random, while machines report, faults
//! come and go and commands are given; then counts: lost 0, doubled 0.
//!
//! `docs/chaos.md` tells how to read what it prints and how to repeat a run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: it ends")]

mod agents;
mod blows;
mod drain;
mod machine;
mod network;
mod orders;
mod outcome;
mod plan;
mod platform;
mod postgres;
mod processes;
mod reconcile;
mod told;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::world::World;

/// Kills, pauses and cuts off the platform, agents, bus, network and database at random; then
/// counts what was lost and what was doubled.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// How long there is trouble, in seconds, 3 to 86,400.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(3..=86_400))]
    duration_s: u64,
    /// Repeats the schedule and the traffic of a run. [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// The platform's database; PostgreSQL is a private server that is killed and paused too.
    #[arg(long, value_enum, default_value_t = DatabaseKind::Sqlite)]
    database: DatabaseKind,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatabaseKind {
    Sqlite,
    Postgres,
}

impl DatabaseKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
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
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let repeat = repeat(&args, seed);
    println!("{repeat}");
    let run = async {
        let plan = plan::plan(
            seed,
            Duration::from_secs(args.duration_s),
            args.agents as usize,
            args.database,
        );
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
    let database = args.database.name();
    format!(
        "seed {seed}: make chaos ARGS=\"--seed {seed} --duration-s {duration_s} --database \
         {database} --machines {machines} --agents {agents} --rate {rate}\""
    )
}
