//! Work in the background: jobs, and what must go on by itself.
//!
//! Every loop has a wake-up and an interval; the wake-up makes it fast, the interval makes it
//! certain. A loop that fails logs it and goes on: what it does is safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millwright_bus::Bus;
use millwright_bus::topics::{self, Wake};
use millwright_gateway::directory_store::StoreDirectory;
use millwright_schemas::Timestamp;
use millwright_store::jobs::{Job, JobError, JobHandler};
use millwright_store::machines::revocations::DISCONNECT_JOB;
use millwright_store::{Store, StoreError, backtests, jobs, machines, people};
use prometheus::{IntGauge, Registry};
use tokio_util::sync::CancellationToken;

/// How often what has expired is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(15 * 60);

/// Now, by this computer's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_chrono(chrono::Utc::now())
}

/// Tells live connections that rights have changed: this process's and, over the bus, others'.
#[derive(Clone)]
pub(crate) struct AccessWake {
    /// This process's gateway's, if it has one.
    directory: Option<Arc<StoreDirectory>>,
    bus: Bus,
}

impl AccessWake {
    pub(crate) const fn new(directory: Option<Arc<StoreDirectory>>, bus: Bus) -> Self {
        Self { directory, bus }
    }

    fn local(&self) {
        if let Some(directory) = &self.directory {
            directory.wake();
        }
    }

    fn everywhere(&self) {
        self.local();
        if let Err(error) = self.bus.publish(topics::wake(Wake::Access), Vec::new()) {
            tracing::warn!(%error, "wake-up was not published; gateways find out by themselves");
        }
    }
}

/// Passes wake-ups of other processes on.
pub(crate) async fn follow_access(wake: AccessWake, stop: CancellationToken) -> anyhow::Result<()> {
    let mut messages = wake.bus.subscribe(topics::wake(Wake::Access))?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            message = messages.recv() => match message {
                Some(_) => wake.local(),
                None => return Ok(()),
            },
        }
    }
}

/// Passes other processes' wake-ups on to this one's sequencer.
pub(crate) async fn follow_events(
    bus: Bus,
    store: Store,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut messages = bus.subscribe(topics::wake(Wake::Events))?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            message = messages.recv() => match message {
                Some(_) => store.wake_events(),
                None => return Ok(()),
            },
        }
    }
}

/// Registers the number of jobs that failed for good.
pub(crate) fn dead_jobs(metrics: &Registry) -> Result<IntGauge, prometheus::Error> {
    let help = "Jobs that failed for good, as of the last look; somebody must see to them";
    let dead = IntGauge::new("millwright_jobs_dead", help)?;
    metrics.register(Box::new(dead.clone()))?;
    Ok(dead)
}

pub(crate) async fn show_dead(store: &Store, dead: &IntGauge) -> Result<(), StoreError> {
    dead.set(i64::try_from(jobs::count_dead(store).await?).unwrap_or(i64::MAX));
    Ok(())
}

/// Cuts live connections: gateways read from the database whom it concerns.
#[async_trait]
impl JobHandler for AccessWake {
    fn kinds(&self) -> &'static [&'static str] {
        &[DISCONNECT_JOB]
    }

    async fn run(&self, _: &Job) -> Result<(), JobError> {
        self.everywhere();
        Ok(())
    }
}

/// Removes what has expired, in transactions of its own.
pub(crate) async fn keep_house(store: Store, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = forget_expired(&store, now()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping failed");
        }
    }
}

/// A transaction for each, so that machines' messages needn't wait for all of them.
async fn forget_expired(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    people::sessions::forget_expired(&tx, now).await?;
    tx.commit().await?;
    let tx = store.begin().await?;
    people::idempotency::forget_expired(&tx, now).await?;
    tx.commit().await?;
    let tx = store.begin().await?;
    machines::enrollment_codes::forget_expired(&tx, now).await?;
    tx.commit().await?;
    let tx = store.begin().await?;
    machines::sessions::forget_expired(&tx, now).await?;
    tx.commit().await?;
    loop {
        let tx = store.begin().await?;
        let forgotten = backtests::forget_expired(&tx, now).await?;
        tx.commit().await?;
        if forgotten == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_store::Location;
    use millwright_store::people::idempotency::{Claim, Key, claim, finish};
    use millwright_test_database::TestDatabase;

    use super::*;

    #[tokio::test]
    async fn housekeeping_forgets_old_keys_and_can_be_repeated() {
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let key = Key { caller: "a".to_owned(), key: "k".to_owned() };
        let start = Timestamp::from_millis(1_763_775_000_000);
        claim(&store, &key, b"h", start).await.unwrap();
        finish(&store, &key, 201, None).await.unwrap();
        let day = people::idempotency::KEPT_S;
        forget_expired(&store, start.plus_seconds(day)).await.unwrap();
        // Asked with an early time, so that the claim itself forgets nothing.
        let done = Claim::Done { status: 201, response: None };
        assert_eq!(claim(&store, &key, b"h", start).await.unwrap(), done);
        for _ in 0..2 {
            forget_expired(&store, start.plus_seconds(day + 1)).await.unwrap();
        }
        assert_eq!(claim(&store, &key, b"h", start).await.unwrap(), Claim::Granted);
    }

    #[tokio::test]
    async fn dead_jobs_are_counted() {
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let tx = store.begin().await.unwrap();
        let job = jobs::NewJob {
            organization: None,
            kind: DISCONNECT_JOB,
            ordering_key: "a".to_owned(),
            payload: serde_json::Value::Null,
            run_at: now(),
            created_at: now(),
        };
        jobs::enqueue(&tx, job).await.unwrap();
        tx.commit().await.unwrap();
        let dead = dead_jobs(&Registry::new()).unwrap();
        show_dead(&store, &dead).await.unwrap();
        assert_eq!(dead.get(), 0);
        let job = jobs::take(&store, &[DISCONNECT_JOB], now(), now()).await.unwrap().unwrap();
        jobs::fail(&store, &job, "never", jobs::AfterFailure::Bury).await.unwrap();
        show_dead(&store, &dead).await.unwrap();
        assert_eq!(dead.get(), 1);
    }
}
