//! Dispatch's jobs.

use async_trait::async_trait;
use millwright_store::jobs::{Job, JobError, JobHandler};
use millwright_store::work::{
    CancelDue, CapabilitiesReported, CommandReported, CommandWanted, CommandsDue, RulesReported,
    TimeAsked, Work, payload,
};

use crate::Dispatch;
use crate::wanted::issue_wanted;

#[async_trait]
impl JobHandler for Dispatch {
    fn kinds(&self) -> &'static [&'static str] {
        &[
            CommandsDue::KIND,
            CommandReported::KIND,
            CapabilitiesReported::KIND,
            TimeAsked::KIND,
            RulesReported::KIND,
            CancelDue::KIND,
            CommandWanted::KIND,
        ]
    }

    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let now = self.now();
        match job.kind.as_str() {
            CommandsDue::KIND => {
                self.send_due(payload::<CommandsDue>(job)?.machine, now).await?;
            }
            CommandReported::KIND => self.take_report(&payload(job)?, now).await?,
            CapabilitiesReported::KIND => self.take_capabilities(payload(job)?, now).await?,
            TimeAsked::KIND => self.tell_time(payload(job)?, now)?,
            RulesReported::KIND => self.take_applied(payload(job)?).await?,
            CancelDue::KIND => {
                self.send_cancel(payload::<CancelDue>(job)?.command, now).await?;
            }
            CommandWanted::KIND => {
                let wanted: CommandWanted = payload(job)?;
                issue_wanted(self.store(), wanted, now).await?;
            }
            other => return Err(JobError::Never(format!("dispatch does no {other}"))),
        }
        Ok(())
    }
}
