//! The services of one process, wired together.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use millwright_api::clock::Clock;
use millwright_api::health::Health;
use millwright_api::server::{self, ServerConfig};
use millwright_api::state::AppState;
use millwright_bus::Bus;
use millwright_dispatch::{CommandMetrics, Dispatch, Parts as DispatchParts};
use millwright_gateway::directory_store::StoreDirectory;
use millwright_gateway::presence::notices;
use millwright_gateway::tls::TlsSetting;
use millwright_gateway::{Gateway, Metrics, Parts as GatewayParts, Settings};
use millwright_identity::machines::{Enrollment, EnrollmentSettings, Trust};
use millwright_identity::people::People;
use millwright_identity::people::bootstrap::{ADMIN_EMAIL, bootstrap};
use millwright_ingest::limits::MachineLimits;
use millwright_ingest::live::Live;
use millwright_ingest::metrics::IngestMetrics;
use millwright_ingest::{Ingest, IngestOptions};
use millwright_schemas::api::enrollment::MqttEndpoint;
use millwright_schemas::secret::Secret;
use millwright_store::Store;
use millwright_store::sequencer::{Positions, Sequencer};
use millwright_ticketing::Ticketing;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bus::RunningBus;
use super::orders::{Orders, follow_presence};
use super::{bridge, door, files, tls};
use crate::config::Config;
use crate::contact;
use crate::ended;
use crate::jobs::{self, Handlers};
use crate::worker::{self, AccessWake, now};

/// The name under which this process's connections stand in the database.
const GATEWAY_NAME: &str = "embedded";
/// Connections of machines that wait to be accepted: after a restart a fleet comes at once.
const MQTT_BACKLOG: u32 = 4_096;
/// Threads that answer HTTP requests.
const HTTP_WORKERS: usize = 2;

/// What runs.
pub(crate) struct Parts {
    pub(crate) http: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    store: Store,
    bus: RunningBus,
    ingest: Ingest,
    gateway: Arc<Gateway>,
    api: actix_web::dev::ServerHandle,
    api_task: JoinHandle<std::io::Result<()>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Parts {
    /// Starts everything; when it returns, machines and people can connect.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        // The doors first: a taken port should be told before anything else is done, such as
        // showing a password that is shown only once.
        let http = http_door(config)?;
        let socket = listen(config.mqtt)?;
        let mqtt = socket.local_addr()?;
        let endpoint = mqtt_endpoint(config.public_mqtt.as_deref(), mqtt)?;

        let store = Store::open_sqlite(&config.data_dir).await.with_context(|| {
            format!("the database in {} can't be opened", config.data_dir.display())
        })?;
        // This process alone has the data folder: whoever ran these is gone.
        millwright_store::jobs::release_all(&store).await?;
        let people = Arc::new(People::set_up(&config.data_dir)?);
        first_start(&people, &store, config).await?;
        let trust = Trust::open(store.clone(), &config.data_dir, now()).await?;
        let bus = RunningBus::start(config.bus.as_deref())?;
        let directory = StoreDirectory::open(store.clone(), GATEWAY_NAME).await?;
        let directory = Arc::new(directory.with_hosts(door::hosts(config)));
        let wake = AccessWake::new(Arc::clone(&directory), bus.bus.clone());

        let metrics = prometheus::Registry::new();
        let live = Live::new();
        let ingest = start_ingest(&store, &live, &metrics)?;
        let hosts = vec![endpoint.host.clone()];
        let (tls_config, renew_at) = tls::issue(&trust, &hosts)?;
        let tls_setting = TlsSetting::new(tls_config);
        let dead_jobs = worker::dead_jobs(&metrics)?;
        let (notices, presence) = notices();
        let gateway_parts = GatewayParts {
            directory,
            intake: ingest.intake(),
            down: bridge::down(&bus.bus, stop.clone())?,
            notices: Some(notices),
            metrics: Metrics::new(&metrics)?,
            settings: Settings { connections_max: files::connections_max(), ..Settings::default() },
        };
        let gateway = Gateway::start(gateway_parts, socket, tls_setting.clone());
        let commands = CommandMetrics::register(&metrics)?;
        let orders = Orders::new(Arc::clone(&gateway), bus.bus.clone());
        let dispatch = start_dispatch(&store, &trust, orders, &commands, &tasks, &stop);
        tasks.spawn(follow_presence(dispatch.clone(), presence, stop.clone()));

        let health = readiness(&store, &ingest, &bus.bus);
        let enrollment =
            Enrollment::new(store.clone(), trust.clone(), EnrollmentSettings::new(endpoint));
        let positions = sequencer(&store, &bus.bus, &tasks, &stop).await?;
        let state = AppState {
            store: store.clone(),
            people,
            enrollment,
            machines: door::machines(&gateway),
            live: live.clone(),
            positions,
            commands,
            clock: Clock::system(),
            public_url: public_url(config),
            metrics,
            health,
        };
        let api = server::run(http, state).context("HTTP can't start")?;
        let http = api.address;
        let handle = api.server.handle();
        let api_task = tokio::spawn(api.server);

        let keep = tls::keep_current(trust, hosts, tls_setting, renew_at, stop.clone());
        tasks.spawn(keep);
        // Apart: a storm of alarms mustn't hold up what technicians do about it.
        let mut orders = Handlers::default();
        orders.add(wake.clone());
        orders.add(dispatch);
        let mut tickets = Handlers::default();
        tickets.add(Ticketing::new(store.clone(), now));
        for handlers in [orders, tickets] {
            tasks.spawn(jobs::run(store.clone(), handlers, dead_jobs.clone(), stop.clone()));
        }
        tasks.spawn(worker::keep_house(store.clone(), stop.clone()));
        tasks.spawn(contact::watch(store.clone(), config.contact_lost_after_s, stop.clone()));
        tasks.spawn(ended::run(store.clone(), stop.clone()));
        spawn_logged(&tasks, "access wake-ups", worker::follow_access(wake, stop.clone()));
        spawn_logged(&tasks, "live copies", bridge::live(bus.bus.clone(), live, stop.clone()));
        Ok(Self { http, mqtt, store, bus, ingest, gateway, api: handle, api_task, tasks, stop })
    }

    /// Ends when HTTP has ended by itself, which it shouldn't.
    pub(crate) async fn api_ended(&mut self) -> anyhow::Result<()> {
        match (&mut self.api_task).await {
            Ok(Ok(())) => Err(anyhow!("the HTTP server has ended by itself")),
            Ok(Err(error)) => Err(anyhow::Error::new(error).context("the HTTP server has failed")),
            Err(error) => Err(anyhow::Error::new(error).context("the HTTP server has panicked")),
        }
    }

    /// Stops in the order of the data's way: machines are told goodbye, what they handed over is
    /// committed and acknowledged, then the rest ends.
    pub(crate) async fn stop(self, drain: Duration) {
        self.stop.cancel();
        self.gateway.stop().await;
        if !self.ingest.stop(drain).await {
            tracing::warn!("not all messages were committed in time; machines send them again");
        }
        self.api.stop(true).await;
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            tracing::warn!("background work didn't end in time");
        }
        self.bus.stop().await;
        self.store.close().await;
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || -> std::io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the run before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(MQTT_BACKLOG)
    };
    open().with_context(|| format!("can't listen for machines on {address}; choose another --mqtt"))
}

fn http_door(config: &Config) -> anyhow::Result<ServerConfig> {
    let tls = config.tls.as_ref().map(tls::https).transpose()?;
    let listener = server::listen(config.http)
        .with_context(|| format!("HTTP on {} can't start; choose another --http", config.http))?;
    Ok(ServerConfig { listener, tls, workers: HTTP_WORKERS })
}

/// Where machines are told to connect: as given, or this computer.
fn mqtt_endpoint(public: Option<&str>, bound: SocketAddr) -> anyhow::Result<MqttEndpoint> {
    let Some(public) = public else {
        if !bound.ip().to_canonical().is_loopback() {
            tracing::warn!("machines are told to connect to localhost; give --public-mqtt");
        }
        return Ok(MqttEndpoint { host: "localhost".to_owned(), port: bound.port() });
    };
    let (host, port) = match public.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // An IPv6 address.
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match public.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (public, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().with_context(|| format!("--public-mqtt {public:?}: port"))?,
        None => bound.port(),
    };
    Ok(MqttEndpoint { host: host.to_owned(), port })
}

fn public_url(config: &Config) -> String {
    config.public_url.clone().unwrap_or_else(|| {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", config.http.port())
    })
}

/// Creates the first administrator; a password that was made up is shown once, on standard
/// output and not in the log.
async fn first_start(people: &People, store: &Store, config: &Config) -> anyhow::Result<()> {
    let given = config.admin_password.as_ref().map(|password| Secret::new(password.0.clone()));
    let made = bootstrap(people, store, given, now()).await?;
    if let Some(password) = made.admin.and_then(|admin| admin.generated_password) {
        let mut out = std::io::stdout();
        let note = if out.is_terminal() { " (shown only now)" } else { "" };
        writeln!(out, "Sign in as {ADMIN_EMAIL} with password {}{note}", password.expose())?;
        out.flush()?;
    }
    Ok(())
}

fn start_ingest(
    store: &Store,
    live: &Live,
    metrics: &prometheus::Registry,
) -> anyhow::Result<Ingest> {
    let options = IngestOptions {
        limits: MachineLimits::default(),
        live: live.clone(),
        metrics: IngestMetrics::register(metrics)?,
        now,
    };
    Ok(Ingest::start(store.clone(), options))
}

/// Sends commands to machines, and looks after them.
fn start_dispatch(
    store: &Store,
    trust: &Trust,
    orders: Orders,
    metrics: &CommandMetrics,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Dispatch {
    let dispatch = Dispatch::new(DispatchParts {
        store: store.clone(),
        trust: trust.clone(),
        delivery: Arc::new(orders),
        metrics: metrics.clone(),
        now: Arc::new(now),
    });
    tasks.spawn(millwright_dispatch::run(dispatch.clone(), stop.clone()));
    dispatch
}

/// Gives events their positions, and tells readers here and in other processes.
async fn sequencer(
    store: &Store,
    bus: &Bus,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Positions> {
    let (sequencer, positions) = Sequencer::new(store.clone()).await?;
    let (ending, ended) = tokio::sync::watch::channel(false);
    tasks.spawn(sequencer.run(ended));
    let (mut followed, bus, stop) = (positions.clone(), bus.clone(), stop.clone());
    tasks.spawn(async move {
        loop {
            let last = followed.last();
            tokio::select! {
                () = stop.cancelled() => break,
                more = followed.beyond(last) => if more { bridge::wake_events(&bus) } else { break },
            }
        }
        let _ = ending.send(true);
    });
    Ok(positions)
}

fn readiness(store: &Store, ingest: &Ingest, bus: &Bus) -> Health {
    let health = Health::default();
    let database = store.clone();
    health.register("database", move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|error| error.to_string()) }
    });
    let intake = ingest.health();
    health.register("intake", move || {
        let stall = intake.stall();
        async move {
            stall.map_or(Ok(()), |stall| {
                Err(format!("nothing is committed since {}: {}", stall.since, stall.reason))
            })
        }
    });
    let status = bus.status();
    health.register_informational("bus", move || {
        let connected = status.borrow().connected;
        async move {
            let slow = "not connected; work goes on, more slowly";
            if connected { Ok(()) } else { Err(slow.to_owned()) }
        }
    });
    health
}

fn spawn_logged(
    tasks: &TaskTracker,
    name: &'static str,
    task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    tasks.spawn(async move {
        if let Err(error) = task.await {
            tracing::error!(task = name, error = format!("{error:#}"), "background work has ended");
        }
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_told_the_public_address() {
        let bound = "0.0.0.0:8883".parse().unwrap();
        for (public, host, port) in [
            (None, "localhost", 8883),
            (Some("mw.example"), "mw.example", 8883),
            (Some("mw.example:443"), "mw.example", 443),
            (Some("2001:db8::1"), "2001:db8::1", 8883),
            (Some("[2001:db8::1]"), "2001:db8::1", 8883),
            (Some("[2001:db8::1]:443"), "2001:db8::1", 443),
        ] {
            let endpoint = mqtt_endpoint(public, bound).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port), "{public:?}");
        }
        assert!(mqtt_endpoint(Some("mw.example:mqtt"), bound).is_err());
    }
}
