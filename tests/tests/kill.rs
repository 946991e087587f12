//! Agent and platform are killed at random points; what the agent had taken is in the database
//! exactly once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use millwright_tests::{
    Agent, Database, Device, Platform, Reporter, Version, eventually, replay, seed,
};
use rand::RngExt;

const ROUNDS: usize = 8;
const HOST: &str = "[[drivers]]\nkind = \"host\"\n";
const FIRST_STARTS: usize = 6;
const ENROLMENTS: usize = 10;
const ROWS: usize = 6_000;
/// Rows are a second apart: so many of them a second.
const SPEED: f64 = 300.0;
/// Between two reports of faults.
const PAUSE: Duration = Duration::from_millis(30);

#[tokio::test]
async fn what_the_agent_has_taken_survives_kills_exactly_once() {
    let mut random = seed::generator("kill");
    let mut platform = Platform::start().await;
    let api = platform.api().await;
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let recording = platform.folder().join("recording.csv");
    std::fs::write(&recording, replay::made(start, ROWS)).unwrap();
    let mut agent =
        Agent::enroll(&platform, &api, "killed", &replay::config(&recording, SPEED)).await;
    agent.run();

    let reports = Reports::start(agent.reporter());
    for _ in 0..ROUNDS {
        // The length of life is the random point itself, not a wait for something.
        tokio::time::sleep(Duration::from_millis(random.random_range(200..3_000))).await;
        match random.random_range(0..3) {
            0 => {
                agent.kill();
                agent.run();
            }
            1 => {
                platform.kill();
                platform.resume().await;
            }
            _ => {
                platform.kill();
                agent.kill();
                agent.run();
                platform.resume().await;
            }
        }
    }
    let mut reported = reports.stop();
    let last = "E-last".to_owned();
    eventually("the agent takes a last fault", Duration::from_secs(20), async || {
        agent.reporter().raise(&last, "test")
    })
    .await;
    reported.taken.push(last);
    eprintln!("{} faults taken, {} in doubt", reported.taken.len(), reported.in_doubt.len());
    assert!(reported.taken.len() > ROUNDS, "too few faults for a test: {reported:?}");

    let database = platform.database().await;
    eventually("everything has arrived", Duration::from_secs(60), async || {
        let points = database.count_points(agent.machine()).await?;
        ensure!(points >= 2 * ROWS as i64, "{points} of {} points", 2 * ROWS);
        let faults = database.faults(agent.machine()).await?;
        ensure!(faults.iter().any(|fault| fault.code == "E-last"), "no last fault");
        Ok(())
    })
    .await;
    compare(&database, agent.machine(), start, &reported).await;
}

#[tokio::test]
async fn a_platform_that_is_killed_while_it_starts_for_the_first_time_starts_again() {
    let mut random = seed::generator("first start");
    for _ in 0..FIRST_STARTS {
        let mut platform = Platform::prepare();
        for _ in 0..random.random_range(1..4) {
            platform.die_after(Duration::from_millis(random.random_range(0..250))).await;
        }
        platform.resume().await;
        let api = platform.api().await;
        let device = Device::enroll(&platform, &api, "first").await;
        device.connect(Version::V5).await.ping().await.expect("the connection works");
    }
}

#[tokio::test]
async fn an_enrolment_that_is_killed_is_repeated_with_the_same_code() {
    let mut random = seed::generator("enrolment");
    let platform = Platform::start().await;
    let api = platform.api().await;
    for number in 0..ENROLMENTS {
        let name = format!("enrolling-{number}");
        let machine = api.create_machine(&name).await;
        let code = api.enrollment_code(&machine).await;
        let mut agent = Agent::prepare(platform.folder(), &machine, &name, HOST);
        let life = Duration::from_millis(random.random_range(0..60));
        agent.die_enrolling(&platform.url(), &code, life).await;
        if agent.identity().is_none() {
            let output = agent.try_enroll(&platform.url(), &code);
            assert!(output.status.success(), "killed after {life:?}: {output:?}");
        }
        assert_eq!(agent.identity().as_deref(), Some(machine.as_str()));
        agent.run();
        let path = format!("/machines/{machine}");
        eventually("the machine is online", Duration::from_secs(20), async || {
            let machine = api.get(&path).await?;
            ensure!(machine["connection"]["connected"] == true, "{}", machine["connection"]);
            Ok(())
        })
        .await;
        agent.kill();
    }
}

async fn compare(database: &Database, machine: &str, start: DateTime<Utc>, reported: &Reported) {
    let points = database.points(machine).await.unwrap();
    let rows: Vec<_> = (0..ROWS).map(|row| replay::row_of(start, row)).collect();
    let rising: Vec<_> = rows.iter().map(|(at, rising, _)| (*at, Some(*rising))).collect();
    let waving: Vec<_> = rows.iter().map(|(at, _, waving)| (*at, Some(*waving))).collect();
    assert!(points["rising"] == rising, "the rising signal isn't what was recorded");
    assert!(points["waving"] == waving, "the waving signal isn't what was recorded");

    let faults = database.faults(machine).await.unwrap();
    let times = |code: &String| faults.iter().filter(|fault| fault.code == *code).count();
    for code in &reported.taken {
        assert_eq!(times(code), 1, "fault {code} was taken: {faults:?}");
    }
    for code in &reported.in_doubt {
        assert!(times(code) <= 1, "fault {code} was reported once: {faults:?}");
    }
    assert_eq!(database.conflicts(machine).await.unwrap(), 0, "conflicts");
    assert_eq!(database.missing_messages(machine).await.unwrap(), 0, "gaps");
}

/// Codes that were reported, each once.
#[derive(Debug, Default)]
struct Reported {
    /// The agent said that it has them.
    taken: Vec<String>,
    /// It was killed, or not there.
    in_doubt: Vec<String>,
}

/// A program on the machine that reports faults all the time.
struct Reports {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Reported>,
}

impl Reports {
    fn start(reporter: Reporter) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut reported = Reported::default();
            for number in 0.. {
                if asked.load(Ordering::Relaxed) {
                    break;
                }
                let code = format!("E-{number}");
                if reporter.raise(&code, "test").is_ok() {
                    // So that not too many are active.
                    let _ = reporter.clear(&code, "test");
                    reported.taken.push(code);
                } else {
                    reported.in_doubt.push(code);
                }
                std::thread::sleep(PAUSE);
            }
            reported
        });
        Self { stop, thread }
    }

    fn stop(self) -> Reported {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reporting thread")
    }
}
