//! The gateway: what all its connections share, and its start and stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use millwright_identity::machines::attempts::{ConnectAttempts, Source};
use millwright_identity::networks::{Arrivals, Share, Shares};
use millwright_ingest::intake::{Generation, Intake};
use millwright_schemas::MachineId;
use millwright_schemas::topics::DownChannel;
use millwright_store::machines::revocations::Credential;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Transport, now};
use crate::directory::{Directory, SessionKey, Unavailable};
use crate::event_pace::EventPace;
use crate::limits::{DIRECTORY_TIMEOUT, STOP_TIMEOUT, WEBSOCKET_PIPE_BYTES};
use crate::listener;
use crate::metrics::Metrics;
use crate::presence::{Notice, Notices, Presence};
use crate::registry::{NotTaken, Registry, Seat};
use crate::review;
use crate::session::{ChildSet, Claim, Peer, Presented, Refused, Subscription};
use crate::settings::Settings;
use crate::tls::TlsSetting;
use crate::wills::Wills;

/// What a gateway is made of.
pub struct Parts {
    /// Who may connect.
    pub directory: Arc<dyn Directory>,
    /// Where messages go.
    pub intake: Intake,
    /// Messages towards machines, from the bus. Once it ends, only
    /// [`Registry::send_down`] delivers.
    pub down: mpsc::Receiver<(MachineId, DownChannel, Bytes)>,
    /// Who is told of connections, if anyone.
    pub notices: Option<Notices>,
    /// Where it is counted.
    pub metrics: Metrics,
    /// Times and counts.
    pub settings: Settings,
}

/// A running gateway.
pub struct Gateway {
    directory: Arc<dyn Directory>,
    intake: Intake,
    notices: Option<Notices>,
    metrics: Metrics,
    settings: Settings,
    attempts: ConnectAttempts,
    registry: Registry,
    wills: Wills,
    room: Arc<Semaphore>,
    newcomers: Shares,
    arrivals: Arrivals,
    events: EventPace,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A machine's connection with its seat.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) key: SessionKey,
    pub(crate) seat: Seat,
}

/// A machine that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) seated: Seated,
    pub(crate) children: ChildSet,
    pub(crate) earlier: Option<Vec<Subscription>>,
}

impl Gateway {
    /// Starts to accept connections on this socket.
    #[must_use]
    pub fn start(parts: Parts, socket: TcpListener, tls: TlsSetting) -> Arc<Self> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let registry = Registry::default();
        let gateway = Arc::new(Self {
            wills: Wills::new(registry.clone(), parts.intake.clone(), tasks.clone(), stop.clone()),
            directory: parts.directory,
            intake: parts.intake,
            notices: parts.notices,
            metrics: parts.metrics,
            settings: parts.settings,
            attempts: ConnectAttempts::new(parts.settings.connects, parts.settings.refusals),
            registry,
            room: Arc::new(Semaphore::new(parts.settings.connections_max)),
            newcomers: Shares::new(parts.settings.newcomers_max),
            arrivals: Arrivals::new(parts.settings.arrivals),
            events: EventPace::new(parts.settings.events, Instant::now()),
            tasks,
            stop,
        });
        gateway.spawn(listener::run(Arc::clone(&gateway), socket, tls));
        gateway.spawn(review_all(Arc::clone(&gateway)));
        gateway.spawn(deliver_all(Arc::clone(&gateway), parts.down));
        gateway
    }

    /// Accepts no more, says goodbye to all, and waits for their ends, for a bounded time. The
    /// intake must still be served meanwhile.
    pub async fn stop(&self) {
        self.registry.stop();
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "connections didn't end in time");
        }
    }

    /// Live connections: to send to machines and to disconnect them.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sends towards a machine that is connected here, itself or through its parent.
    ///
    /// # Errors
    /// Why it wasn't taken; its owner sends it again.
    pub fn send_down(
        &self,
        machine: MachineId,
        channel: DownChannel,
        payload: Bytes,
    ) -> Result<(), NotTaken> {
        let result = self.registry.send_down(machine, channel, payload);
        match result {
            Ok(()) => {}
            Err(NotTaken::NotConnected) => {
                self.metrics.downlinks.with_label_values(&["not_connected"]).inc();
            }
            Err(NotTaken::Full) => self.metrics.downlinks.with_label_values(&["full"]).inc(),
        }
        result
    }

    /// Serves a connection that came by another door, such as a WebSocket: what is written to the
    /// stream is from the machine, what is read is for it. Dropping it ends the connection. `None`:
    /// there are as many connections as may be, its network opens them too fast, or the gateway stops.
    #[must_use]
    pub fn enter(self: &Arc<Self>, remote: SocketAddr) -> Option<DuplexStream> {
        if self.stop.is_cancelled() {
            return None;
        }
        let (place, newcomer) = match self.take_place(remote) {
            Ok(taken) => taken,
            Err(reason) => {
                self.metrics.websockets.with_label_values(&[reason]).inc();
                return None;
            }
        };
        self.metrics.websockets.with_label_values(&["ok"]).inc();
        let (theirs, stream) = tokio::io::duplex(WEBSOCKET_PIPE_BYTES);
        let gateway = Arc::clone(self);
        self.spawn(async move {
            gateway.metrics.connections.inc();
            let quick_ack = |_: &DuplexStream| {};
            let peer = Peer::Anonymous;
            let transport = Transport { stream, peer, remote, newcomer, quick_ack };
            Box::pin(connection::run(Arc::clone(&gateway), transport)).await;
            gateway.metrics.connections.dec();
            drop(place);
        });
        Some(theirs)
    }

    /// A place among the connections, and one among the newcomers of its network, each until it is
    /// dropped. Otherwise what metrics call the reason.
    pub(crate) fn take_place(
        &self,
        remote: SocketAddr,
    ) -> Result<(OwnedSemaphorePermit, Share), &'static str> {
        const FULL: &str = "over_limit";
        if !self.arrivals.may_come(remote.ip(), now()) {
            return Err("too_fast");
        }
        let newcomer = self.newcomers.take(remote.ip()).ok_or(FULL)?;
        let place = Arc::clone(&self.room).try_acquire_owned().map_err(|_| FULL)?;
        Ok((place, newcomer))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    /// How fast machines report events.
    pub(crate) fn events(&self) -> &EventPace {
        &self.events
    }

    pub(crate) fn wills(&self) -> &Wills {
        &self.wills
    }

    /// Cancelled when the gateway stops.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs something that [`Gateway::stop`] waits for.
    pub(crate) fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Asks the directory, opens the connection and takes its seat. A connection that doesn't
    /// wait for the answer is closed again.
    pub(crate) async fn admit(
        self: Arc<Self>,
        claim: Claim,
        remote: SocketAddr,
    ) -> Result<Admitted, Refused> {
        let (sender, answer) = oneshot::channel();
        let gateway = Arc::clone(&self);
        self.spawn(async move {
            let kept_s = claim.kept_s;
            let admitted = gateway.open(claim, remote).await;
            if let Err(Ok(Admitted { seated, .. })) = sender.send(admitted) {
                gateway.close(seated.key, "abandoned", kept_s).await;
            }
        });
        match tokio::time::timeout(DIRECTORY_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Refused::Unavailable),
        }
    }

    async fn open(&self, claim: Claim, remote: SocketAddr) -> Result<Admitted, Refused> {
        let credential = self.check(&claim, remote.ip()).await?;
        let opened = self.directory.open(&claim, &credential, remote).await?;
        let Claim { machine, client_id, kept_s, .. } = claim;
        let key = SessionKey { machine, generation: opened.generation, client_id };
        let children = opened.children.clone();
        match self.registry.enter(machine, opened.generation, credential, children) {
            Ok(seat) => {
                self.wills.cancel(machine);
                Ok(Admitted {
                    seated: Seated { key, seat },
                    children: opened.children,
                    earlier: opened.earlier,
                })
            }
            Err(no_seat) => {
                tracing::debug!(machine.id = %machine, reason = %no_seat, "no seat");
                self.close(key, "superseded", kept_s).await;
                Err(Refused::Unavailable)
            }
        }
    }

    /// Asks the directory, unless the machine, or whoever it says it is, asks too often.
    async fn check(&self, claim: &Claim, remote: IpAddr) -> Result<Credential, Refused> {
        let source = match &claim.presented {
            Presented::Certificate(serial) => Source::Certificate(serial.clone()),
            Presented::Token(_) | Presented::Proof(_) => Source::address(remote),
        };
        if !self.attempts.may_try(&source, now()) {
            return Err(Refused::TooOften);
        }
        let checked = self.directory.admit(claim).await;
        match &checked {
            Err(Refused::BadCredentials | Refused::NotAuthorized) => {
                self.attempts.refused(source, now());
            }
            Ok(_) if !self.attempts.may_open(claim.machine, now()) => {
                return Err(Refused::TooOften);
            }
            _ => {}
        }
        checked
    }

    pub(crate) async fn remember(&self, key: &SessionKey, filters: &[Subscription]) -> bool {
        let remembered = self.directory.remember(key, filters);
        match tokio::time::timeout(DIRECTORY_TIMEOUT, remembered).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                warn("filters not remembered", &error);
                false
            }
            Err(_) => false,
        }
    }

    /// Tells the directory of a connection's end, without keeping the connection for it.
    pub(crate) fn closed(self: &Arc<Self>, key: SessionKey, why: &'static str, kept_s: u32) {
        let gateway = Arc::clone(self);
        self.spawn(async move { gateway.close(key, why, kept_s).await });
    }

    async fn close(&self, key: SessionKey, why: &'static str, kept_s: u32) {
        if let Err(error) = self.directory.closed(&key, why, kept_s).await {
            warn("end of a connection not recorded", &error);
        }
    }

    pub(crate) fn notify(&self, machine: MachineId, seat: &Seat, presence: Presence) {
        if let Some(notices) = &self.notices {
            let generation: Generation = seat.generation();
            notices.leave(Notice { machine, generation, presence, at: now() });
        }
    }
}

async fn review_all(gateway: Arc<Gateway>) {
    let Settings { review_interval, left_interval, left_after, .. } = gateway.settings;
    let (directory, registry) = (gateway.directory.as_ref(), &gateway.registry);
    tokio::select! {
        () = review::run(directory, registry, review_interval) => {}
        () = review::close_left(directory, registry, left_interval, left_after) => {}
        () = gateway.stop.cancelled() => {}
    }
}

async fn deliver_all(
    gateway: Arc<Gateway>,
    mut down: mpsc::Receiver<(MachineId, DownChannel, Bytes)>,
) {
    loop {
        let next = tokio::select! {
            next = down.recv() => next,
            () = gateway.stop.cancelled() => None,
        };
        let Some((machine, channel, payload)) = next else { return };
        if let Err(reason) = gateway.send_down(machine, channel, payload) {
            tracing::debug!(machine.id = %machine, channel = channel.as_str(), %reason, "not sent");
        }
    }
}

fn warn(what: &'static str, error: &Unavailable) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
