//! Starting and stopping ingest.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use millwright_schemas::Timestamp;
use millwright_store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::collect::Collector;
use crate::commit::Committer;
use crate::health::Health;
use crate::intake::{Intake, intake};
use crate::learned::{self, Bounds, Rebuilds};
use crate::limits::MachineLimits;
use crate::live::Live;
use crate::metrics::IngestMetrics;
use crate::write::Writer;

/// What ingest works with.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// What one machine may take up.
    pub limits: MachineLimits,
    /// Bytes of what rules may learn of all machines together.
    pub learned_bytes_max: usize,
    /// Rules that may wait until what they would have learned of a machine is rebuilt.
    pub rebuilds_max: usize,
    /// Where copies for watchers go.
    pub live: Live,
    /// Where it counts.
    pub metrics: IngestMetrics,
    /// The platform's clock.
    pub now: fn() -> Timestamp,
}

/// Ingest, running.
#[derive(Debug)]
pub struct Ingest {
    intake: Intake,
    health: Health,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Ingest {
    /// Starts it. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(store: Store, options: IngestOptions) -> Self {
        let (intake, messages) = intake();
        let (batches, closed) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let health = Health::default();
        let collector = Collector::new(messages, batches, stop.clone());
        let IngestOptions { limits, learned_bytes_max, rebuilds_max, live, metrics, now } = options;
        let rebuilds = Rebuilds::new(Bounds { waiting: rebuilds_max, ..Bounds::default() });
        let rebuild = learned::rebuild(store.clone(), rebuilds.clone(), metrics.clone());
        // What isn't done when it stops is begun again, or goes on.
        let stopped = stop.clone().cancelled_owned();
        let rebuild = async move {
            tokio::select! {
                () = stopped => {}
                () = rebuild => {}
            }
        };
        let limits = (limits, learned_bytes_max);
        let writer = Writer::new(store, live.clone(), limits, rebuilds);
        let committer = Committer { writer, live, health: health.clone(), metrics, now };
        let tasks = vec![
            supervise("collector", collector.run()),
            supervise("committer", committer.run(closed)),
            supervise("rebuilder", rebuild),
        ];
        Self { intake, health, stop, tasks }
    }

    /// Where connections hand in messages.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Whether it can store what arrives.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Accepts nothing more; commits and acknowledges what it has accepted. What isn't done
    /// `within` this time is left to the machines, which send it again. Whether all was done.
    pub async fn stop(self, within: Duration) -> bool {
        self.stop.cancel();
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in self.tasks {
                // A panic has ended the process already.
                let _ = task.await;
            }
        };
        let done = tokio::time::timeout(within, all).await.is_ok();
        aborts.iter().for_each(tokio::task::AbortHandle::abort);
        done
    }
}

/// Runs a task without which the platform would hang: when it panics, the process ends visibly,
/// and whatever restarts it starts from what is committed.
fn supervise(
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            tracing::error!(task = name, "ingest has panicked; the process ends");
            std::process::abort();
        }
    })
}
