//! What alarms, commands and machines leave for tickets.

mod alarm;
mod completion;
mod grouping;
mod help;
mod note;
mod opening;

use std::sync::Arc;

use async_trait::async_trait;
use millwright_schemas::Timestamp;
use millwright_store::Store;
use millwright_store::jobs::{Job, JobError, JobHandler};
use millwright_store::work::{self, AlarmChanged, HelpRequested, TicketNote, Work as _};

use completion::EvidenceDue;

/// Does the jobs of tickets. Each is one transaction that is safe to repeat.
#[derive(Clone)]
pub struct Ticketing {
    store: Store,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl std::fmt::Debug for Ticketing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticketing").finish_non_exhaustive()
    }
}

impl Ticketing {
    /// Tickets of this database, by this clock.
    pub fn new(store: Store, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { store, now: Arc::new(now) }
    }
}

#[async_trait]
impl JobHandler for Ticketing {
    fn kinds(&self) -> &'static [&'static str] {
        &[AlarmChanged::KIND, TicketNote::KIND, HelpRequested::KIND, EvidenceDue::KIND]
    }

    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let (store, now) = (&self.store, (self.now)());
        match job.kind.as_str() {
            AlarmChanged::KIND => alarm::changed(store, &work::payload(job)?, now).await?,
            TicketNote::KIND => note::add(store, job.id, work::payload(job)?).await?,
            HelpRequested::KIND => help::requested(store, job.id, work::payload(job)?, now).await?,
            EvidenceDue::KIND => completion::complete(store, &work::payload(job)?, now).await?,
            other => return Err(JobError::Never(format!("{other:?} is none of tickets' jobs"))),
        }
        Ok(())
    }
}
