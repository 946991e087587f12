//! A short run on each database: the count is right, and it can tell what happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::process::Command;

use serde_json::Value;

#[test]
fn nothing_is_lost_and_nothing_doubled_in_a_short_run() {
    // The run starts a server of its own; here only the choice is made.
    let on_postgres = millwright_test_database::server().is_some();
    let database = if on_postgres { "postgres" } else { "sqlite" };
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_millwright-chaos"))
        .args(["--duration-s", "8", "--seed", "5", "--machines", "20", "--agents", "2"])
        .args(["--database", database, "--output"])
        .arg(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    eprintln!("{told}\n{errors}");
    assert!(output.status.success(), "{}", output.status);
    assert!(told.starts_with("seed 5:"), "the seed comes first");
    assert!(told.trim_end().lines().last().unwrap().starts_with("seed 5:"), "and last");

    let file = folder.path().join(format!("{database}-5.json"));
    let outcome: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(outcome["sound"], true, "{outcome:#}");
    for what in ["values of simulated machines", "values of agents", "commands"] {
        let count = &outcome["counts"][what];
        assert!(count["stored"].as_u64().unwrap() > 0, "{what}: {outcome:#}");
    }
    assert!(outcome["blows"].as_object().unwrap().len() > 5, "{outcome:#}");
    // Who left at the end was missed.
    assert!(outcome["figures"]["contact with a machine lost"].as_u64().unwrap() > 0, "{outcome:#}");
    assert_eq!(outcome["must_be_0"]["gone and shown as connected"], 0, "{outcome:#}");
    // On PostgreSQL two processes share the machines.
    assert_eq!(outcome["settings"]["gateways"], if on_postgres { 2 } else { 1 });
    let second = &outcome["figures"]["connections to the second gateway"];
    assert_eq!(second.as_u64().unwrap_or(0) > 0, on_postgres, "{outcome:#}");
}
