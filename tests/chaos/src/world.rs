//! All that takes part in a run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millwright_test_database::Peer;
use millwright_tests::{Api, Broker, Database, ports};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::agents::RealAgent;
use crate::blows::Victims;
use crate::bus::Bus;
use crate::machine::{Identity, Machine, Progress};
use crate::network::Network;
use crate::outcome::Outcome;
use crate::plan::Planned;
use crate::platform::{PASSWORD, Platform};
use crate::postgres::Postgres;
use crate::reconcile::{self, Recorded};
use crate::told::Told;
use crate::{Args, drain, orders, presence, register};

/// What somebody who gives commands and looks at machines may do.
const SCOPES: [&str; 3] = ["machines.read", "commands.read", "commands.issue.configure"];
/// From a start to readiness.
const READY: Duration = Duration::from_secs(60);

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Machines measure, blows come.
    Trouble,
    /// Nothing new is made; what is under way arrives.
    Draining,
    /// Some machines leave, so that who is there can be told from who isn't.
    Parting,
    /// Nobody waits any longer.
    Over,
}

#[derive(Debug)]
pub(crate) struct World {
    // Dropped in this order: the processes before their folders.
    victims: Victims,
    agents: Vec<RealAgent>,
    machines: Vec<Identity>,
    api: Api,
    /// Removed with the run.
    _folder: TempDir,
    args: Args,
    seed: u64,
}

impl World {
    /// Starts everything, untroubled.
    pub(crate) async fn set_up(args: &Args, seed: u64) -> anyhow::Result<Self> {
        let mut folder = tempfile::Builder::new().prefix("millwright-chaos-").tempdir()?;
        folder.disable_cleanup(args.keep);
        if args.keep {
            println!("data and logs: {}", folder.path().display());
        }
        let postgres = match args.database {
            crate::DatabaseKind::Sqlite => None,
            crate::DatabaseKind::Postgres => Some(Postgres::start(false).await?),
            crate::DatabaseKind::Timescale => Some(Postgres::start(true).await?),
        };
        let doors: Vec<SocketAddr> = (0..args.gateways()).map(|_| ports::free()).collect();
        let network = Network::start(&doors).await?;
        let broker = if doors.len() > 1 { Some(Box::new(Broker::start().await)) } else { None };
        let bus = broker.as_ref().map(|broker| broker.url());
        let url = postgres.as_ref().map(Postgres::url);
        let (folder_path, public) = (folder.path(), network.address());
        let mut platform = Platform::new(folder_path, url, doors[0], public, bus.as_deref());
        let gateway = doors.get(1).map(|mqtt| platform.second(*mqtt));
        platform.start();
        let base = platform.url();
        let platform = Arc::new(Mutex::new(platform));
        let bus = broker.map_or_else(|| Bus::Child(Arc::clone(&platform)), Bus::Shared);
        let mut victims = Victims {
            platform,
            gateway: gateway.map(|gateway| Arc::new(Mutex::new(gateway))),
            bus: Arc::new(Mutex::new(bus)),
            doors: network.doors(),
            network: Arc::new(Mutex::new(network)),
            agents: Vec::new(),
            postgres: postgres.map(|postgres| Arc::new(Mutex::new(postgres))),
            told: Told::new(),
        };
        ready(&base).await?;
        if let (Some(gateway), Some(mqtt)) = (&victims.gateway, doors.get(1)) {
            gateway.lock().await.start();
            listens(*mqtt).await?;
        }
        let api = Api::login(&base, "admin@localhost", PASSWORD).await;
        never_packs(&api).await?;
        let machines = register::machines(&api, args.machines).await?;
        let trouble = Duration::from_secs(args.duration_s);
        let mut agents = Vec::new();
        for number in 0..args.agents as usize {
            agents.push(RealAgent::enroll(folder.path(), &api, &base, number, trouble).await?);
        }
        for agent in &agents {
            victims.agents.push(Arc::clone(&agent.process));
            agent.process.lock().await.run();
        }
        for agent in &agents {
            knows_catalogue(&api, &agent.machine).await?;
        }
        let api = api.lasting(&SCOPES).await?;
        Ok(Self { victims, agents, machines, api, _folder: folder, args: args.clone(), seed })
    }

    /// Trouble, then quiet, then the count.
    pub(crate) async fn run(&mut self, plan: &[Planned]) -> anyhow::Result<Outcome> {
        let (phase, watched) = watch::channel(Phase::Trouble);
        let progress = Arc::new(Progress::default());
        self.victims.told = Told::new();
        let network = self.victims.network.lock().await.address();
        let mut machines = JoinSet::new();
        for (number, identity) in self.machines.iter().enumerate() {
            let dice = (self.seed, number as u64);
            let (watched, progress) = (watched.clone(), Arc::clone(&progress));
            let machine =
                Machine::new(identity.clone(), network, dice, self.args.rate, watched, progress);
            machines.spawn(machine.live());
        }
        let (mut reports, mut given) = (Vec::new(), Vec::new());
        for (agent, number) in self.agents.iter().zip(1_000_000..) {
            let seed = self.seed ^ number;
            reports.push(agent.report(seed, watched.clone()));
            let (api, machine) = (self.api.clone(), agent.machine.clone());
            let progress = Arc::clone(&progress);
            let giving = orders::give(api, machine, seed, watched.clone(), progress);
            given.push(tokio::spawn(giving));
        }
        let (end, ends) = watch::channel(false);
        let keeper = tokio::spawn(self.victims.clone().look_after(ends));
        self.victims.strike_all(plan).await?;
        phase.send_replace(Phase::Draining);
        self.victims.told.tell("quiet: what is under way arrives");

        let mut recorded = Recorded::default();
        for report in reports {
            recorded.reported.push(report.await?);
        }
        let mut left = drain::wait(self, &progress, self.args.duration_s).await?;
        // Otherwise it isn't quiet.
        if left.is_empty() {
            recorded.presence = presence::reconcile(self, &phase).await?;
            left = drain::wait_for_work(self).await?;
        }
        phase.send_replace(Phase::Over);
        for orders in given {
            recorded.orders.push(orders.await?);
        }
        while let Some(machine) = machines.join_next().await {
            recorded.machines.push(machine?);
        }
        let _ = end.send(true);
        keeper.await?;
        let mut outcome = reconcile::count(self, &recorded, plan).await?;
        outcome.undrained = left;
        Ok(outcome)
    }

    /// The platform's database, to read.
    pub(crate) async fn database(&self) -> Database {
        Database::open(&self.data_dir().await, self.database_url().await.as_deref()).await
    }

    /// The same, for any statement.
    pub(crate) async fn peer(&self) -> Peer {
        match self.database_url().await {
            None => Peer::sqlite(&self.data_dir().await).await,
            Some(url) => Peer::postgres(&url).await,
        }
    }

    async fn data_dir(&self) -> PathBuf {
        self.victims.platform.lock().await.data_dir()
    }

    async fn database_url(&self) -> Option<String> {
        match &self.victims.postgres {
            None => None,
            Some(postgres) => Some(postgres.lock().await.url().to_owned()),
        }
    }

    pub(crate) async fn platform_ended_by_itself(&self) -> u64 {
        let mut times = self.victims.platform.lock().await.ended_by_itself;
        if let Some(gateway) = &self.victims.gateway {
            times += gateway.lock().await.ended_by_itself;
        }
        times
    }

    /// Connections that were led to the second process, and that left one that stood still.
    pub(crate) async fn led_and_moved(&self) -> (u64, u64) {
        let network = self.victims.network.lock().await;
        (network.led_to_the_second(), network.moved())
    }

    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn agents(&self) -> &[RealAgent] {
        &self.agents
    }

    pub(crate) fn machines(&self) -> &[Identity] {
        &self.machines
    }

    pub(crate) const fn told(&self) -> &Told {
        &self.victims.told
    }

    pub(crate) const fn args(&self) -> &Args {
        &self.args
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Ends the processes in order.
    pub(crate) async fn tear_down(self) {
        for agent in &self.victims.agents {
            agent.lock().await.kill();
        }
        let Victims { platform, gateway, .. } = &self.victims;
        for process in gateway.iter().chain([platform]) {
            let mut process = process.lock().await;
            if let Err(error) = process.stop().await {
                eprintln!("{} didn't stop: {error:#}", process.name());
            }
        }
    }
}

async fn ready(base: &str) -> anyhow::Result<()> {
    within("the platform is ready", async || {
        let response = reqwest::get(format!("{base}/readyz")).await?;
        ensure!(response.status().is_success(), "{}", response.text().await?);
        Ok(())
    })
    .await
}

/// Agents' recordings are old: their values would be packed as soon as it is quiet, and the rows that are
/// counted would be gone.
async fn never_packs(api: &Api) -> anyhow::Result<()> {
    let organizations = api.items("/organizations").await?;
    let root = organizations.first().and_then(|root| root["id"].as_str()).context("the root")?;
    let policy = json!({ "retention": { "compress_after_days": 0 } });
    api.put(&format!("/organizations/{root}/policy"), &policy, "\"0\"").await?;
    Ok(())
}

async fn listens(address: SocketAddr) -> anyhow::Result<()> {
    within("the second gateway listens", async || {
        tokio::net::TcpStream::connect(address).await?;
        Ok(())
    })
    .await
}

async fn knows_catalogue(api: &Api, machine: &str) -> anyhow::Result<()> {
    within("the agent's catalogue is known", async || {
        let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await?;
        ensure!(catalogue["known"] == true, "{catalogue}");
        Ok(())
    })
    .await
}

async fn within(
    what: &str,
    mut probe: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let Err(error) = probe().await else { return Ok(()) };
        if started.elapsed() > READY {
            return Err(error).with_context(|| format!("waited {READY:?} for: {what}"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
