//! The network between machines and platform: one TCP proxy that cuts, tears and stalls, and leads to
//! one of the processes that machines can connect to, as a load balancer does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes that are carried at once.
const CHUNK: usize = 4 * 1024;
/// Processes that machines can connect to, at most.
const DOORS_MAX: usize = 2;
/// Connections whose place is below it leave a process that stands still, if there is another one.
const LEAVES: f64 = 0.7;
/// How long the process that was left keeps its end of such a connection after it has gone on: it finds what
/// the machine had sent, and doesn't learn from the network that the machine is elsewhere.
const KEPT: Duration = Duration::from_secs(5);

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
    /// How many processes there are.
    doors: usize,
    /// Those that don't answer.
    still: [bool; DOORS_MAX],
}

impl State {
    /// The doors in the order in which a new connection tries them: those first that answer.
    fn order(&self, first: usize) -> Vec<usize> {
        let mut order: Vec<usize> =
            (first..first + self.doors).map(|door| door % self.doors).collect();
        order.sort_by_key(|door| self.still[*door]);
        order
    }

    /// Whether a connection to this door had better be another one.
    fn leads_elsewhere(&self, door: usize) -> bool {
        self.still[door] && (0..self.doors).any(|other| !self.still[other])
    }
}

/// What has gone through.
#[derive(Debug, Default)]
struct Counted {
    led: [AtomicU64; DOORS_MAX],
    moved: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Network {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    counted: Arc<Counted>,
    accepting: JoinHandle<()>,
}

impl Network {
    /// Leads from a port of its own to the platform's processes, one or two.
    pub(crate) async fn start(platform: &[SocketAddr]) -> anyhow::Result<Self> {
        assert!((1..=DOORS_MAX).contains(&platform.len()), "{} doors", platform.len());
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the network's port")?;
        let address = listener.local_addr()?;
        let state = State { doors: platform.len(), ..State::default() };
        let state = Arc::new(watch::Sender::new(state));
        let counted = Arc::<Counted>::default();
        let ways = Ways { platform: Arc::from(platform), counted: Arc::clone(&counted) };
        let accepting = tokio::spawn(accept(listener, ways, Arc::clone(&state)));
        Ok(Self { address, state, counted, accepting })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// For those who stop processes.
    pub(crate) fn doors(&self) -> Doors {
        Doors(Arc::clone(&self.state))
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

    /// Connections that were led to the second process.
    pub(crate) fn led_to_the_second(&self) -> u64 {
        self.counted.led[1].load(Ordering::Relaxed)
    }

    /// Connections that left a process that stood still.
    pub(crate) fn moved(&self) -> u64 {
        self.counted.moved.load(Ordering::Relaxed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Tells the network which processes answer.
#[derive(Debug, Clone)]
pub(crate) struct Doors(Arc<watch::Sender<State>>);

impl Doors {
    pub(crate) fn stands_still(&self, door: usize, still: bool) {
        self.0.send_modify(|state| state.still[door] = still);
    }
}

/// Where it leads.
#[derive(Debug, Clone)]
struct Ways {
    platform: Arc<[SocketAddr]>,
    counted: Arc<Counted>,
}

async fn accept(listener: TcpListener, ways: Ways, state: Arc<watch::Sender<State>>) {
    loop {
        let Ok((machine, _)) = listener.accept().await else {
            // No more file descriptors: some will be free again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(lead(machine, ways.clone(), state.subscribe()));
    }
}

/// To one of the processes at random, or to the other one when that isn't there.
async fn lead(machine: TcpStream, ways: Ways, state: watch::Receiver<State>) {
    let now = *state.borrow();
    if now.down {
        return;
    }
    let first = rand::rng().random_range(0..now.doors);
    for door in now.order(first) {
        if let Ok(server) = TcpStream::connect(ways.platform[door]).await {
            ways.counted.led[door].fetch_add(1, Ordering::Relaxed);
            carry(machine, server, door, state, &ways.counted).await;
            return;
        }
    }
}

async fn carry(
    machine: TcpStream,
    server: TcpStream,
    door: usize,
    mut state: watch::Receiver<State>,
    counted: &Counted,
) {
    let _ = machine.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let way = Way { door, place: rand::rng().random_range(0.0..1.0) };
    let (mut from_machine, mut to_machine) = machine.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    // The end of one direction is the end of both.
    let end = tokio::select! {
        end = one_way(&mut from_machine, &mut to_server, state.clone(), way) => end,
        end = one_way(&mut from_server, &mut to_machine, state.clone(), way) => end,
    };
    if end == End::Moved {
        drop((from_machine, to_machine));
        counted.moved.fetch_add(1, Ordering::Relaxed);
        let _ = state.wait_for(|now| !now.still[door]).await;
        tokio::time::sleep(KEPT).await;
    }
}

/// A connection's door and place.
#[derive(Debug, Clone, Copy)]
struct Way {
    door: usize,
    place: f64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// For both sides.
    Over,
    /// For the machine: its process stands still.
    Moved,
}

async fn one_way(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    Way { door, place }: Way,
) -> End {
    let before = *state.borrow_and_update();
    let mut buffer = vec![0; CHUNK];
    loop {
        let now = *state.borrow_and_update();
        if now.down || (now.cuts > before.cuts && place < now.cut_share) {
            return End::Over;
        }
        if place < LEAVES && now.leads_elsewhere(door) {
            return End::Moved;
        }
        if place < now.stalled_share {
            if state.changed().await.is_err() {
                return End::Over;
            }
            continue;
        }
        let torn = now.tears > before.tears && place < now.tear_share;
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return End::Over },
            read = from.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return End::Over };
                // At least one byte is missing.
                let kept = if torn { length / 2 } else { length };
                if to.write_all(&buffer[..kept]).await.is_err() || torn {
                    return End::Over;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(still: [bool; 2]) -> State {
        State { doors: 2, still, ..State::default() }
    }

    #[test]
    fn those_that_answer_are_tried_first() {
        assert_eq!(state([false, false]).order(0), [0, 1]);
        assert_eq!(state([false, false]).order(1), [1, 0]);
        assert_eq!(state([true, false]).order(0), [1, 0]);
        assert_eq!(state([true, true]).order(1), [1, 0]);
        assert_eq!(State { doors: 1, ..state([true, false]) }.order(0), [0]);
    }

    #[test]
    fn nobody_leaves_without_another_process_that_answers() {
        assert!(state([true, false]).leads_elsewhere(0));
        assert!(!state([true, false]).leads_elsewhere(1));
        assert!(!state([true, true]).leads_elsewhere(0));
        assert!(!State { doors: 1, ..state([true, false]) }.leads_elsewhere(0));
    }
}
