//! Doing jobs: takes what is due, hands it to whoever does its kind, and sees to what fails.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use millwright_store::jobs::{self, AfterFailure, Job, JobError, JobHandler};
use millwright_store::{Store, StoreError};
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::worker::{now, show_dead};

/// How long a job may run before another worker may take it, in seconds.
const LEASE_S: i64 = 60;
/// How often jobs are looked for without a wake-up.
const JOB_POLL: Duration = Duration::from_secs(1);
/// Pause after the database could not be used.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);
/// First and longest pause before a failed job is tried again, in seconds; it doubles.
const RETRY_S: (i64, i64) = (1, 300);
/// Attempts after which a job is dead: about an hour.
const ATTEMPTS_MAX: i64 = 20;

/// Who does which kind of job.
#[derive(Clone, Default)]
pub(crate) struct Handlers(HashMap<&'static str, Arc<dyn JobHandler>>);

impl Handlers {
    /// Adds one for all of its kinds.
    pub(crate) fn add(&mut self, handler: impl JobHandler + 'static) {
        let handler: Arc<dyn JobHandler> = Arc::new(handler);
        for kind in handler.kinds() {
            self.0.insert(kind, Arc::clone(&handler));
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }
}

/// Does jobs until stopped.
pub(crate) async fn run(store: Store, handlers: Handlers, dead: IntGauge, stop: CancellationToken) {
    let kinds = handlers.kinds();
    let mut wakes = store.jobs_enqueued(&kinds);
    loop {
        wakes.mark_unchanged();
        let pause = match next(&store, &handlers, &kinds).await {
            Ok(true) => continue,
            Ok(false) => match idle(&store, &kinds, &dead).await {
                Ok(pause) => pause,
                Err(error) => failed(&error),
            },
            Err(error) => failed(&error),
        };
        if wait(&mut wakes, pause, &stop).await {
            return;
        }
    }
}

fn failed(error: &StoreError) -> Duration {
    tracing::warn!(error = error as &dyn std::error::Error, "jobs can't be done now");
    FAILURE_PAUSE
}

/// Whether it is to stop.
async fn wait(wakes: &mut watch::Receiver<u64>, pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => true,
        _ = wakes.changed() => false,
        () = tokio::time::sleep(pause) => false,
    }
}

/// How long nothing is due, at most [`JOB_POLL`]: another process may leave jobs.
async fn idle(store: &Store, kinds: &[&str], dead: &IntGauge) -> Result<Duration, StoreError> {
    show_dead(store, dead).await?;
    let due = jobs::next_due(store, kinds).await?;
    let left = due.map_or(i64::MAX, |due| due.micros_since(now()));
    Ok(match u64::try_from(left) {
        Ok(left) => Duration::from_micros(left).min(JOB_POLL),
        // Due, but behind another one of its key.
        Err(_) => JOB_POLL,
    })
}

/// Does the next due job; `false`: there is none.
async fn next(store: &Store, handlers: &Handlers, kinds: &[&str]) -> Result<bool, StoreError> {
    let start = now();
    let Some(job) = jobs::take(store, kinds, start, start.plus_seconds(LEASE_S)).await? else {
        return Ok(false);
    };
    let Some(handler) = handlers.0.get(job.kind.as_str()) else { return Ok(false) };
    let done = AssertUnwindSafe(handler.run(&job)).catch_unwind().await;
    let settled = match done.unwrap_or_else(|_| Err(JobError::Later("it panicked".to_owned()))) {
        Ok(()) => jobs::complete(store, &job).await?,
        Err(error) => {
            let then = after(&job, &error);
            let text = chain(&error);
            tracing::warn!(job.kind, job.id = %job.id, job.attempts, error = text, "job failed");
            jobs::fail(store, &job, &text, then).await?
        }
    };
    if !settled {
        tracing::warn!(job.id = %job.id, "a job took longer than its lease; another did it again");
    }
    Ok(true)
}

fn after(job: &Job, error: &JobError) -> AfterFailure {
    let hopeless = match error {
        JobError::Never(_) => true,
        JobError::Store(error) => !error.is_transient() && job.attempts >= ATTEMPTS_MAX,
        JobError::Later(_) => job.attempts >= ATTEMPTS_MAX,
    };
    if hopeless {
        return AfterFailure::Bury;
    }
    let doublings = u32::try_from(job.attempts - 1).unwrap_or(0).min(16);
    let pause = (RETRY_S.0 << doublings).min(RETRY_S.1);
    AfterFailure::RetryAt(now().plus_seconds(pause))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
