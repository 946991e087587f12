//! The running agent: its parts put together, started and stopped in order.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millwright_schemas::wire::events::EventType;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock_watch::ClockWatch;
use crate::collector::{Collector, Gathering};
use crate::config::Config;
use crate::connection::Connection;
use crate::drivers::{DriverCommands, DriverConfig};
use crate::limits::{DRAIN_TIMEOUT, LOCK_PATIENCE, LOCK_RETRY, READINGS_QUEUED};
use crate::local::{self, BindError, LocalServer};
use crate::operator::Desk;
use crate::outbox::{self, Outbox, OutboxError, OutboxHandle};
use crate::status::{DriverStatus, Status, StatusBoard};
use crate::stop::StopSignal;
use crate::supervise::Supervisor;
use crate::upkeep::Upkeep;
use crate::{clock, private_file};

/// Why the agent doesn't run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another agent has the data folder.
    #[error("another agent runs with the data folder {0}; stop it, or give this one --data-dir")]
    Locked(PathBuf),
    /// Local programs can't reach it.
    #[error(transparent)]
    Local(#[from] BindError),
    /// A file can't be used.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The outbox can't be opened.
    #[error("{path}")]
    Outbox {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: OutboxError,
    },
    /// The operating system refuses a thread or signal handlers.
    #[error("the agent can't be set up: {0}")]
    System(std::io::Error),
}

/// The outbox in a data folder.
#[must_use]
pub fn outbox_path(data_dir: &Path) -> PathBuf {
    data_dir.join("outbox.redb")
}

/// Held while an agent uses a data folder; let go by the system when the process ends.
#[derive(Debug)]
pub struct DataDirLock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the data folder, making it when it isn't there.
///
/// # Errors
/// [`RunError::Locked`] when another process has it.
pub fn lock(data_dir: &Path) -> Result<DataDirLock, RunError> {
    private_file::make_folder(data_dir)
        .map_err(|source| RunError::File { path: data_dir.to_owned(), source })?;
    let path = data_dir.join("agent.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| RunError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(DataDirLock(file)),
        Err(TryLockError::WouldBlock) => Err(RunError::Locked(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(RunError::File { path, source }),
    }
}

/// The same, but `status` and `enroll` may have it for a moment: that must not keep a service from
/// starting, for good as the case may be.
async fn lock_patiently(data_dir: &Path) -> Result<DataDirLock, RunError> {
    let patience = Instant::now() + LOCK_PATIENCE;
    let mut told = false;
    loop {
        match lock(data_dir) {
            Err(RunError::Locked(_)) if Instant::now() < patience => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!("waiting for the data folder, which another program uses");
                }
                sleep(LOCK_RETRY).await;
            }
            result => return result,
        }
    }
}

/// Why the agent has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// A command has it start again.
    Restart,
}

/// Runs the agent until it is told to stop, or to start again.
///
/// # Errors
/// When it can't start; once it runs, it goes on whatever happens.
pub async fn run(
    config: &Config,
    data_dir: &Path,
    mut stop_signal: StopSignal,
    log: RecentLog,
) -> Result<Ended, RunError> {
    let _lock = lock_patiently(data_dir).await?;
    let (mut outbox, problem) = open_outbox(config, data_dir)?;
    let unread = |source| RunError::Outbox { path: outbox_path(data_dir), source };
    let socket = local::bind(data_dir, &config.local)?;
    let time = TimeKeeper::new(outbox.time_floor().map_err(unread)?);
    let (outbox, outbox_thread) = OutboxHandle::start(outbox).map_err(RunError::System)?;
    let (desk, log_thread) = Desk::start(data_dir, outbox.clone()).map_err(RunError::System)?;
    let board = StatusBoard::new(initial_status(config, problem));
    tell(&outbox, EventType::AgentStarted, started(config)).await;

    let mut background = JoinSet::new();
    let server = LocalServer { outbox: outbox.clone(), board: board.clone() };
    background.spawn(server.run(socket));
    background.spawn(ClockWatch::new(outbox.clone()).run());
    let drain = CancellationToken::new();
    let mut connection =
        start_connection(config, data_dir, &outbox, &board, &drain, &mut background);
    let drivers = Drivers::start(config, &outbox, &board);

    let reason = stop_signal.wait().await;
    tracing::info!(reason, "stopping");
    drivers.stop().await;
    tell(&outbox, EventType::AgentStopping, object(json!({ "reason": reason }))).await;
    drain.cancel();
    if timeout(DRAIN_TIMEOUT, &mut connection).await.is_err() {
        tracing::warn!("not everything could be sent in time; it waits on the disk");
        connection.abort();
        let _ = connection.await;
    }
    background.shutdown().await;
    drop((desk, outbox));
    closed("local log", log_thread).await;
    closed("outbox", outbox_thread).await;
    Ok(())
}

fn start_connection(
    config: &Config,
    data_dir: &Path,
    outbox: &OutboxHandle,
    board: &StatusBoard,
    drain: &CancellationToken,
    background: &mut JoinSet<()>,
) -> JoinHandle<()> {
    let (publish, identity) = watch::channel(None);
    let failing = Arc::new(Notify::new());
    let upkeep = Upkeep {
        data_dir: data_dir.to_owned(),
        publish,
        failing: Arc::clone(&failing),
        board: board.clone(),
    };
    background.spawn(upkeep.run());
    let connection = Connection {
        outbox: outbox.clone(),
        identity,
        settings: config.connection_settings(),
        failing,
        board: board.clone(),
        drain: drain.clone(),
    };
    tokio::spawn(connection.run())
}

/// The drivers' tasks and the collector behind them.
struct Drivers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    collector: JoinHandle<()>,
    /// Gives them orders.
    #[allow(dead_code, reason = "for what runs orders")]
    commands: DriverCommands,
}

impl Drivers {
    fn start(config: &Config, outbox: &OutboxHandle, board: &StatusBoard) -> Self {
        let stop = CancellationToken::new();
        let (readings, received) = mpsc::channel(READINGS_QUEUED);
        let gathering = Gathering {
            allowed: config.signals.allow.clone(),
            flush_interval: Duration::from_millis(config.signals.flush_interval_ms),
            samples_per_message: config.signals.samples_per_message,
            drivers: config.drivers.iter().map(|driver| driver.name().to_owned()).collect(),
        };
        let collector = Collector::new(outbox.clone(), board.clone(), gathering);
        let mut tasks = JoinSet::new();
        let (commands, orders) = DriverCommands::of(&config.drivers);
        for (driver, orders) in config.drivers.iter().zip(orders) {
            let supervisor = Supervisor {
                config: driver.clone(),
                outbox: outbox.clone(),
                readings: readings.clone(),
                board: board.clone(),
                orders,
                stop: stop.clone(),
            };
            tasks.spawn(supervisor.run());
        }
        Self { stop, tasks, collector: tokio::spawn(collector.run(received)), commands }
    }

    /// Ends the drivers, then commits what they have delivered.
    async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.collector.await {
            tracing::error!(%error, "the collector has failed");
        }
    }
}

/// Waits until a thread has closed its file, which leaves it clean for a quick start.
async fn closed(name: &str, thread: std::thread::JoinHandle<()>) {
    let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
    if !matches!(joined, Ok(true)) {
        tracing::error!("the thread of the {name} has failed");
    }
}

async fn tell(outbox: &OutboxHandle, event_type: EventType, data: Map<String, Value>) {
    let name = event_type.clone();
    let told = outbox.add(move |outbox| outbox.append_event(event_type, data, clock::now())).await;
    if let Err(error) = told {
        tracing::warn!(%error, event = name.as_str(), "can't be told");
    }
}

/// Opens the outbox. A broken file is set aside and a new one begun: a machine that stays silent
/// for ever would be worse.
fn open_outbox(config: &Config, data_dir: &Path) -> Result<(Outbox, Option<String>), RunError> {
    let path = outbox_path(data_dir);
    let failed = |source| RunError::Outbox { path: path.clone(), source };
    let emptied = outbox::is_emptied(&path);
    let error = match Outbox::open(&path, config.outbox_settings()) {
        Ok(outbox) => {
            let problem = emptied.then(|| {
                format!("{} was empty (0 bytes): what waited in it is lost", path.display())
            });
            if let Some(problem) = &problem {
                tracing::warn!("{problem}");
            }
            return Ok((outbox, problem));
        }
        Err(error) if error.is_lasting() => error,
        Err(error) => return Err(failed(error)),
    };
    let aside = data_dir.join(format!("outbox-broken-{}.redb", clock::now().seconds()));
    std::fs::rename(&path, &aside)
        .map_err(|source| RunError::File { path: path.clone(), source })?;
    let problem =
        format!("the outbox was broken ({error}); it is set aside as {}", aside.display());
    tracing::error!("{problem}");
    let outbox = Outbox::open(&path, config.outbox_settings()).map_err(failed)?;
    Ok((outbox, Some(problem)))
}

fn initial_status(config: &Config, problem: Option<String>) -> Status {
    let mut status = Status::new(true, Some(clock::now()));
    status.problem = problem;
    status.signals.clone_from(&config.signals.allow);
    status.drivers = config
        .drivers
        .iter()
        .map(|driver| DriverStatus { name: driver.name().to_owned(), ..DriverStatus::default() })
        .collect();
    status
}

fn started(config: &Config) -> Map<String, Value> {
    let drivers: Vec<&str> = config.drivers.iter().map(DriverConfig::name).collect();
    object(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "drivers": drivers,
        "signals": config.signals.allow,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
