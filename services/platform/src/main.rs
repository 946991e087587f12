//! The platform's one binary: configuration, roles, command line.

mod admin;
mod backup;
mod cli;
mod config;
mod contact;
mod demo;
mod detect;
mod ended;
mod jobs;
mod limits;
mod logging;
mod revisions;
mod serve;
mod upkeep;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::cli::{AdminCommand, Cli, Command, DemoArgs, ServeArgs};
use crate::config::Config;

fn main() -> ExitCode {
    // An error: a provider is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let result = match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::Demo(args) => demo(args),
        Command::Backup(args) => runtime().and_then(|rt| rt.block_on(backup::run(args))),
        Command::Restore(args) => runtime().and_then(|rt| rt.block_on(backup::restore(args))),
        Command::Detect(args) => detect::run(&args),
        Command::Admin(AdminCommand::ResetPassword { data_dir, database }) => {
            reset_password(&data_dir, database.as_deref())
        }
        Command::Admin(AdminCommand::Migrate { data_dir, database }) => {
            migrate(&data_dir, database.as_deref())
        }
        Command::Broker => millwright_bus::run_broker(std::io::BufReader::new(std::io::stdin()))
            .context("the bus's broker"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(backup::exit_code(&error))
        }
    }
}

#[allow(clippy::print_stderr, reason = "the program's last word")]
fn tell(error: &anyhow::Error) {
    eprintln!("millwright: {error:#}");
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(args)?;
    let _logging = logging::start(&config.log, config.log_json, config.otlp.as_deref())?;
    runtime()?.block_on(serve::run(config, args.stop_on_eof))
}

fn demo(args: DemoArgs) -> anyhow::Result<()> {
    runtime()?.block_on(demo::run(args))
}

fn reset_password(data_dir: &Path, database: Option<&str>) -> anyhow::Result<()> {
    runtime()?.block_on(admin::reset_password(config::location(data_dir, database)?))
}

fn migrate(data_dir: &Path, database: Option<&str>) -> anyhow::Result<()> {
    runtime()?.block_on(admin::migrate(config::location(data_dir, database)?))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("async runtime")
}
