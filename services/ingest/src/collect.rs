//! The collector: takes messages from the intake, decodes them, closes batches.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::ReceiveClock;
use crate::decode::Message;
use crate::intake::Held;
use crate::limits::{BATCH_LINGER, BATCH_MESSAGES, BATCH_VALUES};

/// Messages that are committed together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
    /// The committer is busy until this is dropped.
    _turn: OwnedSemaphorePermit,
}

/// Collects batches while the committer is busy with the one before.
#[derive(Debug)]
pub(crate) struct Collector {
    intake: mpsc::Receiver<Held>,
    batches: mpsc::Sender<Batch>,
    turns: Arc<Semaphore>,
    stop: CancellationToken,
    clock: ReceiveClock,
    open: Vec<Message>,
    values: usize,
}

impl Collector {
    pub(crate) fn new(
        intake: mpsc::Receiver<Held>,
        batches: mpsc::Sender<Batch>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            intake,
            batches,
            turns: Arc::new(Semaphore::new(1)),
            stop,
            clock: ReceiveClock::default(),
            open: Vec::new(),
            values: 0,
        }
    }

    /// Runs until it is stopped and what was accepted is handed on, or all senders are gone.
    pub(crate) async fn run(mut self) {
        let mut received = Vec::with_capacity(BATCH_MESSAGES);
        loop {
            let room = BATCH_MESSAGES;
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.intake.is_closed() => {
                    // Nothing new is accepted; what was is still in the channel.
                    self.intake.close();
                    self.drain().await;
                    return;
                }
                count = self.intake.recv_many(&mut received, room) => {
                    if count == 0 {
                        return;
                    }
                }
            }
            self.fill(&mut received).await;
        }
    }

    /// Decodes what was received and hands on full batches; the last one when the committer has
    /// nothing to do and it has waited a little for company.
    async fn fill(&mut self, received: &mut Vec<Held>) {
        let closes_at = Instant::now() + BATCH_LINGER;
        self.take(received).await;
        let mut lingering = true;
        while !self.open.is_empty() {
            let room = BATCH_MESSAGES - self.open.len();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                count = self.intake.recv_many(received, room) => {
                    if count == 0 {
                        self.close().await;
                        return;
                    }
                    self.take(received).await;
                }
                () = sleep_until(closes_at), if lingering => lingering = false,
                Ok(turn) = Arc::clone(&self.turns).acquire_owned(), if !lingering => {
                    self.hand_on(turn).await;
                }
            }
        }
    }

    async fn take(&mut self, received: &mut Vec<Held>) {
        for held in received.drain(..) {
            let message = Message::decode(held, &mut self.clock);
            self.values += message.values();
            self.open.push(message);
            if self.open.len() >= BATCH_MESSAGES || self.values >= BATCH_VALUES {
                self.close().await;
            }
        }
    }

    /// Hands the open batch on as soon as the committer is free.
    async fn close(&mut self) {
        if !self.open.is_empty()
            && let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await
        {
            self.hand_on(turn).await;
        }
    }

    async fn hand_on(&mut self, turn: OwnedSemaphorePermit) {
        let messages = std::mem::take(&mut self.open);
        self.values = 0;
        // The committer ends after us; if it is gone, the process is about to end.
        let _ = self.batches.send(Batch { messages, _turn: turn }).await;
    }

    async fn drain(&mut self) {
        // Senders may hold on to reserved places, so the channel's end can't be waited for.
        let mut received = Vec::new();
        while let Ok(held) = self.intake.try_recv() {
            received.push(held);
        }
        self.take(&mut received).await;
        self.close().await;
    }
}
