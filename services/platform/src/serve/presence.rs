//! This process among others on the same database: it says that it is there, and sees to what one
//! that is gone has left behind.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use millwright_identity::machines::connections;
use millwright_store::processes::{self, Process};
use millwright_store::{Engine, Store, StoreError, jobs};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::worker::now;

/// How often a process says that it is there.
const BEAT: Duration = Duration::from_secs(5);
/// The name of the only process on an embedded database.
const ALONE: &str = "embedded";
/// The file in the data folder with the name of this process.
const NAME_FILE: &str = "instance";

/// This process, as others see it.
#[derive(Debug)]
pub(super) struct Presence {
    store: Store,
    process: Process,
}

impl Presence {
    /// Says that this process is there. If it is the only one, what was being done is nobody's any
    /// more and can be done again at once.
    pub(super) async fn begin(store: &Store, config: &Config) -> anyhow::Result<Self> {
        let roles: Vec<&str> = config.roles.iter().map(|role| role.as_str()).collect();
        let name = match store.engine() {
            Engine::Sqlite => ALONE.to_owned(),
            Engine::Postgres => name(&config.data_dir)?,
        };
        let process = Process {
            name,
            roles: roles.join(","),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now(),
            seen_at: now(),
        };
        let others = processes::present(store, now()).await?;
        if others.iter().all(|other| other.name == process.name) {
            jobs::release_all(store).await?;
        }
        processes::beat(store, &process).await?;
        Ok(Self { store: store.clone(), process })
    }

    pub(super) fn name(&self) -> &str {
        &self.process.name
    }

    /// Goes on until stopped.
    pub(super) async fn keep(mut self, stop: CancellationToken) {
        if self.store.engine() == Engine::Sqlite {
            return;
        }
        let mut ticks = tokio::time::interval(BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.look().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "other processes can't be seen now");
            }
        }
        // Not being able to say goodbye only means that others wait a little longer.
        let _ = processes::leave(&self.store, self.name()).await;
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        self.process.seen_at = now();
        processes::beat(&self.store, &self.process).await?;
        for gateway in processes::lost_gateways(&self.store, now()).await? {
            tracing::warn!(gateway, "a gateway is gone; its connections have ended");
            connections::reset(&self.store, &gateway, now()).await?;
        }
        processes::forget_old(&self.store, now()).await
    }
}

/// The name of the process that uses this data folder, made up at its first start.
fn name(data_dir: &Path) -> anyhow::Result<String> {
    let file = data_dir.join(NAME_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let name = text.trim();
            Uuid::parse_str(name).with_context(|| format!("{} isn't a name", file.display()))?;
            Ok(name.to_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = Uuid::new_v4().to_string();
            std::fs::write(&file, &name).with_context(|| file.display().to_string())?;
            Ok(name)
        }
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}
