//! Measures the platform from outside: real process, real TLS, real disk; its own cost left out.
//!
//! Prints a Markdown table. Every figure that is a ratio stands beside its reference, taken in
//! the same run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod agent;
mod latency;
mod machine;
mod memory;
mod operations;
mod platform;
mod process;
mod reference;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::platform::Platform;

/// Measures the platform from outside.
#[derive(Debug, Parser)]
struct Args {
    /// Folder of the programs to measure.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Machines that send at once in the throughput and latency scenarios.
    #[arg(long, default_value_t = 100)]
    machines: usize,
    /// Connections that stay idle.
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// Machines that send while orders and faults are timed.
    #[arg(long, default_value_t = 1_000)]
    fleet: usize,
    /// Seconds each scenario sends.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let args = Args::parse();
    println!("| what | figure |\n|---|---|");
    let platform = Platform::start(&args.programs).await?;
    let count = args.machines.max(args.idle).max(args.fleet).max(1);
    let machines = platform.enrol(count).await?;

    memory::idle_connections(&platform, &machines[..args.idle]).await?;
    for senders in [1, args.machines] {
        latency::publish_to_puback(&machines[..senders], senders, args.seconds).await?;
    }
    for samples in [1, 20] {
        let load = throughput::Load { samples, seconds: args.seconds };
        throughput::measure(&platform, &machines[..args.machines], &load).await?;
    }
    operations::measure(&platform, &args.programs, &machines[..args.fleet]).await?;
    agent::measure(&platform, &args.programs).await?;
    platform.stop().await
}
