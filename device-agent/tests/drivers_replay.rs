//! Replays: every row and fault once, from any checkpoint; faults of files told by line.
//!
//! Real data sets are taken from the folder `MILLWRIGHT_DATASETS`; where they are missing, a
//! made file of the same form stands in, and the test says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use millwright_agent::driver::{Driver, FaultChange, Reading, Sample};
use millwright_agent::drivers::{DriverConfig, create};
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

const HOUR_US: i64 = 3_600_000_000;

/// The folder of data sets, or a loud word that it isn't there.
fn datasets(set: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = std::env::var_os("MILLWRIGHT_DATASETS")
        .map_or_else(|| root.join("../shared/data"), PathBuf::from)
        .join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("!!! {} is not there: a made file stands in for {set}", folder.display());
    None
}

/// Telemetry and errors in the form of azure-pdm, and how many rows and errors machine 1 has.
fn azure(folder: &TempDir) -> (PathBuf, PathBuf, usize, usize) {
    if let Some(set) = datasets("azure-pdm") {
        return (set.join("PdM_telemetry.csv"), set.join("PdM_errors.csv"), 2_160, 12);
    }
    let mut rows = "datetime,machineID,volt,rotate,pressure,vibration\n".to_owned();
    let mut errors = "datetime,machineID,errorID\n".to_owned();
    for machine in 1..=2 {
        for hour in 0..240_i64 {
            let time = Timestamp::from_micros(1_420_092_000_000_000 + hour * HOUR_US).to_chrono();
            let time = time.format("%Y-%m-%d %H:%M:%S");
            writeln!(rows, "{time},{machine},{},450.5,100,40", 160 + hour % 20).unwrap();
            if hour % 20 == 7 {
                writeln!(errors, "{time},{machine},error{}", 1 + hour % 3).unwrap();
            }
        }
    }
    (write(folder, "t.csv", &rows), write(folder, "e.csv", &errors), 240, 12)
}

fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn config(toml: &str) -> DriverConfig {
    toml::from_str(&format!("kind = \"replay\"\nname = \"r\"\n{toml}"))
        .unwrap_or_else(|error| panic!("{toml}: {error}"))
}

fn azure_config(telemetry: &Path, errors: &Path, more: &str) -> DriverConfig {
    config(&format!(
        "path = {telemetry:?}\ntimestamp_column = \"datetime\"\n\
         timestamp_format = \"%Y-%m-%d %H:%M:%S\"\nfilter = {{ machineID = 1 }}\nspeed = 0\n\
         faults = {{ path = {errors:?}, code_column = \"errorID\", filter = {{ machineID = 1 }}, \
         severity = \"major\", source = \"controller\" }}\n{more}"
    ))
}

fn open(config: &DriverConfig, checkpoint: Option<&[u8]>) -> Box<dyn Driver> {
    create(config, checkpoint.map(<[u8]>::to_vec)).unwrap()
}

async fn all(driver: &mut dyn Driver) -> Vec<Reading> {
    let mut readings = Vec::new();
    while let Some(reading) = driver.next().await.unwrap() {
        assert!(reading.checkpoint.is_some());
        assert!(!reading.samples.is_empty() || !reading.faults.is_empty());
        readings.push(reading);
    }
    assert!(driver.next().await.unwrap().is_none(), "stays at its end");
    readings
}

fn samples(readings: &[Reading]) -> Vec<Sample> {
    readings.iter().flat_map(|reading| reading.samples.clone()).collect()
}

fn faults(readings: &[Reading]) -> Vec<FaultChange> {
    readings.iter().flat_map(|reading| reading.faults.clone()).collect()
}

const fn fault_time(change: &FaultChange) -> Timestamp {
    match change {
        FaultChange::Raised(at, _) | FaultChange::Cleared(at, _) => *at,
    }
}

/// `+` and `-` with code and seconds since 1970.
fn fault_words(changes: &[FaultChange]) -> Vec<String> {
    changes
        .iter()
        .map(|change| match change {
            FaultChange::Raised(at, fault) => format!("+{}@{}", fault.code, at.seconds()),
            FaultChange::Cleared(at, fault) => format!("-{}@{}", fault.code, at.seconds()),
        })
        .collect()
}

/// The rows of machine 1, read in another way than the driver does.
fn expected_rows(telemetry: &Path) -> Vec<(Timestamp, Vec<f64>)> {
    let text = std::fs::read_to_string(telemetry).unwrap();
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let time: Timestamp = format!("{}Z", cells[0].replace(' ', "T")).parse().unwrap();
            let numbers = cells[2..].iter().map(|cell| cell.parse().unwrap()).collect();
            (cells[1] == "1").then_some((time, numbers))
        })
        .collect()
}

#[tokio::test]
async fn azure_machine_1_comes_whole_and_once() {
    let folder = TempDir::new().unwrap();
    let (telemetry, errors, rows, count) = azure(&folder);
    let readings = all(open(&azure_config(&telemetry, &errors, ""), None).as_mut()).await;
    let (samples, faults) = (samples(&readings), faults(&readings));
    assert_eq!((samples.len(), faults.len()), (rows, count));
    let expected = expected_rows(&telemetry);
    for (sample, (time, numbers)) in samples.iter().zip(&expected) {
        assert_eq!(sample.ts, *time);
        let names: Vec<_> = sample.values.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["volt", "rotate", "pressure", "vibration"]);
        let delivered: Vec<_> = sample.values.iter().map(|(_, value, _)| value.clone()).collect();
        let numbers: Vec<_> = numbers.iter().map(|n| SampleValue::Number(*n)).collect();
        assert_eq!(delivered, numbers);
    }
    let lines = std::fs::read_to_string(&errors).unwrap();
    for (fault, line) in faults.iter().zip(lines.lines().filter(|l| l.contains(",1,"))) {
        let cells: Vec<&str> = line.split(',').collect();
        let FaultChange::Raised(at, fault) = fault else { panic!("{fault:?}") };
        assert_eq!(at.to_string(), format!("{}Z", cells[0].replace(' ', "T")));
        assert_eq!((fault.code.as_str(), fault.source.as_str()), (cells[2], "controller"));
    }
    assert!(faults.is_sorted_by_key(fault_time));
}

#[tokio::test]
async fn a_restart_from_every_checkpoint_neither_loses_nor_repeats() {
    let folder = TempDir::new().unwrap();
    let (telemetry, errors, ..) = azure(&folder);
    let config = azure_config(&telemetry, &errors, "rows_per_reading = 100\n");
    let whole = all(open(&config, None).as_mut()).await;
    for split in 0..=whole.len() {
        let checkpoint = split.checked_sub(1).and_then(|last| whole[last].checkpoint.as_deref());
        let rest = all(open(&config, checkpoint).as_mut()).await;
        assert_eq!(rest, whole[split..], "after reading {split}");
    }

    // Row by row, killed after each: the driver is made anew for every reading.
    let config = azure_config(&telemetry, &errors, "rows_per_reading = 1\n");
    let whole = all(open(&config, None).as_mut()).await;
    let mut checkpoint: Option<Vec<u8>> = None;
    for expected in &whole {
        let reading = open(&config, checkpoint.as_deref()).next().await.unwrap().unwrap();
        assert_eq!(&reading, expected);
        checkpoint = reading.checkpoint;
    }
    assert!(open(&config, checkpoint.as_deref()).next().await.unwrap().is_none());
}

#[tokio::test]
async fn skab_with_semicolons_and_line_ends_of_windows_is_read_whole() {
    let folder = TempDir::new().unwrap();
    let path = datasets("skab").map_or_else(
        || {
            let mut text = "datetime;Pressure;Volume Flow RateRMS;anomaly\r\n".to_owned();
            for second in 0..50 {
                write!(text, "2020-02-08 13:30:{second:02};0.38;122.6;0.0\r\n").unwrap();
            }
            write(&folder, "s.csv", &text)
        },
        |set| set.join("valve1/1.csv"),
    );
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    let config = config(&format!(
        "path = {path:?}\ndelimiter = \";\"\ntimestamp_column = \"datetime\"\nspeed = 0\n\
         timestamp_format = \"%Y-%m-%d %H:%M:%S\"\nrows_per_reading = 7\n\
         columns = {{ Pressure = \"net.pressure\", \"Volume Flow RateRMS\" = \"net.flow\" }}"
    ));
    let whole = all(open(&config, None).as_mut()).await;
    let samples = samples(&whole);
    assert_eq!(samples.len(), lines - 1);
    assert!(samples.iter().all(|sample| sample.values.len() == 2));
    for split in [1, 2, 3, whole.len() / 2, whole.len()] {
        let rest = all(open(&config, whole[split - 1].checkpoint.as_deref()).as_mut()).await;
        assert_eq!(rest, whole[split..]);
    }
}

#[tokio::test]
async fn every_file_of_nab_is_read_whole_with_times_that_increase() {
    let folder = TempDir::new().unwrap();
    let mut files = Vec::new();
    match datasets("nab") {
        Some(set) => {
            for group in std::fs::read_dir(set.join("data")).unwrap() {
                let group = std::fs::read_dir(group.unwrap().path()).unwrap();
                files.extend(group.map(|file| file.unwrap().path()));
            }
            assert!(files.len() >= 20, "{files:?}");
        }
        None => files.push(write(
            &folder,
            "n.csv",
            "timestamp,value\n2015-09-01 13:45:00,3.06\n2015-09-01 13:45:00,6.44\n",
        )),
    }
    for path in files {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let config = config(&format!(
            "path = {path:?}\ntimestamp_format = \"%Y-%m-%d %H:%M:%S\"\nspeed = 0"
        ));
        let samples = samples(&all(open(&config, None).as_mut()).await);
        assert_eq!(samples.len(), lines - 1, "{}", path.display());
        assert!(samples.windows(2).all(|pair| pair[0].ts < pair[1].ts), "{}", path.display());
    }
}

#[tokio::test]
async fn a_cell_without_value_is_null_and_bad_and_types_are_kept() {
    let folder = TempDir::new().unwrap();
    let path = write(
        &folder,
        "a.csv",
        "\u{feff}timestamp,flow,door,program\n\
         2026-01-01T00:00:00Z,1.5,true,O1001\n\
         2026-01-01T00:00:01Z,NaN,,\"a, b\"\n\
         2026-01-01T00:00:02Z, inf ,0,none\n\
         2026-01-01T00:00:03Z,,FALSE,\n",
    );
    let config = config(&format!(
        "path = {path:?}\nspeed = 0\ntypes = {{ door = \"boolean\", program = \"text\" }}"
    ));
    let samples = samples(&all(open(&config, None).as_mut()).await);
    let column = |index: usize| -> Vec<_> {
        samples
            .iter()
            .map(|sample| (sample.values[index].1.clone(), sample.values[index].2))
            .collect()
    };
    let good = |value| (value, Quality::Good);
    let none = (SampleValue::Null, Quality::Bad);
    let flow = [good(SampleValue::Number(1.5)), none.clone(), none.clone(), none.clone()];
    assert_eq!(column(0), flow);
    let [yes, no] = [true, false].map(|value| good(SampleValue::Boolean(value)));
    assert_eq!(column(1), [yes, none.clone(), no.clone(), no]);
    let text = |text: &str| good(SampleValue::Text(text.to_owned()));
    assert_eq!(column(2), [text("O1001"), text("a, b"), text("none"), none]);
}

#[tokio::test]
async fn a_row_at_fault_is_told_by_file_line_and_column_after_all_before_it() {
    let folder = TempDir::new().unwrap();
    for (newline, bad, expected) in [
        ("\n", "2026-01-01T00:00:02Z,O1001", "line 4: column \"x\": \"O1001\" is not a number"),
        ("\r\n", "2026-01-01T00:00:02Z,O1001", "line 4: column \"x\": \"O1001\" is not a number"),
        ("\n", "yesterday,1", "line 4: column \"timestamp\": \"yesterday\" is not a time"),
        ("\n", "2026-01-01T00:00:02Z,1,2", "line 4: 3 cells, but the header has 2"),
        (
            "\n",
            "2025-01-01T00:00:00Z,1",
            "line 4: 2025-01-01T00:00:00Z comes after 2026-01-01T00:00:01Z",
        ),
    ] {
        let good = "timestamp,x\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:01Z,2\n";
        let file =
            |row: &str| format!("{good}{row}\n2026-01-01T00:00:03Z,4\n").replace('\n', newline);
        let path = write(&folder, "b.csv", &file(bad));
        let config = config(&format!("path = {path:?}\nspeed = 0"));
        let mut driver = open(&config, None);
        assert_eq!(driver.next().await.unwrap().unwrap().samples.len(), 2, "{bad}");
        for _ in 0..2 {
            let error = driver.next().await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}\nnot: {expected}");
            assert!(error.starts_with("driver r can't read: ") && error.contains("b.csv"));
        }
        // Repaired, it goes on in the same process.
        write(&folder, "b.csv", &file("2026-01-01T00:00:02Z,3"));
        let rest = all(driver.as_mut()).await;
        assert_eq!(samples(&rest).len(), 2, "{bad}");
    }
}

#[tokio::test]
async fn a_quote_that_is_never_closed_doesnt_read_the_file_into_memory() {
    let folder = TempDir::new().unwrap();
    let mut text = "timestamp,x\n2026-01-01T00:00:00Z,\"1\n".to_owned();
    text.push_str(&"2026-01-01T00:00:01Z,2\n".repeat(200_000));
    let path = write(&folder, "q.csv", &text);
    let mut driver = open(&config(&format!("path = {path:?}\nspeed = 0")), None);
    let error = driver.next().await.unwrap_err().to_string();
    assert!(error.contains("a row is longer than 1048576 bytes"), "{error}");
}

#[test]
fn files_that_dont_fit_the_configuration_are_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "c.csv", "timestamp,x,x,y\n");
    let empty = write(&folder, "empty.csv", "");
    for (toml, expected) in [
        ("path = \"/nowhere/a.csv\"".to_owned(), "/nowhere/a.csv: No such file"),
        (format!("path = {empty:?}"), "empty.csv is empty"),
        (
            format!("path = {path:?}\ntimestamp_column = \"time\""),
            "c.csv has no column \"time\"; it has: timestamp, x, x, y",
        ),
        (format!("path = {path:?}"), "several columns \"x\""),
        (format!("path = {path:?}\nfilter = {{ z = 1 }}"), "no column \"z\""),
        (
            format!("path = {path:?}\ncolumns = {{ y = \"y\" }}\ntypes = {{ x = \"text\" }}"),
            "types.x: this column",
        ),
        (
            format!(
                "path = {path:?}\ncolumns = {{ y = \"y\" }}\nfaults = {{ path = {path:?}, code_column = \"code\" }}"
            ),
            "no column \"code\"",
        ),
    ] {
        let error = create(&config(&toml), None).err().expect("refused").to_string();
        assert!(error.starts_with("driver r: ") && error.contains(expected), "{toml}\n→ {error}");
    }
    let good = config(&format!("path = {path:?}\ncolumns = {{ y = \"y\" }}"));
    let error = create(&good, Some(b"[]".to_vec())).err().expect("refused").to_string();
    assert!(error.contains("its checkpoint can't be read"), "{error}");
}

#[tokio::test]
async fn faults_clear_after_their_time_and_later_when_they_come_again() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "r.csv", "timestamp,x\n100,1\n103,2\n104,3\n120,4\n");
    let errors = write(&folder, "f.csv", "timestamp,code\n99,A\n103,B\n106,B\n120,A\n");
    let config = config(&format!(
        "path = {path:?}\ntimestamp_format = \"unix_s\"\nspeed = 0\nrows_per_reading = 1\n\
         faults = {{ path = {errors:?}, code_column = \"code\", clear_after_s = 5 }}"
    ));
    let whole = all(open(&config, None).as_mut()).await;
    let words = fault_words(&faults(&whole));
    assert_eq!(words, ["+A@99", "+B@103", "-A@104", "+B@106", "-B@111", "+A@120", "-A@125"]);
    for split in 1..=whole.len() {
        let rest = all(open(&config, whole[split - 1].checkpoint.as_deref()).as_mut()).await;
        assert_eq!(rest, whole[split..], "a clear is lost or repeated after reading {split}");
    }
}

#[tokio::test]
async fn speed_and_time_are_kept_and_a_dropped_wait_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let mut text = "timestamp,x\n".to_owned();
    for second in 0..10 {
        writeln!(text, "{},{second}", 1_000 + second).unwrap();
    }
    let path = write(&folder, "p.csv", &text);
    for mode in ["original", "now"] {
        let config = config(&format!(
            "path = {path:?}\ntimestamp_format = \"unix_s\"\nspeed = 20\ntime = \"{mode}\""
        ));
        let mut driver = open(&config, None);
        let (began, began_at) = (Instant::now(), chrono::Utc::now().timestamp_micros());
        let mut stamps = Vec::new();
        loop {
            let wait = Duration::from_millis(5);
            let Ok(reading) = tokio::time::timeout(wait, driver.next()).await else { continue };
            let Some(reading) = reading.unwrap() else { break };
            assert_eq!(reading.samples.len(), 1);
            stamps.push(reading.samples[0].ts.micros());
        }
        // Nine seconds at twenty times the speed; never faster.
        assert!(began.elapsed() >= Duration::from_millis(445), "{mode} {:?}", began.elapsed());
        assert_eq!(stamps.len(), 10, "{mode}");
        let (step, first) =
            if mode == "now" { (50_000, None) } else { (1_000_000, Some(1_000_000_000)) };
        assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] == step), "{mode} {stamps:?}");
        match first {
            Some(first) => assert_eq!(stamps[0], first),
            None => assert!((-2_000..60_000_000).contains(&(stamps[0] - began_at))),
        }
    }
}

#[tokio::test]
async fn replayed_as_now_the_times_are_the_same_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "p.csv", "timestamp,x\n0,1\n1,2\n2,3\n3,4\n");
    let config = config(&format!(
        "path = {path:?}\ntimestamp_format = \"unix_s\"\nspeed = 100\ntime = \"now\""
    ));
    let mut driver = open(&config, None);
    let mut stamps = Vec::new();
    let mut checkpoint = None;
    while let Some(reading) = driver.next().await.unwrap() {
        stamps.push(reading.samples[0].ts.micros());
        checkpoint = reading.checkpoint.or(checkpoint);
        driver = open(&config, checkpoint.as_deref());
    }
    assert_eq!(stamps.len(), 4);
    assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] == 10_000), "{stamps:?}");
}

/// A made recording: times that may repeat, faults at any of them.
///
/// Seconds between rows and whether they are this machine's; seconds between faults; rows per
/// reading; seconds until a fault clears.
type Made = (Vec<(i64, bool)>, Vec<i64>, u32, Option<u8>);

fn recording() -> impl Strategy<Value = Made> {
    (
        prop::collection::vec((0_i64..3, any::<bool>()), 0..40),
        prop::collection::vec(0_i64..4, 0..10),
        1_u32..6,
        prop::option::of(1_u8..6),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_recording_comes_whole_from_any_checkpoint(
        (rows, errors, per_reading, clear_after_s) in recording()
    ) {
        let folder = TempDir::new().unwrap();
        let (mut time, mut mine) = (1_000, 0);
        let mut text = "timestamp,m,x\n".to_owned();
        for (index, (step, wanted)) in rows.iter().enumerate() {
            time += step;
            mine += usize::from(*wanted);
            writeln!(text, "{time},{},{index}", u8::from(*wanted)).unwrap();
        }
        let path = write(&folder, "p.csv", &text);
        let mut time = 1_000;
        let mut text = "timestamp,code\n".to_owned();
        for (index, step) in errors.iter().enumerate() {
            time += step;
            writeln!(text, "{time},E{}", index % 3).unwrap();
        }
        let errors_path = write(&folder, "e.csv", &text);
        let clears = clear_after_s.map_or_else(String::new, |s| format!(", clear_after_s = {s}"));
        let config = config(&format!(
            "path = {path:?}\ntimestamp_format = \"unix_s\"\nspeed = 0\nfilter = {{ m = 1 }}\n\
             rows_per_reading = {per_reading}\n\
             faults = {{ path = {errors_path:?}, code_column = \"code\"{clears} }}"
        ));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let whole = all(open(&config, None).as_mut()).await;
            let samples = samples(&whole);
            assert_eq!(samples.len(), mine);
            assert!(samples.windows(2).all(|pair| pair[0].ts < pair[1].ts));
            let faults = faults(&whole);
            let raised = faults.iter().filter(|f| matches!(f, FaultChange::Raised(..))).count();
            assert_eq!(raised, errors.len());
            assert!(faults.is_sorted_by_key(fault_time));
            for split in 0..=whole.len() {
                let checkpoint =
                    split.checked_sub(1).and_then(|last| whole[last].checkpoint.as_deref());
                assert_eq!(all(open(&config, checkpoint).as_mut()).await, whole[split..]);
            }
        });
    }
}
