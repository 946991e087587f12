//! Connections that haven't said who they are yet, counted by network: one that opens thousands and
//! says nothing must leave places for others.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use millwright_identity::machines::network;

/// Counts by network; as many entries as there are places at most.
#[derive(Debug, Clone)]
pub(crate) struct Newcomers {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// Of one network at once.
    max: usize,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Newcomer {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    network: IpAddr,
}

impl Newcomers {
    pub(crate) fn new(max: usize) -> Self {
        Self { counts: Arc::default(), max }
    }

    /// Counts one more; `None`: its network has as many as it may have.
    pub(crate) fn add(&self, remote: SocketAddr) -> Option<Newcomer> {
        let network = network(remote.ip());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_insert(0);
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Newcomer { counts: Arc::clone(&self.counts), network })
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_share_and_gets_it_back() {
        let newcomers = Newcomers::new(2);
        let add = |address: &str| newcomers.add(SocketAddr::new(address.parse().ok()?, 1));
        let first = add("2001:db8::1");
        let second = add("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(add("2001:db8::3").is_none(), "the same /64");
        let other = add("192.0.2.1");
        assert!(other.is_some());
        drop(first);
        let third = add("2001:db8::3");
        assert!(third.is_some());
        drop((second, third, other));
        assert_eq!(newcomers.counts.lock().map(|counts| counts.len()).ok(), Some(0));
    }
}
