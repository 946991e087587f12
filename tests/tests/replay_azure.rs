//! A real recording of ten machines arrives once, with its own times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use millwright_tests::database::{Points, StoredFault};
use millwright_tests::{Agent, Platform, datasets, eventually};

const MACHINES: usize = 10;
const SIGNALS: [&str; 4] = ["volt", "rotate", "pressure", "vibration"];
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// What a file says of one machine.
#[derive(Debug, Default)]
struct Expected {
    points: Points,
    faults: Vec<StoredFault>,
}

#[tokio::test]
async fn ten_machines_of_a_real_recording_arrive_once() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let (telemetry, errors) = files(platform.folder());
    let expected = read(&telemetry, &errors);
    assert_eq!(expected.len(), MACHINES);

    let mut agents = Vec::new();
    for number in expected.keys() {
        let config = config(&telemetry, &errors, number);
        let mut agent = Agent::enroll(&platform, &api, &format!("azure-{number}"), &config).await;
        agent.run();
        agents.push((number, agent));
    }

    let database = platform.database().await;
    for (number, agent) in &agents {
        let expected = &expected[*number];
        let count: usize = expected.points.values().map(Vec::len).sum();
        let what = format!("all of machine {number} has arrived");
        eventually(&what, Duration::from_secs(120), async || {
            let points = database.count_points(agent.machine()).await?;
            ensure!(points >= i64::try_from(count)?, "{points} of {count} points");
            let faults = database.faults(agent.machine()).await?.len();
            ensure!(faults >= expected.faults.len(), "{faults} faults");
            Ok(())
        })
        .await;
    }
    for (number, agent) in &agents {
        let points = database.points(agent.machine()).await.unwrap();
        assert!(points == expected[*number].points, "points of machine {number} differ");
        let mut faults = database.faults(agent.machine()).await.unwrap();
        faults.sort();
        assert_eq!(faults, expected[*number].faults, "faults of machine {number}");
        assert_eq!(database.conflicts(agent.machine()).await.unwrap(), 0);
        assert_eq!(database.missing_messages(agent.machine()).await.unwrap(), 0);
    }
}

fn config(telemetry: &Path, errors: &Path, number: &str) -> String {
    format!(
        "[[drivers]]\nkind = \"replay\"\npath = {telemetry:?}\nspeed = 0.0\n\
         timestamp_column = \"datetime\"\ntimestamp_format = \"{TIME_FORMAT}\"\n\
         filter = {{ machineID = {number} }}\n\
         [drivers.faults]\npath = {errors:?}\ncode_column = \"errorID\"\n\
         filter = {{ machineID = {number} }}\nseverity = \"minor\"\nclear_after_s = 1800.0\n"
    )
}

/// The recording, or one of the same form.
fn files(folder: &Path) -> (PathBuf, PathBuf) {
    let telemetry = datasets::find("azure-pdm/PdM_telemetry.csv");
    let errors = datasets::find("azure-pdm/PdM_errors.csv");
    if let (Some(telemetry), Some(errors)) = (telemetry, errors) {
        return (telemetry, errors);
    }
    let (telemetry, errors) = (folder.join("telemetry.csv"), folder.join("errors.csv"));
    let mut rows = String::from("datetime,machineID,volt,rotate,pressure,vibration\n");
    let mut faults = String::from("datetime,machineID,errorID\n");
    let start = DateTime::from_timestamp(1_420_092_000, 0).unwrap();
    for machine in 1..=MACHINES {
        for hour in 0..2_160i32 {
            let at = (start + TimeDelta::hours(hour.into())).format(TIME_FORMAT);
            let wave = (f64::from(hour) * 0.05).sin();
            let (volt, rotate) = (170.0 + wave, 450.0 + 10.0 * wave);
            rows.push_str(&format!("{at},{machine},{volt},{rotate},{},{}\n", 100.0 - wave, wave));
            if hour % 216 == 100 {
                faults.push_str(&format!("{at},{machine},error{}\n", hour % 5 + 1));
            }
        }
    }
    std::fs::write(&telemetry, rows).unwrap();
    std::fs::write(&errors, faults).unwrap();
    (telemetry, errors)
}

/// Reads both files by machine number, independently of the agent's reader.
fn read(telemetry: &Path, errors: &Path) -> BTreeMap<String, Expected> {
    let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
    let (mut rows, mut faults) = (0, 0);
    for record in csv::Reader::from_path(telemetry).unwrap().records() {
        let record = record.unwrap();
        let machine = expected.entry(record[1].to_owned()).or_default();
        for (index, signal) in SIGNALS.iter().enumerate() {
            let value = record[2 + index].parse().unwrap();
            let points = machine.points.entry((*signal).to_owned()).or_default();
            points.push((micros(&record[0]), Some(value)));
        }
        rows += 1;
    }
    for record in csv::Reader::from_path(errors).unwrap().records() {
        let record = record.unwrap();
        let fault = StoredFault { ts: micros(&record[0]), code: record[2].to_owned() };
        expected.get_mut(&record[1]).unwrap().faults.push(fault);
        faults += 1;
    }
    assert_eq!((rows, faults), (21_600, 100), "the recording's size");
    for machine in expected.values_mut() {
        machine.faults.sort();
    }
    expected
}

fn micros(text: &str) -> i64 {
    NaiveDateTime::parse_from_str(text, TIME_FORMAT).unwrap().and_utc().timestamp_micros()
}
