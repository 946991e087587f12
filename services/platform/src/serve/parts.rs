//! The services of one process, wired together.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use millwright_alarms::backtests::Backtests;
use millwright_alarms::backtests::limits::PREVIEWS_AT_ONCE;
use millwright_api::clock::Clock;
use millwright_api::health::Health;
use millwright_api::server::{self, ServerConfig};
use millwright_api::state::AppState;
use millwright_bus::Bus;
use millwright_dispatch::{CommandMetrics, Dispatch, Parts as DispatchParts};
use millwright_gateway::directory_store::StoreDirectory;
use millwright_gateway::presence::{Notice, notices};
use millwright_gateway::tls::TlsSetting;
use millwright_gateway::{Gateway, Metrics, Parts as GatewayParts, Settings};
use millwright_identity::machines::{Enrollment, EnrollmentSettings, Trust};
use millwright_identity::people::People;
use millwright_identity::people::bootstrap::{ADMIN_EMAIL, bootstrap};
use millwright_ingest::limits::{LEARNED_BYTES_MAX, MachineLimits, REBUILDS_MAX};
use millwright_ingest::live::Live;
use millwright_ingest::metrics::IngestMetrics;
use millwright_ingest::{Ingest, IngestOptions};
use millwright_schemas::api::enrollment::MqttEndpoint;
use millwright_schemas::secret::Secret;
use millwright_store::Store;
use millwright_store::sequencer::{Positions, Sequencer};
use millwright_ticketing::Ticketing;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bus::RunningBus;
use super::database::Steps;
use super::orders::{Orders, follow_presence};
use super::presence::Presence;
use super::{bridge, database, doors, files, machine_door, tls};
use crate::config::{Config, Role};
use crate::contact;
use crate::ended;
use crate::jobs::{self, Handlers};
use crate::revisions;
use crate::upkeep;
use crate::worker::{self, AccessWake, now};

/// What runs.
pub(crate) struct Parts {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) mqtt: Option<SocketAddr>,
    store: Store,
    bus: RunningBus,
    machines: Option<Machines>,
    api: Option<Api>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the role `gateway` runs.
struct Machines {
    ingest: Ingest,
    gateway: Arc<Gateway>,
}

/// What the role `api` runs.
struct Api {
    server: actix_web::dev::ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

/// What all roles share.
struct Common<'c> {
    config: &'c Config,
    store: Store,
    trust: Trust,
    bus: Bus,
    live: Live,
    metrics: prometheus::Registry,
    commands: CommandMetrics,
    /// How machines reach MQTT.
    endpoint: MqttEndpoint,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Parts {
    /// Starts everything; when it returns, machines and people can connect.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let has = |role| config.roles.contains(&role);
        // The doors first: a taken port should be told before anything else is done, such as
        // showing a password that is shown only once.
        let http = has(Role::Api).then(|| doors::http_door(config)).transpose()?;
        let socket = has(Role::Gateway).then(|| doors::listen(config.mqtt)).transpose()?;
        let mqtt = socket.as_ref().map(TcpListener::local_addr).transpose()?;
        let endpoint =
            doors::mqtt_endpoint(config.public_mqtt.as_deref(), mqtt.unwrap_or(config.mqtt))?;

        let store = database::open(&config.database, http.as_ref()).await?;
        let steps = Steps::new(&config.database, http.as_ref());
        let presence = steps.take(async || Presence::begin(&store, config).await).await?;
        let people = Arc::new(People::set_up(&config.keys_in)?);
        if has(Role::Api) {
            first_start(&people, &store, config, &steps).await?;
        }
        let bus = RunningBus::start(config.bus.as_deref())?;
        let metrics = prometheus::Registry::new();
        let trust = async || Ok(Trust::open(store.clone(), &config.keys_in, now()).await?);
        let common = Common {
            config,
            trust: steps.take(trust).await?,
            store: store.clone(),
            bus: bus.bus.clone(),
            live: Live::new(),
            commands: CommandMetrics::register(&metrics)?,
            metrics,
            endpoint,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let gateway_name = presence.name().to_owned();
        common.tasks.spawn(presence.keep(common.stop.clone()));

        // What needs the database is done before the first machine comes.
        let sequencer = async || Ok(Sequencer::new(store.clone()).await?);
        let sequencer = steps.take(sequencer).await?;
        let (mut directory, mut machines, mut notices) = (None, None, None);
        if let Some(socket) = socket {
            let open = async || Ok(StoreDirectory::open(store.clone(), &*gateway_name).await?);
            let opened = steps.take(open).await?;
            let opened = Arc::new(opened.with_hosts(machine_door::hosts(config)));
            let (started, presence) = common.start_gateway(Arc::clone(&opened), socket)?;
            (directory, machines, notices) = (Some(opened), Some(started), Some(presence));
        }
        let wake = AccessWake::new(directory, bus.bus.clone());
        let gateway = machines.as_ref().map(|machines: &Machines| Arc::clone(&machines.gateway));
        let dispatch = common.dispatch(gateway);
        if let Some(notices) = notices {
            let stop = common.stop.clone();
            common.tasks.spawn(follow_presence(dispatch.clone(), notices, stop));
        }
        let positions = common.follow(sequencer);
        let here = machines.as_ref();
        let api = http.map(|door| common.start_api(door, people, positions, here)).transpose()?;
        if has(Role::Worker) {
            common.start_work(wake.clone(), dispatch)?;
        }
        let (tasks, stop, live) = (common.tasks, common.stop, common.live);
        spawn_logged(&tasks, "access wake-ups", worker::follow_access(wake, stop.clone()));
        spawn_logged(&tasks, "live copies", bridge::live(bus.bus.clone(), live, stop.clone()));
        let (http, api) = api.unzip();
        Ok(Self { http, mqtt, store, bus, machines, api, tasks, stop })
    }

    /// Ends when HTTP has ended by itself, which it shouldn't.
    pub(crate) async fn api_ended(&mut self) -> anyhow::Result<()> {
        let Some(api) = &mut self.api else { return std::future::pending().await };
        match (&mut api.task).await {
            Ok(Ok(())) => Err(anyhow!("the HTTP server has ended by itself")),
            Ok(Err(error)) => Err(anyhow::Error::new(error).context("the HTTP server has failed")),
            Err(error) => Err(anyhow::Error::new(error).context("the HTTP server has panicked")),
        }
    }

    /// Stops in the order of the data's way: machines are told goodbye, what they handed over is
    /// committed and acknowledged, then the rest ends.
    pub(crate) async fn stop(self, drain: Duration) {
        self.stop.cancel();
        if let Some(Machines { gateway, ingest }) = self.machines {
            gateway.stop().await;
            if !ingest.stop(drain).await {
                tracing::warn!("not all messages were committed in time; machines send them again");
            }
        }
        if let Some(api) = self.api {
            api.server.stop(true).await;
        }
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            tracing::warn!("background work didn't end in time");
        }
        self.bus.stop().await;
        self.store.close().await;
    }
}

impl Common<'_> {
    /// Machines' endpoint and intake; who of them can be reached is told by what is returned.
    fn start_gateway(
        &self,
        directory: Arc<StoreDirectory>,
        socket: TcpListener,
    ) -> anyhow::Result<(Machines, mpsc::Receiver<Notice>)> {
        let ingest = Ingest::start(
            self.store.clone(),
            IngestOptions {
                limits: MachineLimits::default(),
                learned_bytes_max: LEARNED_BYTES_MAX,
                rebuilds_max: REBUILDS_MAX,
                live: self.live.clone(),
                metrics: IngestMetrics::register(&self.metrics)?,
                now,
            },
        );
        let hosts = vec![self.endpoint.host.clone()];
        let (tls_config, renew_at) = tls::issue(&self.trust, &hosts)?;
        let setting = TlsSetting::new(tls_config);
        let (notices, presence) = notices();
        let parts = GatewayParts {
            directory,
            intake: ingest.intake(),
            down: bridge::down(&self.bus, self.stop.clone())?,
            notices: Some(notices),
            metrics: Metrics::new(&self.metrics)?,
            settings: Settings { connections_max: files::connections_max(), ..Settings::default() },
        };
        let gateway = Gateway::start(parts, socket, setting.clone());
        let trust = self.trust.clone();
        let keep = tls::keep_current(trust, hosts, setting, renew_at, self.stop.clone());
        self.tasks.spawn(keep);
        Ok((Machines { ingest, gateway }, presence))
    }

    /// Sends commands to machines.
    fn dispatch(&self, gateway: Option<Arc<Gateway>>) -> Dispatch {
        Dispatch::new(DispatchParts {
            store: self.store.clone(),
            trust: self.trust.clone(),
            delivery: Arc::new(Orders::new(gateway, self.bus.clone())),
            metrics: self.commands.clone(),
            now: Arc::new(now),
        })
    }

    fn start_api(
        &self,
        door: ServerConfig,
        people: Arc<People>,
        positions: Positions,
        machines: Option<&Machines>,
    ) -> anyhow::Result<(SocketAddr, Api)> {
        let settings = EnrollmentSettings::new(self.endpoint.clone());
        let state = AppState {
            store: self.store.clone(),
            people,
            enrollment: Enrollment::new(self.store.clone(), self.trust.clone(), settings),
            machines: machine_door::machines(machines.map(|machines| &machines.gateway)),
            live: self.live.clone(),
            positions,
            commands: self.commands.clone(),
            clock: Clock::system(),
            public_url: doors::public_url(self.config),
            metrics: self.metrics.clone(),
            health: readiness(machines.map(|machines| &machines.ingest), &self.bus),
        };
        let running = server::run(door, state).context("HTTP can't start")?;
        let server = running.server.handle();
        Ok((running.address, Api { server, task: tokio::spawn(running.server) }))
    }

    /// Jobs and what goes on by itself.
    fn start_work(&self, wake: AccessWake, dispatch: Dispatch) -> anyhow::Result<()> {
        let (store, stop, tasks) = (&self.store, &self.stop, &self.tasks);
        let dead_jobs = worker::dead_jobs(&self.metrics)?;
        tasks.spawn(millwright_dispatch::run(dispatch.clone(), stop.clone()));
        // Apart: a storm of alarms mustn't hold up what technicians do about it.
        let mut orders = Handlers::default();
        orders.add(wake);
        orders.add(dispatch);
        let mut tickets = Handlers::default();
        tickets.add(Ticketing::new(store.clone(), now));
        // Apart too: one takes minutes.
        let mut trials = Handlers::default();
        let ending = stop.clone();
        trials.add(Backtests::new(store.clone(), now, move || ending.is_cancelled()));
        // And from those: somebody waits for each.
        let mut previews = Handlers::default();
        let ending = stop.clone();
        previews.add(Backtests::previews(store.clone(), now, move || ending.is_cancelled()));
        let previews = std::iter::repeat_n(previews, PREVIEWS_AT_ONCE);
        for handlers in [orders, tickets, trials].into_iter().chain(previews) {
            tasks.spawn(jobs::run(store.clone(), handlers, dead_jobs.clone(), stop.clone()));
        }
        tasks.spawn(worker::keep_house(store.clone(), stop.clone()));
        let lost_after = self.config.contact_lost_after_s;
        tasks.spawn(contact::watch(store.clone(), lost_after, stop.clone()));
        tasks.spawn(ended::run(store.clone(), stop.clone()));
        tasks.spawn(revisions::run(store.clone(), stop.clone()));
        let succeeded = upkeep::metrics(&self.metrics)?;
        tasks.spawn(upkeep::run(store.clone(), succeeded, stop.clone()));
        Ok(())
    }

    /// Gives events their positions, and tells readers here and in other processes.
    fn follow(&self, (sequencer, positions): (Sequencer, Positions)) -> Positions {
        let (ending, ended) = tokio::sync::watch::channel(false);
        self.tasks.spawn(sequencer.run(ended));
        let (bus, store, stop) = (self.bus.clone(), self.store.clone(), self.stop.clone());
        spawn_logged(&self.tasks, "event wake-ups", worker::follow_events(bus, store, stop));
        let (mut followed, bus) = (positions.clone(), self.bus.clone());
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                let last = followed.last();
                tokio::select! {
                    () = stop.cancelled() => break,
                    more = followed.beyond(last) => {
                        if more { bridge::wake_events(&bus) } else { break }
                    }
                }
            }
            let _ = ending.send(true);
        });
        positions
    }
}

/// Creates the first administrator; a password that was made up is shown once, on standard
/// output and not in the log.
async fn first_start(
    people: &People,
    store: &Store,
    config: &Config,
    steps: &Steps<'_>,
) -> anyhow::Result<()> {
    let tries = Cell::new(0);
    let step = async || {
        tries.set(tries.get() + 1);
        let given = config.admin_password.as_ref().map(|password| Secret::new(password.0.clone()));
        Ok(bootstrap(people, store, given, now()).await?)
    };
    let made = steps.take(step).await?;
    if tries.get() > 1 && made.admin.is_none() {
        tracing::warn!(
            "the database went away meanwhile: if this was its first start, {ADMIN_EMAIL} may have been made \
             without its password having been shown; `millwright admin reset-password` gives it a new one"
        );
    }
    if let Some(password) = made.admin.and_then(|admin| admin.generated_password) {
        let mut out = std::io::stdout();
        let note = if out.is_terminal() { " (shown only now)" } else { "" };
        writeln!(out, "Sign in as {ADMIN_EMAIL} with password {}{note}", password.expose())?;
        out.flush()?;
    }
    Ok(())
}

/// What must work beside the database.
fn readiness(ingest: Option<&Ingest>, bus: &Bus) -> Health {
    let health = Health::default();
    if let Some(intake) = ingest.map(Ingest::health) {
        health.register("intake", move || {
            let stall = intake.stall();
            async move {
                stall.map_or(Ok(()), |stall| {
                    // Ingest logs what the database says; that isn't for everybody's eyes.
                    let since = stall.since;
                    Err(format!("nothing is committed since {since}; the platform's log says why"))
                })
            }
        });
    }
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
