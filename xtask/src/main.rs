//! What `make` runs beside cargo itself: code generation, and checks of rules that neither the
//! compiler nor clippy knows.

#![allow(clippy::print_stdout, reason = "a command line's output")]

mod asyncapi;
mod features;
mod generated;
mod layers;
mod licenses;
mod metadata;
mod permissions;
mod uses;
mod yaml;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::metadata::{Metadata, Scope};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Code generation and checks of Millwright")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write schemas/generated and docs/permissions.md again from the types.
    Generate,
    /// Fail if a generated file isn't what the types say.
    CheckGenerated,
    /// Fail if a crate depends on, or names, what is above it or not its business.
    CheckLayers,
    /// Fail if the tests have a dependency compiled again, with other features.
    CheckFeatures,
    /// Fail if a dependency's licence isn't in deny.toml.
    CheckLicenses,
}

fn main() -> anyhow::Result<ExitCode> {
    let task = Cli::parse().task;
    let (checked, findings) = match task {
        Task::Generate => {
            let root = Metadata::read(Scope::Members)?.workspace_root;
            for path in generated::write(&root)? {
                println!("{path}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        Task::CheckGenerated => {
            let root = Metadata::read(Scope::Members)?.workspace_root;
            ("generated files are current".to_owned(), generated::stale(&root)?)
        }
        Task::CheckLayers => {
            let members = Metadata::read(Scope::Members)?.packages;
            let mut findings = layers::check(&members);
            findings.extend(uses::check(&members).context("can't read the sources")?);
            (format!("{} crates keep to their layers", members.len()), findings)
        }
        Task::CheckFeatures => {
            ("programs and tests share all dependencies".to_owned(), features::check()?)
        }
        Task::CheckLicenses => {
            let metadata = Metadata::read(Scope::Everything)?;
            let allowed = licenses::allowed(&metadata.workspace_root)?;
            let packages = metadata.packages;
            let findings = licenses::check(&packages, &allowed);
            (format!("{} packages have licences of deny.toml", packages.len()), findings)
        }
    };
    for finding in &findings {
        println!("error: {finding}");
    }
    if !findings.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    println!("{checked}");
    Ok(ExitCode::SUCCESS)
}
