//! One connection from its first to its last packet.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use millwright_schemas::limits::DOWN_MESSAGE_MAX_BYTES;
use millwright_schemas::topics;
use rumqttc::{ConnectionError, Event, Outgoing, Packet, Publish, SubscribeReasonCode};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::in_flight::InFlight;
use super::link::{Link, LinkClosed};
use super::way_memory::WayMemory;
use super::ways::Way;
use super::websocket::WebSocketError;
use crate::clock;
use crate::commands::{Notice, OrderMessage, OrdersLink};
use crate::identity::{Identity, IdentityError};
use crate::limits::{ACKNOWLEDGE_TIMEOUT, LOSS_REPORT_INTERVAL, REMOVE_AFTER, REMOVE_AT};
use crate::outbox::{OutboxError, OutboxHandle, Topic};
use crate::status::{ConnectionState, MachineStatus, StatusBoard};
use crate::upkeep::IdentityWatch;

/// How long DISCONNECT may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// The agent stops, and the outbox is empty.
    Drained,
    /// The machine has another certificate or endpoint now.
    IdentityChanged,
    /// A better way is open again.
    BetterWay,
}

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    #[error(transparent)]
    Mqtt(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Closed(#[from] LinkClosed),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("nothing was acknowledged for {} s", ACKNOWLEDGE_TIMEOUT.as_secs())]
    AcknowledgeTimeout,
    #[error("packet {0} was acknowledged that was never sent")]
    UnknownPacket(u16),
}

impl SessionError {
    /// Whether the platform itself has answered: no other way would change that.
    pub(super) fn is_refusal(&self) -> bool {
        let Self::Mqtt(error) = self else { return false };
        let error = error.downcast_ref::<ConnectionError>();
        matches!(error, Some(ConnectionError::ConnectionRefused(_)))
    }
}

/// A running connection.
pub(super) struct Session<'a> {
    pub(super) outbox: &'a OutboxHandle,
    pub(super) board: &'a StatusBoard,
    pub(super) identity: Arc<Identity>,
    pub(super) updates: IdentityWatch,
    pub(super) drain: &'a CancellationToken,
    pub(super) link: Link,
    /// By which way it goes.
    pub(super) way: Way,
    /// Where that is remembered, once it works.
    pub(super) memory: &'a mut WayMemory,
    /// Ends when a better way is open again.
    pub(super) better: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    /// Takes orders, and has more to tell than the outbox.
    pub(super) orders: &'a mut OrdersLink,
    pub(super) window: InFlight,
    /// Nothing more waits in the outbox, as of the last look.
    pub(super) exhausted: bool,
    /// Acknowledged since the last removal.
    pub(super) unremoved: usize,
    pub(super) remove_at: Option<Instant>,
    /// The last acknowledgement, or the first message after none was on its way.
    pub(super) progress: Instant,
    /// Whether this connection's `fault.snapshot` is in the outbox.
    pub(super) snapshot_taken: bool,
    /// Whether the platform has accepted the connection, and when.
    pub(super) connected: Option<Instant>,
}

impl Session<'_> {
    /// Waits for the platform's answer, then sends until something ends it.
    pub(super) async fn run(&mut self) -> Result<SessionEnd, SessionError> {
        match self.link.next().await.map_err(SessionError::Mqtt)? {
            Event::Incoming(Packet::ConnAck(_)) => {}
            other => tracing::debug!(?other, "before CONNACK"),
        }
        self.connected = Some(Instant::now());
        self.memory.remember(self.way);
        tracing::info!(way = ?self.way, "connected");
        self.board.update(|status| {
            status.connection.state = ConnectionState::Connected;
            status.connection.since = Some(clock::now());
            status.connection.last_error = None;
            status.connection.way = Some(self.way);
        });
        self.link.subscribe()?;
        self.orders.connected();
        let mut report_at = Instant::now();
        let mut draining = false;
        loop {
            if Instant::now() >= report_at {
                self.report().await;
                report_at = Instant::now() + LOSS_REPORT_INTERVAL;
            }
            self.feed().await?;
            if draining && self.exhausted && self.window.is_empty() {
                return self.disconnect().await;
            }
            let silence_ends = self.progress + ACKNOWLEDGE_TIMEOUT;
            tokio::select! {
                event = self.link.next() => self.handle(&event.map_err(SessionError::Mqtt)?)?,
                () = self.outbox.changed() => self.exhausted = false,
                notice = self.orders.notice(), if self.window.takes_notice() => {
                    self.publish_notice(notice)?;
                }
                () = sleep_until(self.remove_at.unwrap_or(report_at)), if self.remove_at.is_some() => {
                    self.remove().await?;
                }
                () = sleep_until(report_at) => {}
                () = self.drain.cancelled(), if !draining => {
                    draining = true;
                    // What was added just before must be seen.
                    self.exhausted = false;
                }
                Ok(()) = self.updates.changed() => if self.identity_changed() {
                    return Ok(SessionEnd::IdentityChanged);
                },
                () = &mut self.better => return Ok(SessionEnd::BetterWay),
                () = sleep_until(silence_ends), if !self.window.is_empty() => {
                    return Err(SessionError::AcknowledgeTimeout);
                }
            }
            if self.unremoved >= REMOVE_AT {
                self.remove().await?;
            }
        }
    }

    /// Tells what is active and what was dropped. Failing to is no reason to hold back the rest.
    async fn report(&mut self) {
        let snapshot = !self.snapshot_taken;
        let reported = self
            .outbox
            .add(move |outbox| {
                outbox.report_losses(clock::now())?;
                if snapshot {
                    outbox.append_snapshot(clock::now())?;
                }
                Ok(())
            })
            .await;
        match reported {
            Ok(()) => self.snapshot_taken = true,
            Err(error) => {
                tracing::warn!(%error, "the state of faults and losses can't be told now");
            }
        }
    }

    /// Queues messages while there is room: events first.
    async fn feed(&mut self) -> Result<(), SessionError> {
        while !self.exhausted {
            let mut queued = false;
            for topic in Topic::ALL {
                let (count, bytes) = self.window.room();
                if count == 0 {
                    return Ok(());
                }
                let after = self.window.last(topic);
                let waiting =
                    self.outbox.call(move |outbox| outbox.peek(topic, after, count, bytes)).await?;
                if self.window.is_empty() {
                    self.progress = Instant::now();
                }
                queued |= !waiting.is_empty();
                for message in waiting {
                    self.window.queue(topic, message.seq, message.payload.len());
                    self.link.publish(topic, message)?;
                }
            }
            self.exhausted = !queued;
        }
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), SessionError> {
        match event {
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                let known = self.window.sent(*packet_id);
                known.then_some(()).ok_or(SessionError::UnknownPacket(*packet_id))?;
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let known = self.window.acknowledged(ack.pkid);
                let kept = known.ok_or(SessionError::UnknownPacket(ack.pkid))?;
                self.progress = Instant::now();
                if kept {
                    self.unremoved += 1;
                    self.remove_at.get_or_insert_with(|| Instant::now() + REMOVE_AFTER);
                    self.board.update(|status| status.connection.acknowledged += 1);
                }
            }
            Event::Incoming(Packet::SubAck(ack))
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                tracing::error!("the platform refuses the subscription: no orders will come");
            }
            Event::Incoming(Packet::Publish(publish)) => self.receive(publish),
            _ => {}
        }
        Ok(())
    }

    /// Hands a message to what carries out orders. Whether it is one is looked at there.
    fn receive(&self, publish: &Publish) {
        let own = self.identity.machine_id;
        match topics::parse_down(&publish.topic) {
            Ok((machine, channel))
                if machine == own && publish.payload.len() <= DOWN_MESSAGE_MAX_BYTES =>
            {
                self.orders.received(OrderMessage { channel, payload: publish.payload.clone() });
            }
            _ => {
                tracing::debug!(bytes = publish.payload.len(), "no order for this machine");
                self.board.update(|status| status.commands.not_believed += 1);
            }
        }
    }

    fn publish_notice(&mut self, notice: Notice) -> Result<(), SessionError> {
        if self.window.is_empty() {
            self.progress = Instant::now();
        }
        self.window.queue_notice(notice.len());
        Ok(self.link.publish_notice(notice)?)
    }

    /// Removes from the disk what is acknowledged without a hole.
    pub(super) async fn remove(&mut self) -> Result<(), SessionError> {
        self.unremoved = 0;
        self.remove_at = None;
        let through = Topic::ALL.map(|topic| (topic, self.window.complete_through(topic)));
        self.outbox
            .call(move |outbox| {
                for (topic, seq) in through {
                    outbox.acknowledge(topic, seq);
                }
                outbox.remove_acknowledged()
            })
            .await?;
        Ok(())
    }

    /// Whether a new connection is needed. A newer trust serves the next one.
    fn identity_changed(&mut self) -> bool {
        let Some(newer) = self.updates.borrow_and_update().clone() else { return false };
        self.board.update(|status| status.machine = Some(MachineStatus::from(newer.as_ref())));
        newer.certificate != self.identity.certificate || newer.mqtt != self.identity.mqtt
    }

    async fn disconnect(&mut self) -> Result<SessionEnd, SessionError> {
        self.remove().await?;
        self.link.disconnect()?;
        let left = async {
            while let Ok(event) = self.link.next().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    break;
                }
            }
        };
        // Everything is acknowledged: how the goodbye goes doesn't matter.
        let _ = timeout(DISCONNECT_TIMEOUT, left).await;
        Ok(SessionEnd::Drained)
    }
}
