//! The running agent: its parts put together, started and stopped in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millwright_schemas::wire::events::EventType;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::clock_watch::ClockWatch;
use crate::commands::{self, CommandService, OrdersLink};
use crate::config::Config;
use crate::connection::Connection;
use crate::data_folder::{lock_patiently, open_outbox, outbox_path};
use crate::drivers::DriverConfig;
use crate::limits::DRAIN_TIMEOUT;
use crate::local::{self, BindError, LocalServer, LocalSocket};
use crate::operator::{Desk, Panel, PanelSocket};
use crate::outbox::{OutboxError, OutboxHandle};
use crate::recent_log::RecentLog;
use crate::running_drivers::Drivers;
use crate::status::{DriverStatus, Status, StatusBoard};
use crate::status_source::StatusSource;
use crate::stop::StopSignal;
use crate::trusted_time::TimeKeeper;
use crate::upkeep::{IdentityWatch, Upkeep};

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
    outbox.watch_only(&config.signals.allow);
    let unread = |source| RunError::Outbox { path: outbox_path(data_dir), source };
    let socket = local::bind(data_dir, &config.local)?;
    let time = TimeKeeper::new(outbox.time_floor().map_err(unread)?);
    let (outbox, outbox_thread) = OutboxHandle::start(outbox).map_err(RunError::System)?;
    let (desk, log_thread) = Desk::start(data_dir, outbox.clone()).map_err(RunError::System)?;
    let board = StatusBoard::new(initial_status(config, problem));
    tell(&outbox, EventType::AgentStarted, started(config)).await;
    settle_rules(&outbox).await;

    let mut background = JoinSet::new();
    let panel = open_panel(config, &board).await;
    let source = StatusSource { outbox: outbox.clone(), board: board.clone(), desk: desk.clone() };
    background.spawn(ClockWatch::new(outbox.clone()).run());
    let drain = CancellationToken::new();
    let (orders, inbox, direct) = commands::link();
    let shared = Shared { outbox: outbox.clone(), board, time };
    let (connection, identity) = shared.connect(config, data_dir, orders, &drain, &mut background);
    let drivers = Drivers::start(config, &shared.outbox, &shared.board);
    let local = LocalServer { source: source.clone(), drivers: drivers.commands.clone() };
    start_operators_side(source, local, socket, panel, &mut background);
    let (stop, restart) = (CancellationToken::new(), CancellationToken::new());
    let parts = commands::Parts {
        outbox: shared.outbox.clone(),
        identity,
        board: shared.board.clone(),
        desk: desk.clone(),
        drivers: drivers.commands.clone(),
        signals: drivers.known.clone(),
        time: shared.time.clone(),
        log,
        stop: stop.clone(),
        restart: restart.clone(),
    };
    let service = tokio::spawn(CommandService::new(config, parts, inbox, direct).run());

    let (reason, ended) = tokio::select! {
        reason = stop_signal.wait() => (reason, Ended::Stopped),
        () = restart.cancelled() => ("restart_agent", Ended::Restart),
    };
    tracing::info!(reason, "stopping");
    stop.cancel();
    if let Err(error) = service.await {
        tracing::error!(%error, "what carries out orders has failed");
    }
    drivers.stop().await;
    tell(&outbox, EventType::AgentStopping, object(json!({ "reason": reason }))).await;
    drain.cancel();
    drained(connection).await;
    background.shutdown().await;
    drop((desk, outbox, shared));
    closed("local log", log_thread).await;
    closed("outbox", outbox_thread).await;
    Ok(ended)
}

/// Waits until all is sent, for a while.
async fn drained(mut connection: JoinHandle<()>) {
    if timeout(DRAIN_TIMEOUT, &mut connection).await.is_err() {
        tracing::warn!("not everything could be sent in time; it waits on the disk");
        connection.abort();
        let _ = connection.await;
    }
}

/// Opens the panel, if there is to be one. Failing to is told, but stops nothing.
async fn open_panel(config: &Config, board: &StatusBoard) -> Option<PanelSocket> {
    let bound = PanelSocket::bind(config.panel.address()?).await;
    board.update(|status| match &bound {
        Ok(socket) => {
            status.panel.url = Some(socket.url.clone());
            status.panel.problem.clone_from(&socket.problem);
        }
        Err(error) => {
            tracing::warn!(%error, "there is no panel");
            status.panel.problem = Some(error.to_string());
        }
    });
    bound.ok()
}

/// Takes the source: whatever holds an outbox when the agent stops keeps it from being closed.
fn start_operators_side(
    source: StatusSource,
    local: LocalServer,
    socket: LocalSocket,
    panel: Option<PanelSocket>,
    background: &mut JoinSet<()>,
) {
    if let Some(panel) = panel {
        background.spawn(Panel::new(source).run(panel));
    }
    background.spawn(local.run(socket));
}

/// What many parts use.
struct Shared {
    outbox: OutboxHandle,
    board: StatusBoard,
    time: TimeKeeper,
}

impl Shared {
    /// Starts the connection and the upkeep of the identity; also gives the identity to others.
    fn connect(
        &self,
        config: &Config,
        data_dir: &Path,
        orders: OrdersLink,
        drain: &CancellationToken,
        background: &mut JoinSet<()>,
    ) -> (JoinHandle<()>, IdentityWatch) {
        let (publish, identity) = watch::channel(None);
        let failing = Arc::new(Notify::new());
        let upkeep = Upkeep {
            data_dir: data_dir.to_owned(),
            publish,
            failing: Arc::clone(&failing),
            board: self.board.clone(),
            time: self.time.clone(),
        };
        background.spawn(upkeep.run());
        let connection = Connection {
            data_dir: data_dir.to_owned(),
            outbox: self.outbox.clone(),
            identity: identity.clone(),
            settings: config.connection_settings(),
            orders,
            time: self.time.clone(),
            failing,
            board: self.board.clone(),
            drain: drain.clone(),
        };
        (tokio::spawn(connection.run()), identity)
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

/// Which rules can watch may be something else than in the last life.
async fn settle_rules(outbox: &OutboxHandle) {
    if let Err(error) = outbox.add(|outbox| outbox.settle_rules(clock::now())).await {
        tracing::warn!(%error, "by which rules this machine watches can't be told");
    }
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
