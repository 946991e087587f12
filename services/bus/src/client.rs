//! The services' client of the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection;
use crate::endpoint::{Endpoint, ExternalBroker};
use crate::limits::{PAYLOAD_MAX_BYTES, SUBSCRIPTIONS, TOPIC_MAX_BYTES};
use crate::queue::{PublishQueue, Waiting};
use crate::subscriptions::{BusMessage, Subscriptions};
use crate::supervisor::Supervisor;

/// Why a message is not even tried to be published: a mistake of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// rumqttd's router panics on other than ASCII; wildcards, control characters and `$` are
    /// no part of a topic of ours.
    #[error(
        "{0:?} is no topic of the bus: 1 to {TOPIC_MAX_BYTES} visible ASCII characters without wildcards"
    )]
    Topic(String),
    /// Larger than the limit.
    #[error("a message of {0} bytes is too large for the bus: at most {PAYLOAD_MAX_BYTES}")]
    Payload(usize),
}

/// Why a subscription is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// Not a filter, or not one of plain ASCII.
    #[error("{0:?} is no filter of the bus: 1 to {TOPIC_MAX_BYTES} visible ASCII characters")]
    Filter(String),
    /// More than the limit.
    #[error("a client has at most {SUBSCRIPTIONS} subscriptions")]
    TooMany,
}

/// What a client has done so far; for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BusStats {
    /// Messages that were given to the broker.
    pub published: u64,
    /// Messages that were not sent: too many waited, or they waited for too long.
    pub publish_dropped: u64,
    /// Messages that were sent over a connection that broke before they were acknowledged.
    pub publish_unconfirmed: u64,
    /// Messages that were handed to a reader.
    pub received: u64,
    /// Messages that a reader missed because it was behind.
    pub receive_dropped: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that failed or broke.
    pub failures: u64,
}

/// How a client is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusStatus {
    /// Whether it is connected.
    pub connected: bool,
    /// How many filters the broker has confirmed on this connection.
    pub subscribed: usize,
    /// Counts connections: who must not miss anything reads the database when it goes up.
    pub connections: u64,
    /// The client has been closed.
    pub closed: bool,
}

/// A client of the bus; cheap to clone. The connection ends with the last clone.
#[derive(Clone)]
pub struct Bus {
    core: Arc<Core>,
    _close: Arc<DropGuard>,
}

impl Bus {
    /// A client of a broker that is started and restarted by us.
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn supervised(supervisor: &Supervisor) -> Self {
        Self::open(supervisor.endpoint(), None)
    }

    /// A client of a broker that someone else runs.
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn external(broker: &ExternalBroker) -> Self {
        let (sender, endpoint) = watch::channel(Some(broker.endpoint().clone()));
        Self::open(endpoint, Some(sender))
    }

    fn open(
        endpoint: watch::Receiver<Option<Endpoint>>,
        keep: Option<watch::Sender<Option<Endpoint>>>,
    ) -> Self {
        let core = Arc::new(Core::default());
        let stop = CancellationToken::new();
        let task = connection::run(Arc::clone(&core), endpoint, stop.clone());
        tokio::spawn(async move {
            // A watch whose sender is gone would count as a broker that is gone for good.
            let _keep = keep;
            task.await;
        });
        Self { core, _close: Arc::new(stop.drop_guard()) }
    }

    /// Publishes, best effort: puts the message into a bounded queue and returns at once. What
    /// the queue can't hold, or holds for too long, is dropped and counted.
    ///
    /// # Errors
    /// The topic or the payload can't be published at all.
    pub fn publish(
        &self,
        topic: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<(), PublishError> {
        let (topic, payload) = (topic.into(), payload.into());
        if !plain(&topic) || topic.contains(['+', '#']) {
            return Err(PublishError::Topic(shorten(&topic)));
        }
        if payload.len() > PAYLOAD_MAX_BYTES {
            return Err(PublishError::Payload(payload.len()));
        }
        self.core.queue.push(Waiting { topic, payload, since: Instant::now() });
        Ok(())
    }

    /// Subscribes, now and after each reconnection, until the receiver is dropped. Messages that
    /// its bounded queue can't hold are dropped and counted.
    ///
    /// # Errors
    /// The filter is invalid, or there are too many subscriptions.
    pub fn subscribe(
        &self,
        filter: impl Into<String>,
    ) -> Result<mpsc::Receiver<BusMessage>, SubscribeError> {
        let filter = filter.into();
        if !plain(&filter) || !rumqttc::valid_filter(&filter) {
            return Err(SubscribeError::Filter(shorten(&filter)));
        }
        self.core.subscriptions.add(filter).ok_or(SubscribeError::TooMany)
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> BusStats {
        self.core.stats()
    }

    /// How it is, and changes of that.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<BusStatus> {
        self.core.status.subscribe()
    }

    /// Sends what still waits, as far as that is possible at once, says goodbye to the broker
    /// and ends the connection of all clones.
    pub async fn close(self) {
        let mut status = self.status();
        self.core.close.cancel();
        // An error: the task is gone, with its runtime.
        let _ = status.wait_for(|status| status.closed).await;
    }
}

/// What the clones of a client share with its connection.
#[derive(Default)]
pub(crate) struct Core {
    pub(crate) queue: PublishQueue,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) counters: Counters,
    pub(crate) status: watch::Sender<BusStatus>,
    pub(crate) close: CancellationToken,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) published: AtomicU64,
    pub(crate) unconfirmed: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) receive_dropped: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) failures: AtomicU64,
}

impl Core {
    fn stats(&self) -> BusStats {
        let counters = &self.counters;
        BusStats {
            published: counters.published.load(Relaxed),
            publish_dropped: self.queue.dropped(),
            publish_unconfirmed: counters.unconfirmed.load(Relaxed),
            received: counters.received.load(Relaxed),
            receive_dropped: counters.receive_dropped.load(Relaxed),
            connections: counters.connections.load(Relaxed),
            failures: counters.failures.load(Relaxed),
        }
    }
}

fn plain(text: &str) -> bool {
    (1..=TOPIC_MAX_BYTES).contains(&text.len())
        && !text.starts_with('$')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn shorten(text: &str) -> String {
    text.chars().take(128).collect()
}
