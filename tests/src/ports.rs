//! Ports that stay free while a program is restarted.

use std::net::{SocketAddr, TcpListener};

use rand::RngExt;

/// Below the range from which systems take ports for outgoing connections: there another test's
/// connection could take the port between two starts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A loopback address that nobody listens on.
#[must_use]
pub fn free() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::rng().random_range(RANGE)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
