//! Which crate may name which external one: what a crate boundary can't say.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::metadata::Package;

/// Who may name some external crates.
struct Rule {
    crates: &'static [&'static str],
    only_in: Only,
    why: &'static str,
}

enum Only {
    In(&'static [&'static str]),
    NotIn(&'static [&'static str]),
}

const PURE: Only = Only::NotIn(&["millwright-schemas", "millwright-core", "millwright-detection"]);

const RULES: &[Rule] = &[
    Rule {
        crates: &["sqlx", "sea_orm", "sea_orm_migration"],
        // The tests look into the database from outside; the benchmark measures bare inserts.
        only_in: Only::In(&[
            "millwright-store",
            "millwright-tests",
            "millwright-test-database",
            "millwright-bench",
        ]),
        why: "all SQL is in the store",
    },
    Rule {
        crates: &[
            "actix_web",
            "actix_http",
            "actix_service",
            "actix_ws",
            "utoipa_actix_web",
            "utoipa_swagger_ui",
        ],
        only_in: Only::In(&["millwright-api", "millwright-platform"]),
        why: "HTTP is served by the api",
    },
    Rule {
        crates: &["rumqttd"],
        only_in: Only::In(&["millwright-bus"]),
        why: "machines never meet the broker",
    },
    Rule {
        crates: &["rmqtt_codec"],
        only_in: Only::In(&["millwright-gateway"]),
        why: "the codec's traps are handled in one place",
    },
    Rule {
        crates: &["tokio", "tokio_util", "rand", "reqwest", "tracing"],
        only_in: PURE,
        why: "pure crates do no I/O and draw no random numbers",
    },
];

/// Every line of the members' sources that names a crate it may not.
pub(crate) fn check(members: &[Package]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in members {
        let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
        for file in rust_files(&folder.join("src"))? {
            let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            for (line, text) in findings_in(&package.name, &source) {
                findings.push(format!("{}:{line}: {text}", file.display()));
            }
        }
    }
    Ok(findings)
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn findings_in(package: &str, source: &str) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    for rule in RULES {
        let allowed = match rule.only_in {
            Only::In(packages) => packages.contains(&package),
            Only::NotIn(packages) => !packages.contains(&package),
        };
        if allowed {
            continue;
        }
        for (number, line) in (1..).zip(source.lines()) {
            for name in rule.crates.iter().filter(|name| names(line, name)) {
                findings.push((number, format!("{package} names {name}: {}", rule.why)));
            }
        }
    }
    findings
}

/// Whether a line of code names a crate: `name::…`, or `use name…`. Comments and texts don't.
fn names(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let imports = code.trim_start().trim_start_matches("pub ").starts_with("use ");
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let starts = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let path = after.starts_with("::") || imports && after.starts_with([';', ' ', ',', '}']);
        // `use crate::sqlx` is a module of our own, `use ::sqlx` isn't.
        let own = !imports || !before.ends_with("::") || before.ends_with(" ::");
        let quotes = before.matches('"').count() - before.matches("\\\"").count();
        let in_text = quotes % 2 == 1;
        starts && path && own && !in_text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_named_by_paths_and_imports() {
        for line in [
            "use sqlx::query;",
            "    pub use sqlx;",
            "use sqlx as sql;",
            "let rows = sqlx::query(\"x\");",
            "fn f(db: &::sqlx::SqlitePool) {}",
            "use {serde::Serialize, sqlx};",
        ] {
            assert!(names(line, "sqlx"), "{line}");
        }
    }

    #[test]
    fn other_words_and_comments_and_texts_name_nothing() {
        for line in [
            "// sqlx::query would be wrong here",
            "//! sqlx::query",
            "use my_sqlx::query;",
            "use sqlx_like::query;",
            "let filter = \"sqlx::query=warn\";",
            "let sqlx = 1;",
            "use crate::sqlx;",
        ] {
            assert!(!names(line, "sqlx"), "{line}");
        }
    }

    #[test]
    fn each_rule_is_reported_where_it_is_broken_and_only_there() {
        for (package, source, allowed_in) in [
            ("millwright-api", "use sea_orm::EntityTrait;", "millwright-store"),
            ("millwright-ingest", "\n\nuse sqlx::query;", "millwright-store"),
            ("millwright-store", "use actix_web::web;", "millwright-api"),
            ("millwright-core", "    tokio::spawn(x);", "millwright-ingest"),
            ("millwright-schemas", "use tokio::time;", "millwright-bus"),
            ("millwright-core", "rand::random::<u8>()", "millwright-bus"),
            ("millwright-gateway", "use rumqttd::Broker;", "millwright-bus"),
        ] {
            let findings = findings_in(package, source);
            assert_eq!(findings.len(), 1, "{package}: {source}");
            assert_eq!(findings[0].0, source.lines().count());
            assert!(findings[0].1.starts_with(package), "{findings:?}");
            assert_eq!(findings_in(allowed_in, source), Vec::new());
        }
    }
}
