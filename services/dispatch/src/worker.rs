//! What goes on by itself: expiries, what has to be sent again, and rules that have changed.

use millwright_schemas::{MachineId, Timestamp};
use millwright_store::commands;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::limits::{EXPIRED_BATCH, TICK, WORK_BATCH};
use crate::{Dispatch, RuleRounds, WorkError};

/// Looks for what is due until stopped.
pub async fn run(dispatch: Dispatch, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut rounds) = (None, RuleRounds::default());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = dispatch.now();
        match dispatch.look_around(last, now).await {
            Ok(next) => last = next,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "commands can't be looked after now");
            }
        }
        if let Err(error) = dispatch.look_after_rules(&mut rounds, now).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "machines' rules can't be looked after now");
        }
    }
}

impl Dispatch {
    /// Does what is due: for machines whose commands expire, and for those after `last` that
    /// something waits for. Returns where to go on.
    ///
    /// # Errors
    /// When the database can't be used or nothing can be signed.
    pub async fn look_around(
        &self,
        last: Option<MachineId>,
        now: Timestamp,
    ) -> Result<Option<MachineId>, WorkError> {
        for machine in commands::with_expired(self.store(), now, EXPIRED_BATCH).await? {
            self.look_at(machine, now).await?;
        }
        for machine in commands::with_out_of_use(self.store(), EXPIRED_BATCH).await? {
            self.end_all(machine, now).await?;
        }
        let waiting = commands::with_work(self.store(), last, WORK_BATCH).await?;
        for machine in &waiting {
            self.look_at(*machine, now).await?;
        }
        let full = u64::try_from(waiting.len()).is_ok_and(|len| len >= WORK_BATCH);
        Ok(waiting.last().copied().filter(|_| full))
    }

    /// What is wrong with one machine's commands must not hold up the others'.
    async fn look_at(&self, machine: MachineId, now: Timestamp) -> Result<(), WorkError> {
        match self.send_due(machine, now).await {
            Err(WorkError::Store(error)) if !error.is_transient() => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(machine.id = %machine, error, "commands of a machine are stuck");
                Ok(())
            }
            done => done,
        }
    }
}
