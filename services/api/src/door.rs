//! Who is let in at the HTTP port, and the server behind it.
//!
//! The framework's own TLS counts a handshake from the moment a socket is accepted, so that a hundred
//! sockets that say nothing keep everybody out. Here a handshake takes its turn once its whole first
//! message is there, and what one network (an address) takes leaves room for the others.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::http::KeepAlive;
use millwright_identity::machines::attempts::Rate;
use millwright_identity::networks::{Arrivals, Shares, Turns};
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::guest::Guest;
use crate::limits::{
    ARRIVAL_EVERY, ARRIVALS_BURST, CONNECTIONS_PER_NETWORK, CONNECTIONS_PER_WORKER,
    GOODBYE_TIMEOUT, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, HANDSHAKES_PER_NETWORK,
    NEWCOMERS_PER_NETWORK, REQUEST_HEAD_TIMEOUT,
};
use crate::observe::DoorMetrics;

/// What decides who comes in; one for all threads of a server.
pub(crate) struct Door {
    tls: Option<Arc<rustls::ServerConfig>>,
    connections: Shares,
    newcomers: Shares,
    arrivals: Arrivals,
    handshakes: Turns,
    clock: Clock,
    metrics: DoorMetrics,
}

/// How the server behind the door works.
#[derive(Clone, Copy)]
pub(crate) struct Behind {
    /// Threads that answer requests.
    pub(crate) workers: usize,
    /// How long an idle connection stays open.
    pub(crate) keep_alive: KeepAlive,
    /// How long running requests may take to end when it stops, in seconds.
    pub(crate) shutdown_s: u64,
}

/// Why a connection isn't let in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("its network has as many connections as it may have")]
    Full,
    #[error("its network opens connections too fast")]
    TooFast,
    #[error("no whole TLS handshake within {} s", HANDSHAKE_TIMEOUT.as_secs())]
    Timeout,
    #[error("TLS handshake")]
    Handshake(#[source] io::Error),
    #[error("it has gone")]
    Gone(#[source] io::Error),
}

impl Refusal {
    /// As metrics say it.
    const fn label(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TooFast => "too_fast",
            Self::Timeout => "timeout",
            Self::Handshake(_) => "handshake",
            Self::Gone(_) => "gone",
        }
    }
}

impl Door {
    /// With TLS if there is a setting for it.
    pub(crate) fn new(tls: Option<&rustls::ServerConfig>, metrics: DoorMetrics) -> Self {
        let tls = tls.map(|tls| {
            let mut tls = tls.clone();
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Arc::new(tls)
        });
        Self {
            tls,
            connections: Shares::new(CONNECTIONS_PER_NETWORK),
            newcomers: Shares::new(NEWCOMERS_PER_NETWORK),
            arrivals: Arrivals::new(Rate { burst: ARRIVALS_BURST, every: ARRIVAL_EVERY }),
            handshakes: Turns::new(HANDSHAKES_MAX, HANDSHAKES_PER_NETWORK),
            clock: Clock::system(),
            metrics,
        }
    }

    /// Lets a connection in, after its handshake.
    async fn admit(
        self: Arc<Self>,
        stream: TcpStream,
    ) -> Result<(Guest, Protocol, Option<SocketAddr>), DispatchError> {
        self.try_admit(stream).await.map_err(|refusal| {
            self.metrics.refused(refusal.label());
            tracing::debug!(error = &refusal as &dyn std::error::Error, "connection refused");
            DispatchError::Io(io::Error::other(refusal))
        })
    }

    async fn try_admit(
        &self,
        stream: TcpStream,
    ) -> Result<(Guest, Protocol, Option<SocketAddr>), Refusal> {
        let remote = stream.peer_addr().map_err(Refusal::Gone)?;
        let place = self.connections.take(remote.ip()).ok_or(Refusal::Full)?;
        let Some(tls) = &self.tls else {
            return Ok((Guest::plain(stream, place), Protocol::Http1, Some(remote)));
        };
        let newcomer = self.newcomers.take(remote.ip()).ok_or(Refusal::Full)?;
        if !self.arrivals.may_come(remote.ip(), self.clock.now()) {
            return Err(Refusal::TooFast);
        }
        // In its own allocation, which ends with the handshake: a task keeps the room of its greatest
        // state for life.
        let handshake = Box::pin(self.shake_hands(stream, remote, Arc::clone(tls)));
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
        let stream = shaken.map_err(|_| Refusal::Timeout)?.map_err(Refusal::Handshake)?;
        drop(newcomer);
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((Guest::tls(stream, place), protocol, Some(remote)))
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
    ) -> io::Result<Box<TlsStream<TcpStream>>> {
        let started = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let turn = self.handshakes.wait(remote.ip()).await;
        // What is costly is done here; then the client is waited for, which is nobody else's turn.
        let accept = started.into_stream(tls);
        drop(turn);
        Ok(Box::new(accept.await?))
    }
}

/// A server of this app behind this door; it answers once it is polled.
///
/// What `HttpServer` does, but for the door.
///
/// # Errors
/// When the listener can't be used.
pub(crate) fn serve<F, I, S, B>(
    listener: TcpListener,
    door: Door,
    behind: Behind,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let Behind { workers, keep_alive, shutdown_s } = behind;
    let address = listener.local_addr()?;
    let door = Arc::new(door);
    let server = Server::build();
    let stopping = server.graceful_shutdown_signal();
    let service = move || {
        let (door, stopping) = (Arc::clone(&door), stopping.clone());
        let app = app()
            .into_factory()
            .map_err(|error| Into::<actix_web::Error>::into(error).error_response());
        let http = HttpService::<Guest, _, B>::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(REQUEST_HEAD_TIMEOUT)
            .client_disconnect_timeout(GOODBYE_TIMEOUT)
            .local_addr(address)
            // Host and scheme of this are asked by nobody: links are made from `--public-url`.
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| Arc::clone(&door).admit(stream)).and_then(http)
    };
    let server = server
        .workers(workers)
        .max_concurrent_connections(CONNECTIONS_PER_WORKER)
        .shutdown_timeout(shutdown_s)
        .disable_signals()
        .listen("http", listener, service)?;
    Ok(server.run())
}
