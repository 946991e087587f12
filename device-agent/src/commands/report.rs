//! Telling the platform what happens to a command: the ledger and the event in one transaction,
//! again and again until the disk takes it.

use millwright_schemas::CommandId;
use millwright_schemas::wire::command::CommandReport;
use millwright_schemas::wire::events::EventType;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::output::Piece;
use crate::clock;
use crate::limits::{COMMAND_ERROR_CHARS, REPORT_RETRY};
use crate::orders::{Happening, Step};
use crate::outbox::{OutboxError, OutboxHandle};
use crate::status::{LastCommand, StatusBoard};

/// Pieces of output that wait for the disk.
const PIECES: usize = 4;

/// Tells what happens.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) outbox: OutboxHandle,
    pub(super) board: StatusBoard,
    /// The agent ends: what the disk doesn't take now is made up for in its next life.
    pub(super) stop: CancellationToken,
}

impl Reporter {
    /// Stores what has happened. `None`: it isn't stored, and what should follow must not.
    pub(super) async fn tell(&self, happening: Happening, mut report: CommandReport) -> Option<()> {
        let id = report.command_id;
        if let Some(error) = &mut report.error {
            *error = error.chars().take(COMMAND_ERROR_CHARS).collect();
        }
        let mut complained = false;
        loop {
            let report = report.clone();
            let told = self
                .outbox
                .add(move |outbox| outbox.step_command(happening, &report, clock::now()))
                .await;
            let error = match told {
                Ok(step) => {
                    self.note(id, step);
                    return Some(());
                }
                Err(error) => error,
            };
            let passing = error.is_storage() || matches!(error, OutboxError::EventsFull { .. });
            if !std::mem::replace(&mut complained, true) {
                tracing::error!(%error, command.id = %id, ?happening, "can't be stored");
            }
            if !passing || self.stop.is_cancelled() {
                return None;
            }
            sleep(REPORT_RETRY).await;
        }
    }

    fn note(&self, id: CommandId, step: Step) {
        if let Step::To(state) = step {
            tracing::info!(command.id = %id, command.state = state.as_str(), "command");
            self.board.update(|status| {
                if let Some(last) = &mut status.commands.last
                    && last.id == id
                {
                    *last = LastCommand { state: state.as_str().to_owned(), ..last.clone() };
                }
            });
        }
    }

    /// Takes pieces of output, and stores them one after the other; the handle ends when all are
    /// stored after the sender is gone. What can't be stored is left out.
    pub(super) fn progress(&self, id: CommandId) -> (mpsc::Sender<Piece>, JoinHandle<()>) {
        let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES);
        let outbox = self.outbox.clone();
        let told = tokio::spawn(async move {
            let mut part = 0;
            while let Some(piece) = pieces.recv().await {
                let report = CommandReport {
                    part: Some(part),
                    output: Some(piece.text),
                    output_cut: piece.cut,
                    ..CommandReport::new(id)
                };
                part += 1;
                let Ok(Value::Object(data)) = serde_json::to_value(report) else { continue };
                let stored = outbox.add(move |outbox| {
                    outbox.append_event(EventType::CommandProgress, data, clock::now())
                });
                if let Err(error) = stored.await {
                    tracing::warn!(%error, command.id = %id, "output isn't told while it runs");
                }
            }
        });
        (sender, told)
    }
}
