//! Real agents: each replays a recording, takes faults from a local program and obeys commands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use millwright_tests::{Agent, Api, Marks, Reporter, replay};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{Mutex, watch};

use crate::world::Phase;

/// Rows of the recording are a second apart: so many of them a second.
const SPEED: f64 = 50.0;
/// Share of the trouble's time that the recording lasts, if nothing stops it.
const RECORDED: f64 = 0.8;
/// Share of faults that are cleared again.
const CLEARED: f64 = 0.75;
/// Between two reports of a fault, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 300..1_500;
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";
/// The last fault that a reporter raises.
pub(crate) const LAST: &str = "E-last";

/// A fault as the local program knows it; each code is used once.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) code: String,
    pub(crate) raise: Answer,
    /// `None`: it wasn't cleared.
    pub(crate) clear: Option<Answer>,
}

/// What the agent said to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has it, for good.
    Taken,
    /// Nothing, or that it couldn't.
    InDoubt,
}

#[derive(Debug)]
pub(crate) struct RealAgent {
    pub(crate) process: Arc<Mutex<Agent>>,
    pub(crate) machine: String,
    pub(crate) marks: Marks,
    pub(crate) rows: usize,
    reporter: Reporter,
}

/// Time of the recording's first row.
pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).expect("the first of January 2026")
}

impl RealAgent {
    pub(crate) async fn enroll(
        folder: &Path,
        api: &Api,
        url: &str,
        number: usize,
        trouble: Duration,
    ) -> anyhow::Result<Self> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let rows = (trouble.as_secs_f64() * RECORDED * SPEED) as usize;
        let name = format!("agent-{number}");
        let own = folder.join(format!("machine-{number}"));
        std::fs::create_dir_all(&own)?;
        let recording = own.join("recording.csv");
        std::fs::write(&recording, replay::made(start(), rows))?;
        let marks = Marks::new(&own);
        let commands = marks.config("configure", "none");
        let config = format!("{PANEL}{commands}\n{}", replay::config(&recording, SPEED));
        let machine = api.create_machine(&name).await;
        let code = api.enrollment_code(&machine).await;
        let agent = Agent::prepare(folder, &machine, &name, &config);
        let output = agent.try_enroll(url, &code);
        ensure!(output.status.success(), "millwright-agent enroll: {output:?}");
        let reporter = agent.reporter();
        Ok(Self { process: Arc::new(Mutex::new(agent)), machine, marks, rows, reporter })
    }

    /// A local program that raises and clears faults until the trouble is over.
    pub(crate) fn report(
        &self,
        seed: u64,
        phase: watch::Receiver<Phase>,
    ) -> tokio::task::JoinHandle<Vec<Reported>> {
        let reporter = self.reporter.clone();
        tokio::task::spawn_blocking(move || report(&reporter, seed, &phase))
    }

    /// Raises the last fault; an error unless the agent takes it.
    pub(crate) fn report_last(&self) -> anyhow::Result<()> {
        self.reporter.raise(LAST, "chaos")
    }
}

fn report(reporter: &Reporter, seed: u64, phase: &watch::Receiver<Phase>) -> Vec<Reported> {
    let mut random = StdRng::seed_from_u64(seed);
    let answer = |result: anyhow::Result<()>| match result {
        Ok(()) => Answer::Taken,
        Err(_) => Answer::InDoubt,
    };
    let mut reported = Vec::new();
    // Closed: the run was given up.
    while *phase.borrow() == Phase::Trouble && phase.has_changed().is_ok() {
        let code = format!("E-{}", reported.len());
        let raise = answer(reporter.raise(&code, "chaos"));
        let clear = random.random_bool(CLEARED).then(|| answer(reporter.clear(&code, "chaos")));
        reported.push(Reported { code, raise, clear });
        std::thread::sleep(Duration::from_millis(random.random_range(PAUSE_MS)));
    }
    reported
}
