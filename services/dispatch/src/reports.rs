//! What machines report about commands.

use millwright_core::access::Actor;
use millwright_core::command::{Effect, Event, Report};
use millwright_schemas::Timestamp;
use millwright_store::work::CommandReported;
use millwright_store::{Scope, StoreError, commands};

use crate::change::{Move, apply};
use crate::{Dispatch, WorkError};

impl Dispatch {
    /// Takes a report. Who reports about another's command, or about none, isn't heard.
    pub(crate) async fn take_report(
        &self,
        reported: &CommandReported,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let CommandReported { machine, event_type, ts, report, .. } = reported;
        let Some(said) = Report::read(event_type, report) else { return Ok(()) };
        let tx = self.store().begin().await?;
        let mut stored = match commands::load(&tx, Scope::Platform, report.command_id).await {
            Ok(stored) if stored.command.machine_id == *machine => stored,
            Ok(_) | Err(StoreError::NotFound(_)) => {
                tracing::warn!(
                    machine.id = %machine,
                    command.id = %report.command_id,
                    "a machine reported about a command that isn't its own"
                );
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let event = Event::Reported(said);
        let by = Actor::Machine(*machine);
        let happening = Move { event, by, report: Some((report, *ts)), now };
        let moved = apply(&tx, &mut stored, &happening).await?;
        if moved.effects.is_empty() {
            return Ok(());
        }
        tx.commit().await?;
        self.settle(&stored, &moved, now);
        if moved.asks_for(Effect::SendNext) {
            self.send_due(*machine, now).await?;
        }
        Ok(())
    }
}
