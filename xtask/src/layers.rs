//! Arrows point down: which crate may depend on which.

use crate::metadata::Package;

/// The rooms of the platform, lowest first. A crate may depend on those of lower levels; those
/// of one level don't know each other.
const LEVELS: &[&[&str]] = &[
    &["millwright-schemas"],
    &["millwright-core", "millwright-detection"],
    &["millwright-store"],
    &["millwright-audit", "millwright-bus", "millwright-registry"],
    &["millwright-identity", "millwright-alarms"],
    &["millwright-ingest", "millwright-ticketing", "millwright-dispatch", "millwright-relay"],
    &["millwright-gateway", "millwright-api"],
    &["millwright-platform"],
];

/// Any crate's tests may use it.
const TEST_DATABASE: &str = "millwright-test-database";

/// Crates beside the levels, with all that they may depend on.
const BESIDE: &[(&str, &[&str])] = &[
    // On the machine: what is pure, and nothing of the platform.
    ("millwright-agent", &["millwright-schemas", "millwright-core", "millwright-detection"]),
    // An empty database for a test: it knows none of our tables.
    (TEST_DATABASE, &[]),
    // Outside: they see what a stranger sees.
    ("millwright-tests", &["millwright-schemas", TEST_DATABASE]),
    ("millwright-bench", &["millwright-schemas"]),
    ("millwright-detection-bench", &["millwright-schemas", "millwright-detection"]),
    // Feeds nonsense to everybody's decoders.
    (
        "millwright-fuzz",
        &[
            "millwright-schemas",
            "millwright-bus",
            "millwright-identity",
            "millwright-ingest",
            "millwright-gateway",
            "millwright-api",
            "millwright-agent",
            "millwright-store",
        ],
    ),
    ("millwright-chaos", &["millwright-tests", "millwright-test-database"]),
    // Plays both sides' rules against each other.
    ("millwright-simulation", &["millwright-schemas", "millwright-core", "millwright-agent"]),
    ("xtask", &["millwright-schemas", "millwright-core", "millwright-api"]),
];

/// Every dependency among the workspace's crates that points up or sideways.
pub(crate) fn check(members: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in members {
        let own = package.dependencies.iter().filter(|dependency| {
            let for_tests =
                dependency.name == TEST_DATABASE && dependency.kind.as_deref() == Some("dev");
            dependency.path.is_some() && !for_tests
        });
        for dependency in own {
            if let Some(reason) = refusal(&package.name, &dependency.name) {
                findings.push(format!("{} depends on {}: {reason}", package.name, dependency.name));
            }
        }
        if level(&package.name).is_none() && beside(&package.name).is_none() {
            findings.push(format!(
                "{} has no place among the layers: give it one in xtask/src/layers.rs",
                package.name
            ));
        }
    }
    findings
}

fn refusal(from: &str, to: &str) -> Option<String> {
    if let Some(allowed) = beside(from) {
        return (!allowed.contains(&to)).then(|| format!("it may use {} only", allowed.join(", ")));
    }
    match (level(from)?, level(to)) {
        (_, None) => Some(format!("{to} is no part of the platform")),
        (from, Some(to)) if to > from => Some("that is above it".to_owned()),
        (from, Some(to)) if to == from => Some("that is beside it".to_owned()),
        _ => None,
    }
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

fn beside(name: &str) -> Option<&'static [&'static str]> {
    BESIDE.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            license: None,
            manifest_path: PathBuf::new(),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    path: Some(PathBuf::new()),
                    kind: None,
                })
                .collect(),
        }
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let members = [
            package("millwright-schemas", &[]),
            package("millwright-api", &["millwright-ingest", "millwright-schemas"]),
            package("millwright-agent", &["millwright-core"]),
        ];
        assert_eq!(check(&members), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_reported() {
        for (from, to, reason) in [
            ("millwright-store", "millwright-api", "above"),
            ("millwright-schemas", "millwright-core", "above"),
            ("millwright-gateway", "millwright-api", "beside"),
            ("millwright-core", "millwright-tests", "no part"),
            ("millwright-agent", "millwright-store", "may use"),
            ("millwright-tests", "millwright-core", "may use"),
        ] {
            let findings = check(&[package(from, &[to])]);
            assert_eq!(findings.len(), 1, "{from} → {to}");
            assert!(findings[0].contains(to) && findings[0].contains(reason), "{findings:?}");
        }
    }

    #[test]
    fn a_crate_without_a_place_is_reported() {
        let findings = check(&[package("millwright-helpers", &[])]);
        assert!(findings[0].contains("millwright-helpers has no place"), "{findings:?}");
    }
}
