//! The platform's one binary: configuration, roles, command line.

mod cli;
mod config;
mod logging;

use clap::Parser;

fn main() {
    let cli = cli::Cli::parse();
    let _ = &cli.command;
    let _ = config::Config::load(&cli::ServeArgs::default());
    let _ = logging::start("info", false, None);
}
