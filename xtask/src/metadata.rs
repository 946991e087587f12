//! What `cargo metadata` says about the workspace.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// Which packages are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The workspace's own.
    Members,
    /// With all dependencies, for all platforms.
    Everything,
}

#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as it is declared, for whatever purpose and platform.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Set for crates in this repository.
    pub(crate) path: Option<PathBuf>,
    /// `dev` or `build`; not set for what the crate itself uses.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    pub(crate) fn read(scope: Scope) -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--locked"]);
        if scope == Scope::Members {
            command.arg("--no-deps");
        }
        let output = command.output().context("cargo can't be started")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {error}");
        serde_json::from_slice(&output.stdout).context("cargo metadata is not as expected")
    }
}
