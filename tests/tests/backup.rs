//! A platform in traffic is backed up and goes on; then it is lost and restored, and the agents come
//! back to an older state than they remember.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use millwright_tests::{Agent, Api, Database, Marks, Platform, eventually, programs, replay};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const ROWS: usize = 6_000;
/// Rows are a second apart: so many of them a second.
const SPEED: f64 = 300.0;
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";
/// Room for a backup of nothing, and not for one of a database.
const SMALL_DISK: &str = "size=200k,mode=0700";

fn millwright(arguments: &[&str], data_dir: &Path) -> Output {
    let mut command = programs::millwright();
    command.args(arguments).arg("--data-dir").arg(data_dir).output().expect("the program runs")
}

fn backup(data_dir: &Path, output: &Path, more: &[&str]) -> Output {
    let output = output.to_str().expect("a path in UTF-8");
    millwright(&[&["backup", "--output", output], more].concat(), data_dir)
}

fn restore(input: &Path, data_dir: &Path, more: &[&str]) -> Output {
    let input = input.to_str().expect("a path in UTF-8");
    millwright(&[&["restore", "--input", input], more].concat(), data_dir)
}

fn verify(file: &Path) -> Output {
    let mut command: Command = programs::millwright();
    command.args(["backup", "verify"]).arg(file).output().expect("the program runs")
}

/// A server may take a moment to see that a killed platform's connections are gone.
async fn restored(file: &Path, data_dir: &Path, more: &[&str]) -> String {
    eventually("it is restored", SOON, async || {
        let output = restore(file, data_dir, more);
        ensure!(output.status.success(), "{}", said(&output));
        Ok(said(&output))
    })
    .await
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, said(output));
    said(output)
}

/// A platform and an agent that replays a recording and has a command.
struct Site {
    platform: Platform,
    agent: Agent,
    marks: Marks,
    start: DateTime<Utc>,
}

impl Site {
    async fn start() -> (Self, Api) {
        let platform = Platform::start().await;
        let api = platform.api().await;
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let recording = platform.folder().join("recording.csv");
        std::fs::write(&recording, replay::made(start, ROWS)).unwrap();
        let marks = Marks::new(platform.folder());
        let replayed = replay::config(&recording, SPEED);
        let config = format!("{PANEL}{replayed}{}", marks.config("configure", "none"));
        let mut agent = Agent::enroll(&platform, &api, "backed-up", &config).await;
        agent.run();
        (Self { platform, agent, marks, start }, api)
    }

    /// Has the command run, and waits for its end.
    async fn mark(&self, api: &Api, token: &str) -> Value {
        let machine = self.agent.machine();
        let order = json!({"name": "mark", "args": {"token": token, "seconds": 0}});
        let id = eventually("the command is issued", SOON, async || {
            api.command(machine, order.clone()).await
        })
        .await;
        eventually("the command has succeeded", SOON, async || {
            api.command_in(&id, &["succeeded"]).await
        })
        .await
    }

    /// Raises a fault and waits until it is stored.
    async fn fault(&self, code: &str) {
        self.agent.reporter().raise(code, "test").expect("the agent takes it");
        let database = self.platform.database().await;
        eventually("the fault is stored", SOON, async || {
            let faults = database.faults(self.agent.machine()).await?;
            ensure!(faults.iter().any(|fault| fault.code == code), "{} faults", faults.len());
            Ok(())
        })
        .await;
    }

    async fn points(&self, least: i64) {
        let database = self.platform.database().await;
        eventually("samples are stored", SOON, async || {
            let points = database.count_points(self.agent.machine()).await?;
            ensure!(points >= least, "{points} points");
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_platform_goes_on_from_a_backup_that_was_made_in_traffic() {
    let (mut site, api) = Site::start().await;
    site.points(200).await;
    site.fault("E-before").await;
    site.mark(&api, "before").await;
    let file = site.platform.folder().join("b.mwb");
    let server = site.platform.database_url().map(str::to_owned);
    let database: Vec<&str> = server.iter().flat_map(|url| ["--database", url]).collect();
    let told = succeeded(&backup(&site.platform.data_dir(), &file, &database));
    let kind = if server.is_some() { "PostgreSQL" } else { "SQLite" };
    assert!(told.contains(&format!("written and checked: {kind} of ")), "{told}");
    assert!(told.contains("without keys"), "{told}");
    assert!(succeeded(&verify(&file)).contains("is whole"));

    // What comes after it will be lost.
    let audit_then = audit(&site.platform.database().await).await;
    site.points(600).await;
    site.fault("E-lost").await;
    site.mark(&api, "lost").await;
    let late = api.create_machine("late").await;
    let seen = eventually("the last event", SOON, async || {
        let events = api.items("/events").await?;
        let last = events.last().and_then(|event| event["position"].as_i64());
        last.ok_or_else(|| anyhow::anyhow!("no events"))
    })
    .await;
    site.platform.kill();

    let data_dir = site.platform.data_dir();
    let lost: PathBuf = site.platform.folder().join("lost");
    std::fs::rename(&data_dir, &lost).unwrap();
    // A server still has the lost state.
    let more = if server.is_some() { [&database[..], &["--replace"]].concat() } else { Vec::new() };
    let told = restored(&file, &data_dir, &more).await;
    assert!(told.contains("The keys are not in the backup"), "{told}");
    compare(&site, &data_dir, &audit_then).await;
    succeeded(
        &Command::new("cp").arg("-a").arg(lost.join("keys")).arg(&data_dir).output().unwrap(),
    );
    site.platform.resume().await;

    // People sign in again, the machine comes by itself.
    let (status, _) = api.send(Method::GET, "/machines", None).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED, "sessions have ended");
    let api = site.platform.api().await;
    let (status, _) = api.send(Method::GET, &format!("/machines/{late}"), None).await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
    site.fault("E-after").await;
    site.mark(&api, "after").await;
    let database = site.platform.database().await;
    let machine = site.agent.machine().to_owned();
    eventually("the rest of the recording has arrived", SOON, async || {
        let (last, _, _) = replay::row_of(site.start, ROWS - 1);
        let points = database.points(&machine).await?;
        ensure!(points["rising"].last().is_some_and(|(ts, _)| *ts == last), "not yet");
        Ok(())
    })
    .await;

    // What was lost shows as a gap; nothing is there twice, and nothing ran twice.
    assert!(database.missing_messages(&machine).await.unwrap() > 0, "the gap");
    let loss = api.get(&format!("/machines/{machine}/loss")).await.unwrap();
    assert!(loss.to_string().contains("from_seq"), "{loss}");
    assert_eq!(database.conflicts(&machine).await.unwrap(), 0);
    let faults = database.faults(&machine).await.unwrap();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code.as_str()).collect();
    assert!(codes.contains(&"E-before") && codes.contains(&"E-after"), "{codes:?}");
    let runs = site.marks.read();
    for token in ["before", "lost", "after"] {
        assert_eq!(runs[token].started, 1, "{token}: {runs:?}");
    }
    // A reader that had seen all events misses none that came since.
    let events = api.get(&format!("/events?after={seen}&limit=200")).await.unwrap();
    let events = events["items"].as_array().unwrap().clone();
    assert_eq!(events[0]["type"], "platform.restored", "{}", events[0]);
    assert!(events.iter().any(|event| event["type"] == "command.succeeded"));
    site.agent.stop().await;
    site.platform.stop().await;
}

/// The audit log's records, in their order.
async fn audit(database: &Database) -> Vec<String> {
    database.audit_records().await
}

/// What was restored is the state at one moment: all that had come until then, without a hole, and
/// the audit log as it was.
async fn compare(site: &Site, data_dir: &Path, audit_then: &[String]) {
    let restored = Database::open(data_dir, site.platform.database_url()).await;
    let points = restored.points(site.agent.machine()).await.unwrap();
    let (rising, waving) = (&points["rising"], &points["waving"]);
    assert!(rising.len() >= 100 && rising.len() < ROWS, "{} rows", rising.len());
    let rows = (0..rising.len()).map(|row| replay::row_of(site.start, row));
    let wanted: Vec<_> = rows.map(|(at, up, wave)| (at, Some(up), Some(wave))).collect();
    let found: Vec<_> = rising.iter().zip(waving).map(|(up, wave)| (up.0, up.1, wave.1)).collect();
    assert_eq!(waving.len(), rising.len(), "not all of one moment");
    let other = found.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
    assert!(other.is_none(), "not all until one moment: {other:?}");
    let faults = restored.faults(site.agent.machine()).await.unwrap();
    assert!(
        faults.iter().any(|f| f.code == "E-before") && !faults.iter().any(|f| f.code == "E-lost")
    );
    let mut records = audit(&restored).await;
    let last = records.pop().unwrap();
    assert!(last.starts_with("platform.restored|"), "{last}");
    assert!(!records.is_empty() && records.len() <= audit_then.len());
    assert!(records == audit_then[..records.len()], "the audit log is as it was");
}

#[tokio::test]
async fn a_backup_with_keys_is_enough_and_nothing_is_overwritten_unasked() {
    let mut platform = Platform::start().await;
    // What only the file in the data folder has.
    if platform.database_url().is_some() {
        return;
    }
    let api = platform.api().await;
    api.create_machine("kept").await;
    let file = platform.folder().join("b.mwb");
    let data_dir = platform.data_dir();
    let told = succeeded(&backup(&data_dir, &file, &["--with-keys"]));
    assert!(told.contains("holds the platform's private keys"), "{told}");
    let again = backup(&data_dir, &file, &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("exists already"), "{}", said(&again));
    let running = restore(&file, &data_dir, &["--replace"]);
    assert!(said(&running).contains("in use by another process"), "{}", said(&running));

    api.create_machine("too much").await;
    platform.stop().await;
    // Also of a platform that doesn't run.
    let second = platform.folder().join("second.mwb");
    succeeded(&backup(&data_dir, &second, &[]));
    let refused = restore(&file, &data_dir, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("its database has 2 machines"), "{}", said(&refused));
    let told = succeeded(&restore(&file, &data_dir, &["--replace"]));
    assert!(told.contains("kept as ") && told.contains("millwright.db.replaced-"), "{told}");
    platform.resume().await;
    let machines = platform.api().await.items("/machines").await.unwrap();
    assert_eq!(machines.len(), 1, "{machines:?}");
    platform.stop().await;

    std::fs::remove_dir_all(&data_dir).unwrap();
    succeeded(&restore(&file, &data_dir, &[]));
    platform.resume().await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&file, bytes).unwrap();
    for damaged in [verify(&file), restore(&file, &data_dir, &["--replace"])] {
        assert_eq!(damaged.status.code(), Some(3), "{}", said(&damaged));
        assert!(said(&damaged).contains("was cut off"), "{}", said(&damaged));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let platform = Platform::start().await;
    // What only the file in the data folder has.
    if platform.database_url().is_some() {
        return;
    }
    let disk = platform.folder().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = ["-t", "tmpfs", "-o", SMALL_DISK, "tmpfs"];
    let mounted = Command::new("mount").args(mount).arg(&disk).output();
    if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("NOT TESTED with a full file system: can't mount one: {mounted:?}");
        return;
    }
    let full = backup(&platform.data_dir(), &disk.join("b.mwb"), &[]);
    let left = std::fs::read_dir(&disk).unwrap().count();
    let unmounted = Command::new("umount").arg("--lazy").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(full.status.code(), Some(1));
    assert!(said(&full).contains("the disk is full"), "{}", said(&full));
    assert_eq!(left, 0, "nothing is left");
}
