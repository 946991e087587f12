//! Connecting again and again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::in_flight::InFlight;
use super::link::{Link, LinkClosed};
use super::probe;
use super::session::{Session, SessionEnd, SessionError};
use super::way_memory::WayMemory;
use super::ways::{TransportSetting, Way, Ways};
use super::websocket::WebSocketLink;
use crate::clock;
use crate::commands::OrdersLink;
use crate::identity::Identity;
use crate::limits::STABLE_AFTER;
use crate::outbox::OutboxHandle;
use crate::status::{ConnectionState, MachineStatus, StatusBoard};
use crate::trusted_time::TimeKeeper;
use crate::upkeep::IdentityWatch;

/// Times of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Between two signs of life.
    pub keep_alive: Duration,
    /// First wait after a failure.
    pub backoff_min: Duration,
    /// Longest wait after failures.
    pub backoff_max: Duration,
    /// Which ways may be used.
    pub transport: TransportSetting,
    /// How often it is looked, while WebSocket is in use, whether MQTT over TLS is open again.
    pub mqtt_retry: Duration,
}

/// Keeps the machine connected.
pub struct Connection {
    /// Where it is remembered which way worked.
    pub data_dir: PathBuf,
    /// What is sent.
    pub outbox: OutboxHandle,
    /// As whom.
    pub identity: IdentityWatch,
    /// Times.
    pub settings: ConnectionSettings,
    /// What carries out orders.
    pub orders: OrdersLink,
    /// At what time certificates are checked.
    pub time: TimeKeeper,
    /// Rung when an attempt fails.
    pub failing: Arc<Notify>,
    /// Shows how it is.
    pub board: StatusBoard,
    /// The agent stops: send what is left, then end.
    pub drain: CancellationToken,
}

impl Connection {
    /// Runs until the agent stops and the outbox is empty or can't be sent.
    pub async fn run(mut self) {
        self.show(ConnectionState::NotEnrolled);
        let mut backoff = Backoff::new(self.settings.backoff_min, self.settings.backoff_max);
        let mut memory = WayMemory::open(&self.data_dir);
        let mut ways = Ways::new(self.settings.transport, memory.known());
        while let Some(identity) = self.enrolled().await {
            self.board.update(|status| {
                status.machine = Some(MachineStatus::from(identity.as_ref()));
            });
            self.show(ConnectionState::Connecting);
            let (ended, connected) = self.connect(identity, &ways, &mut memory).await;
            if connected.is_some() {
                ways.worked();
            }
            if connected.is_some_and(|since| since.elapsed() >= STABLE_AFTER) {
                backoff.reset();
            }
            match ended {
                Ok(SessionEnd::Drained) => return,
                Ok(SessionEnd::IdentityChanged) => {
                    tracing::info!("connecting again with the renewed identity");
                    continue;
                }
                Ok(SessionEnd::BetterWay) => {
                    tracing::info!("MQTT over TLS is open again: connecting by it");
                    ways.improved();
                    continue;
                }
                Err(error) => {
                    self.failed(&error);
                    if connected.is_none() {
                        change_way(&mut ways, &error);
                    }
                }
            }
            if self.drain.is_cancelled() {
                return;
            }
            tokio::select! {
                () = sleep(backoff.next(rand::random())) => {}
                () = self.drain.cancelled() => return,
            }
        }
    }

    /// Waits for the identity; `None` when the agent stops before there is one.
    async fn enrolled(&mut self) -> Option<Arc<Identity>> {
        tokio::select! {
            identity = self.identity.wait_for(Option::is_some) => identity.ok()?.clone(),
            () = self.drain.cancelled() => None,
        }
    }

    async fn connect(
        &mut self,
        identity: Arc<Identity>,
        ways: &Ways,
        memory: &mut WayMemory,
    ) -> (Result<SessionEnd, SessionError>, Option<Instant>) {
        let link = match self.open(&identity, ways.next()).await {
            Ok(link) => link,
            Err(error) => return (Err(error), None),
        };
        let (current, time) = (Arc::clone(&identity), self.time.clone());
        let (may_improve, interval) = (ways.may_improve(), self.settings.mqtt_retry);
        let better = Box::pin(async move {
            if may_improve {
                probe::mqtt_is_open(&current, &time, interval).await;
            } else {
                std::future::pending::<()>().await;
            }
        });
        let mut session = Session {
            outbox: &self.outbox,
            board: &self.board,
            identity,
            updates: self.identity.clone(),
            drain: &self.drain,
            link,
            way: ways.next(),
            memory,
            better,
            orders: &mut self.orders,
            window: InFlight::default(),
            exhausted: false,
            unremoved: 0,
            remove_at: None,
            progress: Instant::now(),
            snapshot_taken: false,
            connected: None,
        };
        let ended = session.run().await;
        session.orders.disconnected();
        // What is acknowledged needn't be sent again, whatever the reason for the end.
        if let Err(error) = session.remove().await {
            tracing::warn!(%error, "acknowledged messages stay on the disk for now");
        }
        (ended, session.connected)
    }

    async fn open(&self, identity: &Identity, way: Way) -> Result<Link, SessionError> {
        let websocket = match way {
            Way::Mqtt => None,
            Way::WebSocket => {
                // Its HTTP call has a time limit, but a stopping agent doesn't wait for it.
                let prepared = tokio::select! {
                    prepared = WebSocketLink::prepare(identity, &self.time) => prepared,
                    () = self.drain.cancelled() => return Err(LinkClosed.into()),
                };
                Some(prepared?)
            }
        };
        Ok(Link::open(identity, &self.time, self.settings.keep_alive, websocket)?)
    }

    fn failed(&self, error: &SessionError) {
        tracing::warn!(%error, "not connected");
        self.board.update(|status| status.connection.last_error = Some(error.to_string()));
        self.show(ConnectionState::Waiting);
        self.failing.notify_one();
    }

    fn show(&self, state: ConnectionState) {
        self.board.update(|status| {
            status.connection.state = state;
            status.connection.since = Some(clock::now());
        });
    }
}

/// After an attempt by which nobody was let in. Where the platform itself refuses by MQTT, it would
/// by WebSocket; the other way round the certificate counts by itself.
fn change_way(ways: &mut Ways, error: &SessionError) {
    let before = ways.next();
    if before == Way::WebSocket || !error.is_refusal() {
        ways.unreachable();
    }
    if ways.next() != before {
        tracing::info!(way = ?ways.next(), "the platform wasn't reached: trying another way");
    }
}
