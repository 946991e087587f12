//! The way in: messages of machines, bounded in number and bytes, acknowledged by counting.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use millwright_schemas::topics::UpChannel;
use millwright_schemas::{MachineId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{PollSemaphore, PollSender};

use crate::limits::{INTAKE_KIB, INTAKE_MESSAGES};

/// Counts the connections of one machine; a later connection fences an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i64);

/// One message of a machine on its way into the store.
#[derive(Debug)]
pub struct Uplink {
    /// Who sent it: the machine of the connection.
    pub sender: MachineId,
    /// Which connection of the sender.
    pub generation: Generation,
    /// Whose data it is: the sender, or one of its children. Checked again when it is stored.
    pub machine: MachineId,
    /// Which kind of data.
    pub channel: UpChannel,
    /// The payload as received, in its own allocation.
    pub payload: Bytes,
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// Where to count it once it is committed; `None` for QoS 0.
    pub acks: Option<Arc<AckLine>>,
}

/// Tells one connection how many of its messages have been committed, in the order it sent them.
#[derive(Debug, Default)]
pub struct AckLine {
    committed: AtomicU64,
    failed: AtomicBool,
    waker: AtomicWaker,
}

impl AckLine {
    /// A line on which nothing has been committed.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How many messages of this connection, counted from its first, are committed (or in
    /// quarantine).
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Whether a message will never be committed for this connection: close it without
    /// acknowledging, so that the machine sends again.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Wakes this waker at the next change. Register before reading the state.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// `count` more messages are committed.
    pub fn advance(&self, count: u64) {
        self.committed.fetch_add(count, Ordering::Release);
        self.waker.wake();
    }

    /// What is outstanding won't be committed.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// An uplink that holds its share of the intake's memory until it is dropped.
#[derive(Debug)]
pub struct Held {
    /// The message.
    pub uplink: Uplink,
    _share: OwnedSemaphorePermit,
}

/// The intake has ended: the platform is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("intake has ended")]
pub struct IntakeEnded;

/// Creates an intake: the senders' side and the batcher's.
#[must_use]
pub fn intake() -> (Intake, mpsc::Receiver<Held>) {
    let (sender, receiver) = mpsc::channel(INTAKE_MESSAGES);
    (Intake { sender, shares: Arc::new(Semaphore::new(INTAKE_KIB)) }, receiver)
}

/// Where connections hand in messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    sender: mpsc::Sender<Held>,
    shares: Arc<Semaphore>,
}

impl Intake {
    /// A slot for one connection, which waits without a task of its own.
    #[must_use]
    pub fn slot(&self) -> IntakeSlot {
        IntakeSlot {
            sender: PollSender::new(self.sender.clone()),
            shares: PollSemaphore::new(Arc::clone(&self.shares)),
            share: None,
        }
    }

    /// Hands in a message; waits while the intake is full.
    ///
    /// # Errors
    /// [`IntakeEnded`] when the platform is stopping.
    pub async fn send(&self, uplink: Uplink) -> Result<(), IntakeEnded> {
        let mut slot = self.slot();
        let bytes = uplink.payload.len();
        std::future::poll_fn(|cx| slot.poll_reserve(cx, bytes)).await?;
        slot.send(uplink)
    }
}

/// One connection's place at the intake.
#[derive(Debug)]
pub struct IntakeSlot {
    sender: PollSender<Held>,
    shares: PollSemaphore,
    share: Option<OwnedSemaphorePermit>,
}

impl IntakeSlot {
    /// Ready when a message of `bytes` may be handed in with [`IntakeSlot::send`].
    ///
    /// # Errors
    /// [`IntakeEnded`] when the platform is stopping.
    pub fn poll_reserve(
        &mut self,
        cx: &mut Context<'_>,
        bytes: usize,
    ) -> Poll<Result<(), IntakeEnded>> {
        if self.share.is_none() {
            let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
            match Pin::new(&mut self.shares).poll_acquire_many(cx, kib) {
                Poll::Ready(Some(share)) => self.share = Some(share),
                Poll::Ready(None) => return Poll::Ready(Err(IntakeEnded)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.sender.poll_reserve(cx).map_err(|_| IntakeEnded)
    }

    /// Hands in the message that was reserved for.
    ///
    /// # Errors
    /// [`IntakeEnded`] when the platform is stopping, or nothing was reserved.
    pub fn send(&mut self, uplink: Uplink) -> Result<(), IntakeEnded> {
        let share = self.share.take().ok_or(IntakeEnded)?;
        self.sender.send_item(Held { uplink, _share: share }).map_err(|_| IntakeEnded)
    }
}
