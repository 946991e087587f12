//! Golden payloads: what was once sent must parse for ever. Add files, never change one.
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "a test reads its files")]

use std::path::Path;

use millwright_schemas::wire::{command, events, rules, telemetry};
use serde::de::DeserializeOwned;

fn each(folder: &str, check: impl Fn(&str, &[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of golden files") {
        let path = entry.expect("a directory entry").path();
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        check(&name, &std::fs::read(&path).expect("a readable file"));
        count += 1;
    }
    assert!(count > 0, "no golden files in {}", folder.display());
}

#[test]
fn telemetry_payloads_still_mean_the_same() {
    each("telemetry", |name, payload| {
        insta::assert_debug_snapshot!(format!("telemetry_{name}"), telemetry::decode(payload));
    });
}

#[test]
fn event_payloads_still_mean_the_same() {
    each("events", |name, payload| {
        insta::assert_debug_snapshot!(format!("events_{name}"), events::decode(payload));
    });
}

fn parsed<T: DeserializeOwned + std::fmt::Debug>(folder: &str) {
    each(folder, |name, payload| {
        let parsed: Result<T, String> =
            serde_json::from_slice(payload).map_err(|error| error.to_string());
        insta::assert_debug_snapshot!(format!("{folder}_{name}"), parsed);
    });
}

#[test]
fn orders_and_reports_still_mean_the_same() {
    parsed::<command::CommandClaims>("command");
    parsed::<command::CancelClaims>("cancel");
    parsed::<command::TimeClaims>("time");
    parsed::<command::Capabilities>("capabilities");
    parsed::<command::CommandReport>("report");
    parsed::<rules::ConfigClaims>("config");
    parsed::<rules::RulesApplied>("rules_applied");
}
