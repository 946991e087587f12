//! All that takes part in a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use millwright_tests::{Api, device, ports};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::agents::RealAgent;
use crate::blows::Victims;
use crate::drain;
use crate::machine::{Identity, Machine, Progress};
use crate::network::Network;
use crate::outcome::Outcome;
use crate::plan::Planned;
use crate::platform::{PASSWORD, Platform};
use crate::postgres::Postgres;
use crate::reconcile::{self, Recorded};
use crate::told::Told;
use crate::{Args, orders};

/// Of so many machines one has a certificate, the others a token.
const CERTIFICATE_EVERY: u32 = 4;
/// Machines that are registered at once.
const REGISTERED_AT_ONCE: usize = 8;
/// From a start to readiness.
const READY: Duration = Duration::from_secs(60);

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Machines measure, blows come.
    Trouble,
    /// Nothing new is made; what is under way arrives.
    Draining,
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
            crate::DatabaseKind::Postgres => Some(Postgres::start().await?),
        };
        let mqtt = ports::free();
        let network = Network::start(mqtt).await?;
        let url = postgres.as_ref().map(Postgres::url);
        let mut platform = Platform::new(folder.path(), url, mqtt, network.address());
        platform.start();
        let base = platform.url();
        let mut victims = Victims {
            platform: Arc::new(Mutex::new(platform)),
            network: Arc::new(Mutex::new(network)),
            agents: Vec::new(),
            postgres: postgres.map(|postgres| Arc::new(Mutex::new(postgres))),
            told: Told::new(),
        };
        ready(&base).await?;
        let api = Api::login(&base, "admin@localhost", PASSWORD).await;
        let machines = register(&api, args.machines).await?;
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
        let left = drain::wait(self, &progress, self.args.duration_s).await?;
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

    pub(crate) async fn data_dir(&self) -> std::path::PathBuf {
        self.victims.platform.lock().await.data_dir()
    }

    pub(crate) async fn database_url(&self) -> Option<String> {
        match &self.victims.postgres {
            None => None,
            Some(postgres) => Some(postgres.lock().await.url().to_owned()),
        }
    }

    pub(crate) async fn platform_ended_by_itself(&self) -> u64 {
        self.victims.platform.lock().await.ended_by_itself
    }

    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn agents(&self) -> &[RealAgent] {
        &self.agents
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
        if let Err(error) = self.victims.platform.lock().await.stop().await {
            eprintln!("the platform didn't stop: {error:#}");
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

/// Registers the simulated machines. The first has a certificate, and with it the CA that all trust.
async fn register(api: &Api, count: u32) -> anyhow::Result<Vec<Identity>> {
    let (first, ca) = with_certificate(api, 0).await?;
    let anonymous = device::tls(&ca, None);
    let mut machines = vec![first];
    let mut registering = JoinSet::new();
    for number in 1..count {
        while registering.len() >= REGISTERED_AT_ONCE {
            machines.push(registering.join_next().await.context("one is registered")???);
        }
        let (api, anonymous) = (api.clone(), Arc::clone(&anonymous));
        registering.spawn(async move {
            if number.is_multiple_of(CERTIFICATE_EVERY) {
                return Ok(with_certificate(&api, number).await?.0);
            }
            let id = api.create_machine(&format!("machine-{number}")).await;
            let token = api.device_token(&id).await;
            let machine: Uuid = id.parse()?;
            anyhow::Ok(Identity {
                root: root(machine),
                machine,
                tls: anonymous,
                token: Some(token),
            })
        });
    }
    while let Some(machine) = registering.join_next().await {
        machines.push(machine??);
    }
    // In whatever order they were registered.
    machines.sort_by_key(|identity| identity.machine);
    Ok(machines)
}

async fn with_certificate(api: &Api, number: u32) -> anyhow::Result<(Identity, String)> {
    let id = api.create_machine(&format!("machine-{number}")).await;
    let code = api.enrollment_code(&id).await;
    let (key, csr) = device::request();
    let answer = api.post("/enroll", &json!({ "code": code, "csr": csr })).await?;
    let text = |name: &str| answer[name].as_str().with_context(|| name.to_owned());
    let (certificate, ca) = (text("certificate")?, text("ca_certificates")?);
    let key = key.serialize_pem();
    let identity = Identity {
        machine: id.parse()?,
        root: text("topic_root")?.to_owned(),
        tls: device::tls(ca, Some((certificate, &key))),
        token: None,
    };
    Ok((identity, ca.to_owned()))
}

fn root(machine: Uuid) -> String {
    let id = machine.to_string();
    format!("mw/v1/{}/{id}", &id[id.len() - 2..])
}
