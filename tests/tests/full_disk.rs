//! The agent's disk is really full: faults fail visibly, nothing is half done, and once there is
//! room all goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use millwright_tests::{Agent, Database, Platform, eventually, replay};

const SOON: Duration = Duration::from_secs(30);
const ROWS: usize = 6_000;
/// Rows are a second apart: so many of them a second.
const SPEED: f64 = 400.0;
/// Room for the outbox and somewhat more.
const DISK: &str = "8m";
/// Contexts of faults, in bytes: a large one doesn't fit where a small one still does.
const SIZES: [usize; 3] = [60_000, 4_000, 0];
/// So many refused faults of each size are enough to see that the disk is full.
const REFUSED: usize = 3;

#[tokio::test]
async fn a_full_file_system_refuses_faults_and_loses_nothing() {
    fill_and_make_room(FullDisk::mount).await;
}

#[tokio::test]
async fn files_that_may_not_grow_refuse_faults_and_lose_nothing() {
    fill_and_make_room(|data_dir| Some(FullDisk::SizeLimit(data_dir.to_owned()))).await;
}

async fn fill_and_make_room(prepare: impl FnOnce(&Path) -> Option<FullDisk>) {
    let mut platform = Platform::start().await;
    let api = platform.api().await;
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let recording = platform.folder().join("recording.csv");
    std::fs::write(&recording, replay::made(start, ROWS)).unwrap();
    let machine = api.create_machine("full").await;
    let config = replay::config(&recording, SPEED);
    let mut agent = Agent::prepare(platform.folder(), &machine, "full", &config);
    let Some(disk) = prepare(&agent.data_dir()) else { return };
    let code = api.enrollment_code(&machine).await;
    let output = agent.try_enroll(&platform.url(), &code);
    assert!(output.status.success(), "{output:?}");
    // Nothing leaves the agent's disk.
    platform.stop().await;

    agent.run_without_size_signal();
    eventually("samples are stored", SOON, async || {
        let status = agent.status()?;
        ensure!(status["outbox"]["telemetry"].as_u64() > Some(0), "{}", status["outbox"]);
        Ok(())
    })
    .await;
    disk.fill(&agent);
    let mut reported = Reported::default();
    reported.until_refused(&agent);
    disk_is(&agent, "takes nothing", false).await;
    let status = agent.status().expect("it still answers");
    assert_eq!(status["active_faults"].as_array().map(Vec::len), Some(reported.taken.len()));

    // It is killed while the disk is full: what was taken is there.
    agent.kill();
    agent.run_without_size_signal();
    if runs(&mut agent).await {
        disk.fill(&agent);
        reported.until_refused(&agent);
        disk_is(&agent, "takes nothing again", false).await;
        disk.make_room(&agent);
    } else {
        let error = agent.reporter().raise("E-nobody", "test").unwrap_err().to_string();
        assert!(error.contains("no agent runs"), "{error}");
        disk.make_room(&agent);
        // Its supervisor starts it again, as the systemd unit says.
        agent.run();
        eventually("it runs again", SOON, async || agent.status()).await;
    }
    disk_is(&agent, "takes everything", true).await;
    agent.reporter().raise("E-last", "test").expect("the agent takes a last fault");
    reported.taken.push("E-last".to_owned());
    platform.resume().await;
    let database = platform.database().await;
    eventually("everything has arrived", Duration::from_secs(60), async || {
        let points = database.count_points(&machine).await?;
        ensure!(points >= 2 * ROWS as i64, "{points} of {} points", 2 * ROWS);
        let faults = database.faults(&machine).await?;
        ensure!(faults.iter().any(|fault| fault.code == "E-last"), "no last fault");
        Ok(())
    })
    .await;
    compare(&database, &machine, start, &reported).await;
    agent.stop().await;
}

/// Whether it finds enough room to open its outbox after a kill; if not, it has ended with the
/// reason.
async fn runs(agent: &mut Agent) -> bool {
    eventually("it runs, or says why it doesn't", SOON, async || {
        if let Some(status) = agent.ended() {
            assert_eq!(status.code(), Some(1), "so that it is started again");
            assert!(agent.log().contains("outbox.redb: the disk is full"), "{}", agent.log());
            return Ok(false);
        }
        agent.status().map(|_| true)
    })
    .await
}

async fn disk_is(agent: &Agent, what: &str, well: bool) {
    eventually(&format!("the disk {what}"), SOON, async || {
        let status = agent.status()?;
        let problem = &status["disk_problem"];
        ensure!(problem.is_null() == well, "problem: {problem}");
        ensure!((status["unsaved_samples"] == 0) == well, "{}", status["unsaved_samples"]);
        Ok(())
    })
    .await;
}

async fn compare(database: &Database, machine: &str, start: DateTime<Utc>, reported: &Reported) {
    let points = database.points(machine).await.unwrap();
    let rows: Vec<_> = (0..ROWS).map(|row| replay::row_of(start, row)).collect();
    let rising: Vec<_> = rows.iter().map(|(at, rising, _)| (*at, Some(*rising))).collect();
    let waving: Vec<_> = rows.iter().map(|(at, _, waving)| (*at, Some(*waving))).collect();
    assert!(points["rising"] == rising, "the rising signal isn't what was recorded");
    assert!(points["waving"] == waving, "the waving signal isn't what was recorded");
    let mut arrived: Vec<String> =
        database.faults(machine).await.unwrap().into_iter().map(|fault| fault.code).collect();
    arrived.sort();
    let mut taken = reported.taken.clone();
    taken.sort();
    assert_eq!(arrived, taken, "what was taken, and nothing else, once");
    assert_eq!(database.conflicts(machine).await.unwrap(), 0, "conflicts");
    assert_eq!(database.missing_messages(machine).await.unwrap(), 0, "gaps");
}

/// Faults by what their reporter was told.
#[derive(Debug, Default)]
struct Reported {
    taken: Vec<String>,
    refused: Vec<String>,
}

impl Reported {
    /// Raises smaller and smaller faults until even the smallest is refused.
    fn until_refused(&mut self, agent: &Agent) {
        let before = self.refused.len();
        for (index, bytes) in SIZES.into_iter().enumerate() {
            while self.refused.len() < before + (index + 1) * REFUSED {
                let code = format!("E-{}", self.taken.len() + self.refused.len());
                match agent.reporter().raise_large(&code, "test", bytes) {
                    Ok(()) => self.taken.push(code),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains("NOT stored: the disk is full"), "{error}");
                        self.refused.push(code);
                    }
                }
                assert!(self.taken.len() < 390, "the disk isn't full: {self:?}");
            }
        }
    }
}

/// A data folder without room.
#[derive(Debug)]
enum FullDisk {
    /// On a small file system of its own.
    Mounted(PathBuf),
    /// Whose files can't grow, by a limit of the agent's process.
    SizeLimit(PathBuf),
}

impl FullDisk {
    /// `None`, told loudly, where mounting isn't allowed.
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the data folder");
        let options = format!("size={DISK},mode=0700");
        let mount = ["-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(folder).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self::Mounted(folder.to_owned())),
            refused => {
                eprintln!("NOT TESTED with a full file system: can't mount one: {refused:?}");
                None
            }
        }
    }

    fn fill(&self, agent: &Agent) {
        match self {
            Self::Mounted(folder) => {
                let mut file = File::options()
                    .create(true)
                    .append(true)
                    .open(folder.join("filler"))
                    .expect("the filler");
                let full = loop {
                    if let Err(error) = file.write_all(&[0; 4096]) {
                        break error;
                    }
                };
                assert_eq!(full.kind(), ErrorKind::StorageFull);
            }
            Self::SizeLimit(folder) => {
                let length = std::fs::metadata(folder.join("outbox.redb")).expect("outbox").len();
                limit(agent, &length.to_string());
            }
        }
    }

    fn make_room(&self, agent: &Agent) {
        match self {
            Self::Mounted(folder) => std::fs::remove_file(folder.join("filler")).expect("room"),
            Self::SizeLimit(_) => limit(agent, "unlimited"),
        }
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        if let Self::Mounted(folder) = self {
            let unmounted = Command::new("umount").arg("--lazy").arg(folder).status();
            assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
        }
    }
}

/// Limits the size of the agent's files; the hard limit stays, so that it can be taken back.
fn limit(agent: &Agent, bytes: &str) {
    let id = agent.process_id().to_string();
    let limit = format!("--fsize={bytes}:");
    let limited = Command::new("prlimit").args(["--pid", &id, &limit]).status();
    assert!(limited.expect("prlimit, of util-linux").success());
}
