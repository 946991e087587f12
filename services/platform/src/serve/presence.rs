//! This process among others on the same database: it says that it is there, and sees to what one
//! that is gone has left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use millwright_identity::machines::connections;
use millwright_store::processes::{self, GONE_AFTER_S, Process};
use millwright_store::{Engine, Store, StoreError, jobs};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::worker::now;

/// How often a process says that it is there.
const BEAT: Duration = Duration::from_secs(5);
/// For so long nobody else must have been seen before this process takes itself for the only one, in
/// seconds: as long as a job that was under way would be left to whoever did it.
const ALONE_AFTER_S: i64 = 60;
/// The name of the only process on an embedded database.
const ALONE: &str = "embedded";
/// The file in the data folder with the name of this process.
const NAME_FILE: &str = "instance";

/// This process, as others see it.
#[derive(Debug)]
pub(super) struct Presence {
    store: Store,
    process: Process,
    steady: Steady,
}

/// Since when this process could say without a break that it is there. After the database was away,
/// everybody seems to be gone: who judges at once ends connections that are alive.
#[derive(Debug, Default)]
struct Steady {
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Steady {
    /// It was said at this time. Whether others, had they been there, would have been seen by now.
    fn beat(&mut self, now: Instant) -> bool {
        let gone = Duration::from_secs(GONE_AFTER_S.unsigned_abs());
        if self.last.is_none_or(|last| now.duration_since(last) >= gone) {
            self.since = None;
        }
        self.last = Some(now);
        now.duration_since(*self.since.get_or_insert(now)) >= gone
    }

    /// It couldn't be said.
    const fn fail(&mut self) {
        self.since = None;
    }
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
        };
        // Another one may live that couldn't say so, because the database was away.
        if !processes::others(store, &process.name, ALONE_AFTER_S).await? {
            jobs::release_all(store).await?;
        }
        processes::beat(store, &process).await?;
        Ok(Self { store: store.clone(), process, steady: Steady::default() })
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
                self.steady.fail();
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "other processes can't be seen now");
            }
        }
        // Not being able to say goodbye only means that others wait a little longer.
        let _ = processes::leave(&self.store, self.name()).await;
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        processes::beat(&self.store, &self.process).await?;
        if !self.steady.beat(Instant::now()) {
            return Ok(());
        }
        for gateway in processes::lost_gateways(&self.store).await? {
            tracing::warn!(gateway, "a gateway is gone; its connections have ended");
            connections::reset(&self.store, &gateway, now()).await?;
        }
        processes::forget_old(&self.store).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_judged_only_after_time_enough_without_a_break() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut steady = Steady::default();
        assert!(!steady.beat(at(0)));
        assert!(!steady.beat(at(15)));
        assert!(steady.beat(at(20)));
        assert!(steady.beat(at(25)));
        steady.fail();
        assert!(!steady.beat(at(30)), "the others couldn't say so either");
        assert!(!steady.beat(at(45)));
        assert!(steady.beat(at(50)));
        assert!(!steady.beat(at(75)), "it stood still itself");
        assert!(!steady.beat(at(90)));
        assert!(steady.beat(at(95)));
    }
}
