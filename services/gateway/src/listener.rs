//! Accepts connections and shakes hands, each beside the others and within a time limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use millwright_identity::networks::{Share, Turns};
use rustls::server::Acceptor;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection::{self, Transport};
use crate::gateway::Gateway;
use crate::limits::{ACCEPT_PAUSE, TCP_KEEPALIVE, UNREAD_TIMEOUT};
use crate::tls::{self, TlsSetting};

/// Accepts until the gateway stops. A failed accept doesn't end it.
pub(crate) async fn run(gateway: Arc<Gateway>, socket: TcpListener, tls: TlsSetting) {
    let settings = gateway.settings();
    let handshakes = Turns::new(settings.handshakes_max, settings.handshakes_per_network);
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = gateway.stopping().cancelled() => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no more file descriptors. It passes when connections end.
                tracing::warn!(error = &error as &dyn std::error::Error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (place, newcomer) = match gateway.take_place(remote) {
            Ok(taken) => taken,
            Err(reason) => {
                gateway.metrics().handshakes.with_label_values(&[reason]).inc();
                continue;
            }
        };
        let accepted = Accepted { stream, remote, place, newcomer, handshakes: handshakes.clone() };
        gateway.spawn(serve(Arc::clone(&gateway), accepted, tls.clone()));
    }
}

struct Accepted {
    stream: TcpStream,
    remote: SocketAddr,
    place: OwnedSemaphorePermit,
    newcomer: Share,
    handshakes: Turns,
}

async fn serve(gateway: Arc<Gateway>, accepted: Accepted, tls: TlsSetting) {
    let Accepted { stream, remote, place, newcomer, handshakes } = accepted;
    gateway.metrics().connections.inc();
    // In its own allocation, which ends with the handshake: a task keeps the room of its
    // greatest state for life.
    let handshake = Box::pin(handshake(stream, remote, handshakes, tls));
    let limit = gateway.settings().handshake_timeout;
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limit, handshake) => shaken,
        () = gateway.stopping().cancelled() => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
    };
    let result = match shaken {
        Ok(Ok(stream)) => {
            gateway.metrics().handshakes.with_label_values(&["ok"]).inc();
            let peer = tls::peer(stream.get_ref().1);
            let transport = Transport { stream, peer, remote, newcomer, quick_ack };
            Box::pin(connection::run(Arc::clone(&gateway), transport)).await;
            None
        }
        Ok(Err(error)) => {
            tracing::debug!(%remote, error = &error as &dyn std::error::Error, "no handshake");
            Some("failed")
        }
        Err(_) => Some("timeout"),
    };
    if let Some(result) = result {
        gateway.metrics().handshakes.with_label_values(&[result]).inc();
    }
    gateway.metrics().connections.dec();
    drop(place);
}

/// It takes its turn only once the first message is complete, so that silent sockets don't keep
/// others from theirs.
async fn handshake(
    stream: TcpStream,
    remote: SocketAddr,
    handshakes: Turns,
    tls: TlsSetting,
) -> io::Result<Box<TlsStream<TcpStream>>> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNREAD_TIMEOUT))?;
    let started = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let turn = handshakes.wait(remote.ip()).await;
    // What is costly is done here; then the machine is waited for, which is nobody else's turn.
    let accept = started.into_stream(tls.current());
    drop(turn);
    Ok(Box::new(accept.await?))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(clippy::borrowed_box, reason = "the box is the stream")]
fn quick_ack(stream: &Box<TlsStream<TcpStream>>) {
    // It only costs time when it fails.
    let _ = stream.get_ref().0.set_quickack(true);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::borrowed_box, reason = "the box is the stream")]
fn quick_ack(_: &Box<TlsStream<TcpStream>>) {}
