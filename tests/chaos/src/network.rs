//! The network between machines and platform: one TCP proxy that cuts, tears and stalls.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are carried at once.
const CHUNK: usize = 4 * 1024;

/// How the network is. Each connection has a place between 0 and 1; a share of `x` are those with a
/// place below `x`.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    cuts: u64,
    cut_share: f64,
    tears: u64,
    tear_share: f64,
    stalled_share: f64,
    down: bool,
}

#[derive(Debug)]
pub(crate) struct Network {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

impl Network {
    /// Leads from a port of its own to the platform.
    pub(crate) async fn start(platform: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the network's port")?;
        let address = listener.local_addr()?;
        let state = Arc::new(watch::Sender::new(State::default()));
        let accepting = tokio::spawn(accept(listener, platform, Arc::clone(&state)));
        Ok(Self { address, state, accepting })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn cut(&self, share: f64) {
        self.state.send_modify(|state| {
            state.cuts += 1;
            state.cut_share = share;
        });
    }

    pub(crate) fn tear(&self, share: f64) {
        self.state.send_modify(|state| {
            state.tears += 1;
            state.tear_share = share;
        });
    }

    /// 0: all goes on.
    pub(crate) fn stall(&self, share: f64) {
        self.state.send_modify(|state| state.stalled_share = share);
    }

    pub(crate) fn down(&self, down: bool) {
        self.state.send_modify(|state| state.down = down);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, platform: SocketAddr, state: Arc<watch::Sender<State>>) {
    loop {
        let Ok((machine, _)) = listener.accept().await else {
            // No more file descriptors: some will be free again.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let state = state.subscribe();
        tokio::spawn(async move {
            let down = state.borrow().down;
            if !down && let Ok(server) = TcpStream::connect(platform).await {
                carry(machine, server, &state).await;
            }
        });
    }
}

async fn carry(machine: TcpStream, server: TcpStream, state: &watch::Receiver<State>) {
    let _ = machine.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let place = rand::rng().random_range(0.0..1.0);
    let (from_machine, to_machine) = machine.into_split();
    let (from_server, to_server) = server.into_split();
    // The end of one direction is the end of both.
    tokio::select! {
        () = one_way(from_machine, to_server, state.clone(), place) => {}
        () = one_way(from_server, to_machine, state.clone(), place) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    place: f64,
) {
    let before = *state.borrow_and_update();
    let mut buffer = vec![0; CHUNK];
    loop {
        let now = *state.borrow_and_update();
        if now.down || (now.cuts > before.cuts && place < now.cut_share) {
            return;
        }
        if place < now.stalled_share {
            if state.changed().await.is_err() {
                return;
            }
            continue;
        }
        let torn = now.tears > before.tears && place < now.tear_share;
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                // At least one byte is missing.
                let kept = if torn { length / 2 } else { length };
                if to.write_all(&buffer[..kept]).await.is_err() || torn {
                    return;
                }
            }
        }
    }
}
