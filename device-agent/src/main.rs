//! `millwright-agent`: see `--help`.

use std::process::ExitCode;

use clap::Parser;
use millwright_agent::cli::{Arguments, execute};

fn main() -> ExitCode {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ExitCode::from(execute(Arguments::parse()) as u8)
}
