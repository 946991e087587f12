//! From an order to its effect, and from a fault to its ticket; alone, and beside a fleet's traffic.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::machine::{Machine, now_ms, payload};
use crate::platform::{Events, Platform};
use crate::report::{Report, Section};
use crate::stats::Times;

/// Orders and faults per scenario.
const ROUNDS: usize = 100;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for what must follow.
const PATIENCE: Duration = Duration::from_secs(30);
/// Each machine of the fleet sends a message of so many samples every second.
const SAMPLES: usize = 20;

/// Measures with an idle fleet, then while these machines send.
pub(crate) async fn measure(
    report: &Report,
    database: &str,
    platform: &Platform,
    programs: &Path,
    fleet: &[Arc<Machine>],
) -> Result<()> {
    let mut section = report.section("operations", database);
    let agent = Agent::start(platform, programs).await?;
    scenario(&mut section, platform, &agent, "idle fleet").await?;
    let stop = CancellationToken::new();
    let traffic = traffic(fleet, &stop);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let name = format!("{} machines at 1 message/s of {SAMPLES} samples", fleet.len());
    scenario(&mut section, platform, &agent, &name).await?;
    stop.cancel();
    let sent = traffic.join_all().await.into_iter().sum::<Result<u64>>()?;
    ensure!(sent > 0, "the fleet has sent nothing");
    section.end()
}

async fn scenario(
    section: &mut Section,
    platform: &Platform,
    agent: &Agent,
    name: &str,
) -> Result<()> {
    let mut events = platform.events().await?;
    let (mut effects, mut results) = (Times::new(), Times::new());
    for _ in 0..ROUNDS {
        let (effect, result) = agent.order(platform, &mut events).await?;
        effects.push(effect);
        results.push(result);
        tokio::time::sleep(PAUSE).await;
    }
    let what = |what: &str| format!("{what}, {name}");
    section.percentiles(&what("call to effect on the machine"), effects.p50_p99_ms());
    section.percentiles(&what("call to result at the API's stream"), results.p50_p99_ms());
    let mut tickets = Times::new();
    for _ in 0..ROUNDS {
        tickets.push(agent.fault(&mut events).await?);
        tokio::time::sleep(PAUSE).await;
    }
    section.percentiles(&what("fault to ticket at the API's stream"), tickets.p50_p99_ms());
    Ok(())
}

/// Every machine sends until it is stopped.
fn traffic(fleet: &[Arc<Machine>], stop: &CancellationToken) -> JoinSet<Result<u64>> {
    let mut tasks = JoinSet::new();
    for (index, machine) in fleet.iter().enumerate() {
        let (machine, stop) = (Arc::clone(machine), stop.clone());
        let offset = Duration::from_micros(1_000_000 * index as u64 / fleet.len().max(1) as u64);
        tasks.spawn(async move {
            tokio::time::sleep(offset).await;
            let mut connection = machine.connect().await?;
            let outbox = uuid::Uuid::now_v7();
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            let mut sent = 0;
            while !stop.is_cancelled() {
                ticks.tick().await;
                sent += 1;
                let message = payload(outbox, sent, now_ms() - 200, SAMPLES, "load.temperature");
                connection.writer.publish(&machine.topic, &message).await?;
                connection.reader.next().await?;
            }
            Ok(sent)
        });
    }
    tasks
}

/// A real agent with a command that leaves the time at which it ran.
struct Agent {
    machine: String,
    program: PathBuf,
    folder: TempDir,
    _child: Child,
}

impl Agent {
    async fn start(platform: &Platform, programs: &Path) -> Result<Self> {
        let program = programs.join("millwright-agent");
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("mark.sh");
        std::fs::write(&script, "date +%s%N > \"$1.new\"\nmv \"$1.new\" \"$1\"\n")?;
        let config = folder.path().join("agent.toml");
        std::fs::write(
            &config,
            format!(
                "drivers = []\n[panel]\nlisten = \"127.0.0.1:0\"\n[[commands.programs]]\n\
                 name = \"mark\"\nclass = \"read\"\nprogram = \"/bin/sh\"\n\
                 arguments = [\"{}\", \"{}\"]\nschema = '{{\"type\":\"object\"}}'\n",
                script.display(),
                folder.path().join("mark").display()
            ),
        )?;
        let (machine, code) = platform.register("agent-of-orders").await?;
        let enrolled = Command::new(&program)
            .args(["enroll", "--url", platform.url(), "--code", &code, "--data-dir"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .await?;
        ensure!(enrolled.success(), "the agent can't enrol");
        let child = Command::new(&program)
            .args(["run", "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let agent = Self { machine, program, folder, _child: child };
        for _ in 0..100 {
            let catalogue = platform.get(&format!("/machines/{}/catalogue", agent.machine)).await?;
            if catalogue["known"] == true {
                return Ok(agent);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the agent hasn't told its catalogue")
    }

    /// From the call to the effect, and to the result.
    async fn order(
        &self,
        platform: &Platform,
        events: &mut Events,
    ) -> Result<(Duration, Duration)> {
        let mark = self.folder.path().join("mark");
        let _ = std::fs::remove_file(&mark);
        let (called, start) = (SystemTime::now(), Instant::now());
        let path = format!("/machines/{}/commands", self.machine);
        let issued = platform.post(&path, &json!({"name": "mark"})).await?;
        let id = issued["id"].as_str().context("an id")?.to_owned();
        let is_result = |event: &Value| {
            event["subject"]["id"] == id.as_str()
                && event["type"].as_str().is_some_and(|word| word == "command.succeeded")
        };
        tokio::time::timeout(PATIENCE, events.wait_for(is_result)).await.context("no result")??;
        let result = start.elapsed();
        let ns: u64 = std::fs::read_to_string(&mark)?.trim().parse()?;
        let effect = UNIX_EPOCH + Duration::from_nanos(ns);
        Ok((effect.duration_since(called).unwrap_or_default(), result))
    }

    /// From the report of a fault by a local program to the ticket.
    async fn fault(&self, events: &mut Events) -> Result<Duration> {
        let code = format!("E-{}", uuid::Uuid::now_v7());
        let start = Instant::now();
        let raised = Command::new(&self.program)
            .args(["fault", "raise", "--code", &code, "--severity", "major", "--data-dir"])
            .arg(self.folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .await?;
        ensure!(raised.success(), "the agent takes no fault");
        // Faults of one machine that follow each other closely share a ticket.
        let is_ticket = |event: &Value| {
            (event["type"] == "ticket.opened" || event["type"] == "ticket.alarm_joined")
                && event.to_string().contains(&code)
        };
        tokio::time::timeout(PATIENCE, events.wait_for(is_ticket)).await.context("no ticket")??;
        Ok(start.elapsed())
    }
}
