//! The outbox on its own thread, so that waiting for the disk stops nothing else.

use std::sync::Arc;
use std::thread;

use tokio::sync::{Notify, mpsc, oneshot};

use super::{Outbox, OutboxError};
use crate::limits::OUTBOX_CALLS;

type Call = Box<dyn FnOnce(&mut Outbox) + Send>;

/// Calls the outbox, one call after the other. Cheap to clone; the thread ends with the last
/// clone.
#[derive(Clone, Debug)]
pub struct OutboxHandle {
    calls: mpsc::Sender<Call>,
    changed: Arc<Notify>,
}

impl OutboxHandle {
    /// Starts the outbox's thread. The join handle ends after the last clone is dropped and the
    /// database is closed.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(mut outbox: Outbox) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (calls, mut queue) = mpsc::channel::<Call>(OUTBOX_CALLS);
        let join = thread::Builder::new().name("outbox".to_owned()).spawn(move || {
            while let Some(call) = queue.blocking_recv() {
                call(&mut outbox);
            }
        })?;
        Ok((Self { calls, changed: Arc::new(Notify::new()) }, join))
    }

    /// Runs `work` on the outbox's thread.
    ///
    /// # Errors
    /// Those of `work`, or [`OutboxError::Closed`].
    pub async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Outbox) -> Result<R, OutboxError> + Send + 'static,
    ) -> Result<R, OutboxError> {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |outbox| {
            // A caller that has gone no longer wants the answer; the work is done all the same.
            let _ = answer.send(work(outbox));
        });
        self.calls.send(call).await.map_err(|_| OutboxError::Closed)?;
        answered.await.map_err(|_| OutboxError::Closed)?
    }

    /// The same for work that adds messages: whoever sends them is told.
    ///
    /// # Errors
    /// See [`Self::call`].
    pub async fn add<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Outbox) -> Result<R, OutboxError> + Send + 'static,
    ) -> Result<R, OutboxError> {
        let result = self.call(work).await;
        self.changed.notify_one();
        result
    }

    /// Waits until messages have been added since the last wait. For one waiter.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
