//! Dependencies are compiled once: tests must not ask other features of them than programs do.
//!
//! `make run` builds the programs, `make test` the tests with their dependencies added. Where
//! those turn on a feature of a crate that the programs use too, cargo compiles it a second
//! time, and all that depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// A package to the sets of features with which it is built. There may be two: for the target,
/// and for what runs during the build.
type Builds = BTreeMap<String, BTreeSet<String>>;

/// Every package that the tests have built again.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    Ok(differences(&tree("no-dev")?, &tree("normal,build,dev")?))
}

fn differences(programs: &Builds, tests: &Builds) -> Vec<String> {
    let again = |(package, with): (&String, &BTreeSet<String>)| {
        let more = tests.get(package)?.difference(with).next()?;
        Some(format!(
            "{package} is compiled again for the tests, with the features {more}: ask for them in \
             the workspace's Cargo.toml, so that the programs are built with them too"
        ))
    };
    programs.iter().filter_map(again).collect()
}

fn tree(edges: &str) -> anyhow::Result<Builds> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--workspace", "--locked", "--prefix", "none", "--format", "{p}|{f}"])
        .args(["--edges", edges])
        .output()
        .context("cargo can't be started")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo tree failed: {error}");
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

fn parse(tree: &str) -> Builds {
    let mut builds = Builds::new();
    for line in tree.lines() {
        let line = line.trim_end_matches(" (*)");
        if let Some((package, features)) = line.split_once('|') {
            builds.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
    }
    builds
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAMS: &str = "figment v0.10.19|env,toml\nsyn v2.0.0|full\nsyn v2.0.0|default (*)\n";

    #[test]
    fn crates_of_the_tests_alone_are_no_matter() {
        let tests = format!("{PROGRAMS}proptest v1.12.0|default\n");
        assert_eq!(differences(&parse(PROGRAMS), &parse(&tests)), Vec::<String>::new());
    }

    #[test]
    fn another_feature_for_the_tests_is_reported() {
        let tests = PROGRAMS.replace("env,toml", "env,tempfile,test,toml");
        let findings = differences(&parse(PROGRAMS), &parse(&tests));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("figment v0.10.19 "), "{findings:?}");
        assert!(findings[0].contains("env,tempfile,test,toml"), "{findings:?}");
    }
}
