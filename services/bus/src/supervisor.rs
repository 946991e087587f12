//! Keeps a broker running as a child process.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::BrokerConfig;
use crate::endpoint::{Credentials, Endpoint};
use crate::limits::{
    BROKER_STABLE_AFTER, BROKER_START_RETRY, BROKER_START_TIME_LIMIT, PROBE_INTERVAL,
    PROBE_TIME_LIMIT, PROBES_PER_CONNECTION, RESTART_MAX, RESTART_MIN,
};
use crate::probe::{Probe, ProbeError};

/// How the broker is, for `/readyz` and the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokerHealth {
    /// Whether it answers.
    pub up: bool,
    /// The child's process id, while there is one.
    pub pid: Option<u32>,
    /// How often it had to be started again.
    pub restarts: u64,
    /// Why it ended last.
    pub last_failure: Option<String>,
}

/// Why a broker is started again.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no free port on this computer")]
    Port(#[source] io::Error),
    #[error("{program} can't be started")]
    Spawn { program: String, source: io::Error },
    #[error("its configuration can't be handed over")]
    Configure(#[source] io::Error),
    #[error("its state can't be read")]
    Wait(#[source] io::Error),
    #[error("it ended: {0}")]
    Ended(ExitStatus),
    #[error("it didn't answer within {} s of its start", BROKER_START_TIME_LIMIT.as_secs())]
    Start,
    #[error("it is no longer sound")]
    Probe(#[from] ProbeError),
}

/// A broker in a child process that is started again, after a growing wait, when it ends or
/// stops answering. Each start has its own port and its own random credentials.
///
/// Dropping it ends the child; [`stop`](Self::stop) also waits for that.
pub struct Supervisor {
    endpoint: watch::Receiver<Option<Endpoint>>,
    health: watch::Receiver<BrokerHealth>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts `program` with `args`, which must end in [`run_broker`](crate::run_broker).
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn start(program: PathBuf, args: Vec<String>) -> Self {
        let (endpoint_tx, endpoint) = watch::channel(None);
        let (health_tx, health) = watch::channel(BrokerHealth::default());
        let stop = CancellationToken::new();
        let run = Run { program, args, endpoint: endpoint_tx, health: health_tx, probes: 0 };
        let task = tokio::spawn(run.supervise(stop.clone()));
        Self { endpoint, health, stop, task: Some(task) }
    }

    /// Where the broker is; `None` while it is not up.
    #[must_use]
    pub fn endpoint(&self) -> watch::Receiver<Option<Endpoint>> {
        self.endpoint.clone()
    }

    /// How the broker is.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<BrokerHealth> {
        self.health.clone()
    }

    /// Ends the child and waits until it is gone.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // The task doesn't panic; if the runtime is going down, the child goes with it.
            let _ = task.await;
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Run {
    program: PathBuf,
    args: Vec<String>,
    endpoint: watch::Sender<Option<Endpoint>>,
    health: watch::Sender<BrokerHealth>,
    probes: u64,
}

impl Run {
    async fn supervise(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(RESTART_MIN, RESTART_MAX);
        loop {
            let started = Instant::now();
            let failure = self.run_once(&stop).await;
            self.endpoint.send_replace(None);
            let Err(failure) = failure else {
                self.health.send_modify(|health| (health.up, health.pid) = (false, None));
                return;
            };
            if started.elapsed() >= BROKER_STABLE_AFTER {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            let reason = chain(&failure);
            tracing::warn!(reason, wait_ms = wait.as_millis(), "the bus's broker is started again");
            self.health.send_modify(|health| {
                *health = BrokerHealth {
                    up: false,
                    pid: None,
                    restarts: health.restarts + 1,
                    last_failure: Some(reason),
                };
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// `Ok`: it was told to stop.
    async fn run_once(&mut self, stop: &CancellationToken) -> Result<(), Failure> {
        let (mut child, stdin, endpoint) = self.spawn().await?;
        self.health.send_modify(|health| health.pid = child.id());
        let end = tokio::select! {
            status = child.wait() => Err(status.map_or_else(Failure::Wait, Failure::Ended)),
            failure = self.watch_over(&endpoint) => Err(failure),
            () = stop.cancelled() => Ok(()),
        };
        // A broker keeps nothing: there is nothing to be gained by asking politely.
        if let Err(error) = child.kill().await {
            tracing::warn!(%error, "the bus's broker can't be killed");
        }
        drop(stdin);
        end
    }

    /// Standard input must be kept open: at its end the child ends.
    async fn spawn(&self) -> Result<(Child, ChildStdin, Endpoint), Failure> {
        let port = free_port().map_err(Failure::Port)?;
        let credentials = Credentials::random();
        let spawned = Command::new(&self.program)
            .args(&self.args)
            // The platform's settings, its first password among them, are none of its business.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // Ctrl-C in a terminal goes to the whole group; the parent decides when it ends.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let program = || self.program.display().to_string();
        let mut child = spawned.map_err(|source| Failure::Spawn { program: program(), source })?;
        let stdin = child.stdin.take();
        let mut stdin =
            stdin.ok_or_else(|| Failure::Configure(io::ErrorKind::BrokenPipe.into()))?;
        let Credentials { user, password } = credentials.clone();
        let config = serde_json::to_vec(&BrokerConfig { port, user, password });
        let mut line = config.map_err(|error| Failure::Configure(error.into()))?;
        line.push(b'\n');
        stdin.write_all(&line).await.map_err(Failure::Configure)?;
        Ok((child, stdin, Endpoint::loopback(port, credentials)))
    }

    /// Announces the broker once it answers; returns when it no longer does.
    async fn watch_over(&mut self, endpoint: &Endpoint) -> Failure {
        let first = timeout(BROKER_START_TIME_LIMIT, async {
            loop {
                match self.connect(endpoint).await {
                    Ok(probe) => return probe,
                    Err(_) => sleep(BROKER_START_RETRY).await,
                }
            }
        });
        let Ok(mut probe) = first.await else { return Failure::Start };
        if let Err(error) = probe.ask(PROBE_TIME_LIMIT).await {
            return error.into();
        }
        tracing::info!(%endpoint, "the bus's broker is up");
        self.endpoint.send_replace(Some(endpoint.clone()));
        self.health.send_modify(|health| health.up = true);
        loop {
            if let Err(error) = ask_repeatedly(&mut probe).await {
                return error.into();
            }
            let next = self.connect(endpoint).await;
            match (probe.close(PROBE_TIME_LIMIT).await, next) {
                (Ok(()), Ok(next)) => probe = next,
                (Err(error), _) | (_, Err(error)) => return error.into(),
            }
        }
    }

    async fn connect(&mut self, endpoint: &Endpoint) -> Result<Probe, ProbeError> {
        self.probes += 1;
        Probe::connect(endpoint, format!("mw-probe-{}", self.probes), PROBE_TIME_LIMIT).await
    }
}

async fn ask_repeatedly(probe: &mut Probe) -> Result<(), ProbeError> {
    for _ in 0..PROBES_PER_CONNECTION {
        sleep(PROBE_INTERVAL).await;
        probe.ask(PROBE_TIME_LIMIT).await?;
    }
    Ok(())
}

/// A port that was free a moment ago. If another takes it first, the broker ends and is started
/// again on another one.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
