//! Networks that connections come from: an address is nobody, but what one of them takes must leave
//! enough for the others. Everything here is in memory, for one process, and bounded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_schemas::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::machines::attempts::Rate;
use crate::people::rate_limit::RateLimit;

/// The network of an address: an IPv4 address by itself, of IPv6 the /64, all of which one subscriber
/// has.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

/// Things of which one network may hold so many at once. As many entries as there are things at most.
/// Clones count together.
#[derive(Debug, Clone)]
pub struct Shares {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    max: usize,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Share {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    network: IpAddr,
}

impl Shares {
    /// At most so many of one network.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { held: Arc::default(), max }
    }

    /// One more of this address; `None`: its network has as many as it may have.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<Share> {
        let network = network(address);
        let mut held = locked(&self.held);
        let count = held.entry(network).or_insert(0);
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Share { held: Arc::clone(&self.held), network })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = locked(&self.held);
        if let Some(count) = held.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.network);
            }
        }
    }
}

/// Work of which so much is done at once, and less of it for one network. Further work waits with what
/// is of the same network, so that a network with much of it keeps none of the others waiting. Clones
/// are one.
#[derive(Debug, Clone)]
pub struct Turns {
    all: Arc<Semaphore>,
    lines: Lines,
    of_network: usize,
}

type Lines = Arc<Mutex<HashMap<IpAddr, Line>>>;

/// Those of one network that wait or are at it.
#[derive(Debug)]
struct Line {
    turns: Arc<Semaphore>,
    members: usize,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_network: OwnedSemaphorePermit,
    _membership: Membership,
}

/// The line is kept as long as somebody is in it.
#[derive(Debug)]
struct Membership {
    lines: Lines,
    network: IpAddr,
}

impl Turns {
    /// So much at once, and so much of one network.
    #[must_use]
    pub fn new(all: usize, of_network: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), lines: Lines::default(), of_network }
    }

    /// Waits for a turn; `None` never comes, as nothing closes the lines. Those who give up waiting
    /// leave their place.
    pub async fn wait(&self, address: IpAddr) -> Option<Turn> {
        let (membership, turns) = self.line_up(network(address));
        let of_network = turns.acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _of_all: of_all, _of_network: of_network, _membership: membership })
    }

    fn line_up(&self, network: IpAddr) -> (Membership, Arc<Semaphore>) {
        let mut lines = locked(&self.lines);
        let line = lines.entry(network).or_insert_with(|| Line {
            turns: Arc::new(Semaphore::new(self.of_network)),
            members: 0,
        });
        line.members += 1;
        let turns = Arc::clone(&line.turns);
        drop(lines);
        (Membership { lines: Arc::clone(&self.lines), network }, turns)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut lines = locked(&self.lines);
        if let Some(line) = lines.get_mut(&self.network) {
            line.members -= 1;
            if line.members == 0 {
                lines.remove(&self.network);
            }
        }
    }
}

/// How fast each network may come. In bounded memory: networks for which there is no room share one
/// count.
#[derive(Debug)]
pub struct Arrivals(RateLimit<IpAddr>);

impl Arrivals {
    /// So fast, each.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self(RateLimit::new(f64::from(rate.burst), rate.every.as_secs_f64()))
    }

    /// Counts one more of this address; false: its network comes too fast.
    #[must_use]
    pub fn may_come(&self, address: IpAddr, now: Timestamp) -> bool {
        self.0.take(network(address), now).is_ok()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_its_share_and_gets_it_back() {
        let shares = Shares::new(2);
        let take = |text: &str| shares.take(address(text));
        let first = take("2001:db8::1");
        let second = take("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::3").is_none(), "the same /64");
        let other = take("192.0.2.1");
        assert!(other.is_some());
        drop(first);
        let third = take("2001:db8::3");
        assert!(third.is_some());
        drop((second, third, other));
        assert_eq!(locked(&shares.held).len(), 0);
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_network_with_much_to_do_keeps_only_itself_waiting() {
        let turns = Turns::new(3, 2);
        let wait = |text: &str| {
            let (turns, address) = (turns.clone(), address(text));
            Box::pin(async move { turns.wait(address).await.unwrap() })
        };
        let first = poll(wait("192.0.2.1").as_mut()).unwrap();
        let second = poll(wait("192.0.2.1").as_mut()).unwrap();
        let mut waiting: Vec<_> = (0..10).map(|_| wait("192.0.2.1")).collect();
        assert!(waiting.iter_mut().all(|one| poll(one.as_mut()).is_none()), "its turns are taken");

        let other = poll(wait("192.0.2.2").as_mut()).expect("it doesn't wait behind them");
        let mut late = wait("192.0.2.3");
        assert!(poll(late.as_mut()).is_none(), "there are three turns in all");
        drop(first);
        assert!(poll(waiting[0].as_mut()).is_none(), "the one who came before is first");
        let late = poll(late.as_mut()).unwrap();
        drop((other, late));
        let next = poll(waiting[0].as_mut()).unwrap();
        assert!(poll(waiting[1].as_mut()).is_none(), "two of a network");

        drop((second, next, waiting));
        assert_eq!(locked(&turns.lines).len(), 0, "no line is kept for nobody");
        assert_eq!(turns.all.available_permits(), 3, "who gave up waiting holds nothing");
    }

    #[test]
    fn a_network_that_comes_too_fast_is_told_so_and_others_are_not() {
        let arrivals = Arrivals::new(Rate { burst: 2, every: Duration::from_secs(1) });
        let start = Timestamp::from_millis(0);
        let come = |text: &str, now| arrivals.may_come(address(text), now);
        assert!(come("2001:db8::1", start) && come("2001:db8::2", start));
        assert!(!come("2001:db8::3", start), "the same /64");
        assert!(come("2001:db8:0:1::1", start));
        assert!(come("2001:db8::1", start.plus_seconds(1)));
    }
}
