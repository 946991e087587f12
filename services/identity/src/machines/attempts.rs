//! How often a machine may connect, and how often credentials may be refused.

use std::net::IpAddr;
use std::time::Duration;

use millwright_schemas::{CertificateSerial, MachineId, Timestamp};

use crate::networks::network;
use crate::people::rate_limit::RateLimit;

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// Then one more each time this has passed.
    pub every: Duration,
}

/// Who is counted when a credential is refused.
///
/// A token proves nothing until it is accepted, so its address counts. A certificate is known to
/// be of our CA: it counts itself, so that a revoked one locks out neither its neighbours behind
/// the same address nor its machine's next certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// An address, of IPv6 its /64; see [`Source::address`].
    Address(IpAddr),
    /// A certificate.
    Certificate(CertificateSerial),
}

impl Source {
    /// The network of an address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }
}

/// Counts of connections and refusals, in bounded memory. Sources for which there is no room are
/// not held back; machines for which there is none share one count.
#[derive(Debug)]
pub struct ConnectAttempts {
    opened: RateLimit<MachineId>,
    refused: RateLimit<Source>,
}

impl ConnectAttempts {
    /// Nothing was counted yet. `opened`: connections of one machine; `refused`: refusals of one
    /// source.
    #[must_use]
    pub fn new(opened: Rate, refused: Rate) -> Self {
        Self { opened: bucket(opened), refused: bucket(refused) }
    }

    /// Whether a credential of this source is looked at.
    pub fn may_try(&self, source: &Source, now: Timestamp) -> bool {
        self.refused.look(source, now).left > 0
    }

    /// A credential of this source was refused.
    pub fn refused(&self, source: Source, now: Timestamp) {
        // What is beyond the limit is refused by the next question.
        let _ = self.refused.take(source, now);
    }

    /// Counts a connection of a machine that has proved who it is; false: it may not connect now.
    pub fn may_open(&self, machine: MachineId, now: Timestamp) -> bool {
        self.opened.take(machine, now).is_ok()
    }
}

fn bucket<K: Eq + std::hash::Hash>(rate: Rate) -> RateLimit<K> {
    RateLimit::new(f64::from(rate.burst), rate.every.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn attempts() -> ConnectAttempts {
        let rate = Rate { burst: 2, every: Duration::from_secs(10) };
        ConnectAttempts::new(rate, rate)
    }

    fn address(text: &str) -> Source {
        Source::address(text.parse().unwrap())
    }

    #[test]
    fn a_machines_connections_run_out_and_come_back() {
        let (attempts, start) = (attempts(), Timestamp::from_millis(0));
        let machine = MachineId(Uuid::from_u128(1));
        assert!(attempts.may_open(machine, start));
        assert!(attempts.may_open(machine, start));
        assert!(!attempts.may_open(machine, start));
        assert!(attempts.may_open(MachineId(Uuid::from_u128(2)), start), "another has its own");
        assert!(attempts.may_open(machine, start.plus_seconds(10)));
    }

    #[test]
    fn only_refusals_count_for_a_source() {
        let (attempts, start) = (attempts(), Timestamp::from_millis(0));
        let source = address("192.0.2.1");
        for _ in 0..10 {
            assert!(attempts.may_try(&source, start));
        }
        attempts.refused(source.clone(), start);
        assert!(attempts.may_try(&source, start));
        attempts.refused(source.clone(), start);
        assert!(!attempts.may_try(&source, start));
        assert!(attempts.may_try(&address("192.0.2.2"), start), "another address");
        let serial = CertificateSerial::from_be_bytes(&[1]);
        assert!(attempts.may_try(&Source::Certificate(serial), start), "a certificate");
        assert!(attempts.may_try(&source, start.plus_seconds(10)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        assert_eq!(address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff::2"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
