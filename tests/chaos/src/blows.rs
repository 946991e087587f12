//! Carries the planned blows out. Each victim has one at a time; different victims are struck at
//! once.

use std::sync::Arc;
use std::time::Duration;

use millwright_tests::Agent;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::network::Network;
use crate::plan::{Blow, Planned};
use crate::platform::Platform;
use crate::postgres::Postgres;
use crate::told::Told;

/// How often it is looked whether something has ended by itself.
const LOOK: Duration = Duration::from_millis(300);

/// What blows are aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Victims {
    pub(crate) platform: Arc<Mutex<Platform>>,
    pub(crate) network: Arc<Mutex<Network>>,
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
            Blow::KillPlatform { .. } | Blow::PausePlatform { .. } | Blow::KillBus => {
                self.strike_platform(&blow).await
            }
            Blow::KillAgent { agent, down } => {
                let mut victim = self.agents[agent].lock().await;
                self.tell(&format!("agent {agent} killed, for {down:?}"));
                victim.kill();
                sleep(down).await;
                victim.run();
                Ok(())
            }
            Blow::PauseAgent { agent, pause } => {
                let victim = self.agents[agent].lock().await;
                self.tell(&format!("agent {agent} paused, for {pause:?}"));
                let process = Pid::from_raw(i32::try_from(victim.process_id())?);
                nix::sys::signal::kill(process, Signal::SIGSTOP)?;
                sleep(pause).await;
                nix::sys::signal::kill(process, Signal::SIGCONT)?;
                Ok(())
            }
            Blow::KillPostgres { down } => {
                let Some(postgres) = &self.postgres else { return Ok(()) };
                let victim = postgres.lock().await;
                self.tell(&format!("PostgreSQL killed, for {down:?}"));
                victim.crash().await?;
                sleep(down).await;
                victim.again().await?;
                self.tell("PostgreSQL is back");
                Ok(())
            }
            Blow::PausePostgres { pause } => {
                let Some(postgres) = &self.postgres else { return Ok(()) };
                let victim = postgres.lock().await;
                self.tell(&format!("PostgreSQL paused, for {pause:?}"));
                victim.signal(Signal::SIGSTOP)?;
                sleep(pause).await;
                victim.signal(Signal::SIGCONT)
            }
            _ => {
                self.strike_network(&blow).await;
                Ok(())
            }
        }
    }

    async fn strike_platform(&self, blow: &Blow) -> anyhow::Result<()> {
        let mut victim = self.platform.lock().await;
        match *blow {
            Blow::KillPlatform { down } => {
                self.tell(&format!("platform killed, for {down:?}"));
                victim.kill();
                sleep(down).await;
                victim.start();
            }
            Blow::PausePlatform { pause } => {
                self.tell(&format!("platform paused, for {pause:?}"));
                victim.signal(Signal::SIGSTOP);
                sleep(pause).await;
                victim.signal(Signal::SIGCONT);
            }
            _ => {
                let there = victim.kill_bus()?;
                self.tell(if there { "bus killed" } else { "bus: already gone" });
            }
        }
        Ok(())
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
            if let Ok(mut platform) = self.platform.try_lock()
                && let Some(how) = platform.look_after()
            {
                self.tell(&format!("platform ended by itself, {how}; started again"));
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
