//! Carries the planned blows out. Each victim has one at a time; different victims are struck at
//! once.

use std::sync::Arc;
use std::time::Duration;

use millwright_tests::Agent;
use nix::sys::signal::Signal;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::bus::Bus;
use crate::network::{Doors, Network};
use crate::plan::{Blow, Outage, Planned};
use crate::platform::Platform;
use crate::postgres::Postgres;
use crate::processes::Stopped;
use crate::told::Told;

/// How often it is looked whether something has ended by itself.
const LOOK: Duration = Duration::from_millis(300);

/// What blows are aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Victims {
    pub(crate) platform: Arc<Mutex<Platform>>,
    /// The second process that machines can connect to.
    pub(crate) gateway: Option<Arc<Mutex<Platform>>>,
    pub(crate) bus: Arc<Mutex<Bus>>,
    pub(crate) network: Arc<Mutex<Network>>,
    pub(crate) doors: Doors,
    pub(crate) agents: Vec<Arc<Mutex<Agent>>>,
    pub(crate) postgres: Option<Arc<Mutex<Postgres>>>,
    pub(crate) told: Told,
}

impl Victims {
    /// Carries the whole plan out; returns when the last blow is over.
    pub(crate) async fn strike_all(&self, plan: &[Planned]) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut under_way = JoinSet::new();
        for Planned { at, blow } in plan {
            sleep_until(started + *at).await;
            let (victims, blow) = (self.clone(), blow.clone());
            under_way.spawn(async move { victims.strike(blow).await });
        }
        while let Some(ended) = under_way.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn strike(&self, blow: Blow) -> anyhow::Result<()> {
        match blow {
            Blow::KillPlatform { down } => self.kill_process(&self.platform, down).await,
            Blow::PausePlatform { pause } => self.pause_process(&self.platform, 0, pause).await,
            Blow::KillGateway { down } => {
                if let Some(gateway) = &self.gateway {
                    self.kill_process(gateway, down).await;
                }
            }
            Blow::PauseGateway { pause } => {
                if let Some(gateway) = &self.gateway {
                    self.pause_process(gateway, 1, pause).await;
                }
            }
            Blow::KillAgent { agent, down } => {
                let mut victim = self.agents[agent].lock().await;
                self.tell(&format!("agent {agent} killed, for {down:?}"));
                victim.kill();
                sleep(down).await;
                victim.run();
            }
            Blow::PauseAgent { agent, pause } => {
                let victim = self.agents[agent].lock().await;
                self.tell(&format!("agent {agent} paused, for {pause:?}"));
                let stopped = Stopped::stop(victim.process_id())?;
                sleep(pause).await;
                drop(stopped);
            }
            Blow::KillBus { .. }
            | Blow::PauseBus { .. }
            | Blow::Long { outage: Outage::BusKilled | Outage::BusPaused, .. } => {
                self.strike_bus(&blow).await?;
            }
            Blow::KillPostgres { down: lasts }
            | Blow::Long { outage: Outage::PostgresKilled, lasts } => {
                self.kill_postgres(lasts).await?;
            }
            Blow::PausePostgres { pause: lasts }
            | Blow::Long { outage: Outage::PostgresPaused, lasts } => {
                self.pause_postgres(lasts).await?;
            }
            Blow::Cut { .. } | Blow::Tear { .. } | Blow::Stall { .. } | Blow::NoNetwork { .. } => {
                self.strike_network(&blow).await;
            }
        }
        Ok(())
    }

    async fn kill_process(&self, victim: &Mutex<Platform>, down: Duration) {
        let mut victim = victim.lock().await;
        self.tell(&format!("{} killed, for {down:?}", victim.name()));
        victim.kill();
        sleep(down).await;
        victim.start();
    }

    /// Its machines go to the other process, if there is one that answers, while it stands still with what
    /// they had sent.
    async fn pause_process(&self, victim: &Mutex<Platform>, door: usize, pause: Duration) {
        let mut victim = victim.lock().await;
        self.tell(&format!("{} paused, for {pause:?}", victim.name()));
        victim.signal(Signal::SIGSTOP);
        self.doors.stands_still(door, true);
        sleep(pause).await;
        victim.signal(Signal::SIGCONT);
        self.doors.stands_still(door, false);
    }

    async fn strike_bus(&self, blow: &Blow) -> anyhow::Result<()> {
        let mut victim = self.bus.lock().await;
        let there = match *blow {
            Blow::KillBus { down } => {
                self.tell("bus killed");
                victim.kill(down).await?
            }
            Blow::PauseBus { pause } | Blow::Long { outage: Outage::BusPaused, lasts: pause } => {
                self.tell(&format!("bus paused, for {pause:?}"));
                victim.pause(pause).await?
            }
            Blow::Long { lasts, .. } => {
                self.tell(&format!("bus killed, for {lasts:?}"));
                victim.keep_away(lasts).await?;
                true
            }
            _ => true,
        };
        if !there {
            self.tell("bus: it wasn't there");
        }
        Ok(())
    }

    async fn kill_postgres(&self, down: Duration) -> anyhow::Result<()> {
        let Some(postgres) = &self.postgres else { return Ok(()) };
        let victim = postgres.lock().await;
        self.tell(&format!("PostgreSQL killed, for {down:?}"));
        victim.crash().await?;
        sleep(down).await;
        victim.again().await?;
        self.tell("PostgreSQL is back");
        Ok(())
    }

    async fn pause_postgres(&self, pause: Duration) -> anyhow::Result<()> {
        let Some(postgres) = &self.postgres else { return Ok(()) };
        let victim = postgres.lock().await;
        self.tell(&format!("PostgreSQL paused, for {pause:?}"));
        victim.signal(Signal::SIGSTOP)?;
        sleep(pause).await;
        victim.signal(Signal::SIGCONT)
    }

    async fn strike_network(&self, blow: &Blow) {
        let network = self.network.lock().await;
        match *blow {
            Blow::Cut { share } => {
                self.tell(&format!("{:.0} % of connections cut", share * 100.0));
                network.cut(share);
            }
            Blow::Tear { share } => {
                self.tell(&format!("{:.0} % of connections torn", share * 100.0));
                network.tear(share);
            }
            Blow::Stall { share, pause } => {
                let percent = share * 100.0;
                self.tell(&format!("{percent:.0} % of connections stalled, for {pause:?}"));
                network.stall(share);
                sleep(pause).await;
                network.stall(0.0);
            }
            Blow::NoNetwork { pause } => {
                self.tell(&format!("no network, for {pause:?}"));
                network.down(true);
                sleep(pause).await;
                network.down(false);
            }
            _ => {}
        }
    }

    /// Starts again what has ended by itself, as a service manager would.
    pub(crate) async fn look_after(self, mut end: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = end.wait_for(|end| *end) => return,
            }
            for process in [Some(&self.platform), self.gateway.as_ref()].into_iter().flatten() {
                if let Ok(mut process) = process.try_lock()
                    && let Some(how) = process.look_after()
                {
                    let name = process.name();
                    self.tell(&format!("{name} ended by itself, {how}; started again"));
                }
            }
            if let Ok(mut bus) = self.bus.try_lock()
                && let Some(status) = bus.look_after()
            {
                self.tell(&format!("bus ended by itself, {status}; started again"));
            }
            for (number, agent) in self.agents.iter().enumerate() {
                if let Ok(mut agent) = agent.try_lock()
                    && let Some(status) = agent.ended()
                {
                    self.tell(&format!("agent {number} ended by itself, {status}; started again"));
                    agent.run();
                }
            }
        }
    }

    fn tell(&self, line: &str) {
        self.told.tell(line);
    }
}
