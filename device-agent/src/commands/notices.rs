//! Between the connection and what carries out orders: messages of the platform in one direction,
//! what the agent tells at once in the other.

use bytes::Bytes;
use millwright_schemas::EventId;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::events::{EventMessage, EventType};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::clock;
use crate::limits::{NOTICES_QUEUED, ORDERS_QUEUED};

/// A message for this machine, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderMessage {
    /// What it should be.
    pub channel: DownChannel,
    /// As it came.
    pub payload: Bytes,
}

/// An event that only counts now: it isn't kept on the disk, has no number in the outbox, and is
/// lost with the connection. The next one begins with a new one.
pub type Notice = Bytes;

/// The connection's end.
#[derive(Debug)]
pub struct OrdersLink {
    messages: mpsc::Sender<OrderMessage>,
    connected: watch::Sender<Option<u64>>,
    notices: mpsc::Receiver<Notice>,
    /// Connections so far.
    count: u64,
}

/// The other end: what comes in.
#[derive(Debug)]
pub struct Inbox {
    pub(super) messages: mpsc::Receiver<OrderMessage>,
    /// Which connection stands, if one does.
    pub(super) connected: watch::Receiver<Option<u64>>,
}

/// The other end: what goes out.
#[derive(Debug, Clone)]
pub struct Direct(mpsc::Sender<Notice>);

/// Both ends.
#[must_use]
pub fn link() -> (OrdersLink, Inbox, Direct) {
    let (messages, received) = mpsc::channel(ORDERS_QUEUED);
    let (connected, watched) = watch::channel(None);
    let (direct, notices) = mpsc::channel(NOTICES_QUEUED);
    let link = OrdersLink { messages, connected, notices, count: 0 };
    (link, Inbox { messages: received, connected: watched }, Direct(direct))
}

impl OrdersLink {
    /// A connection stands. What should have been told on an earlier one is void.
    pub fn connected(&mut self) {
        while self.notices.try_recv().is_ok() {}
        self.count += 1;
        self.connected.send_replace(Some(self.count));
    }

    /// No connection stands.
    pub fn disconnected(&self) {
        self.connected.send_replace(None);
    }

    /// Hands a message on. Beyond what can wait it is dropped: the platform sends it again.
    pub fn received(&self, message: OrderMessage) {
        if let Err(error) = self.messages.try_send(message) {
            tracing::warn!(%error, "an order is dropped: too many at once");
        }
    }

    /// The next thing to tell; waits for ever when nobody has anything to tell any more.
    pub async fn notice(&mut self) -> Notice {
        match self.notices.recv().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }
}

impl Direct {
    /// Tells something now, if a connection takes it.
    pub(super) fn tell(&self, event_type: EventType, data: &impl Serialize) {
        let Ok(Value::Object(data)) = serde_json::to_value(data) else { return };
        let name = event_type.as_str().to_owned();
        let event = EventMessage {
            id: Some(EventId(Uuid::now_v7())),
            outbox: None,
            seq: None,
            ts: Some(clock::now().millis()),
            event_type,
            data,
        };
        let Ok(payload) = serde_json::to_vec(&event) else { return };
        if self.0.try_send(payload.into()).is_err() {
            tracing::debug!(event = name, "isn't told: the connection takes nothing");
        }
    }
}
