//! Connecting again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::in_flight::InFlight;
use super::link::Link;
use super::session::{Session, SessionEnd, SessionError};
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
}

/// Keeps the machine connected.
pub struct Connection {
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
        while let Some(identity) = self.enrolled().await {
            self.board.update(|status| {
                status.machine = Some(MachineStatus::from(identity.as_ref()));
            });
            self.show(ConnectionState::Connecting);
            let (ended, connected) = self.connect(identity).await;
            if connected.is_some_and(|since| since.elapsed() >= STABLE_AFTER) {
                backoff.reset();
            }
            match ended {
                Ok(SessionEnd::Drained) => return,
                Ok(SessionEnd::IdentityChanged) => {
                    tracing::info!("connecting again with the renewed identity");
                    continue;
                }
                Err(error) => self.failed(&error),
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
    ) -> (Result<SessionEnd, SessionError>, Option<Instant>) {
        let link = match Link::open(&identity, &self.time, self.settings.keep_alive) {
            Ok(link) => link,
            Err(error) => return (Err(error.into()), None),
        };
        let mut session = Session {
            outbox: &self.outbox,
            board: &self.board,
            identity,
            updates: self.identity.clone(),
            drain: &self.drain,
            link,
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
