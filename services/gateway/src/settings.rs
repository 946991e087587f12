//! What an operator, or a test, may set; everything else is fixed in `limits`.

use std::time::Duration;

use crate::limits;

/// Times and counts of a gateway. The default is what `limits` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// See [`limits::CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`limits::HANDSHAKES_MAX`].
    pub handshakes_max: usize,
    /// See [`limits::HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`limits::REVIEW_INTERVAL`].
    pub review_interval: Duration,
    /// Times of each session.
    pub session: SessionTimes,
}

/// Times of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// See [`limits::CONNECT_TIMEOUT`].
    pub connect_timeout: Duration,
    /// See [`limits::WRITE_STALL_TIMEOUT`].
    pub write_stall_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            handshakes_max: limits::HANDSHAKES_MAX,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            review_interval: limits::REVIEW_INTERVAL,
            session: SessionTimes::default(),
        }
    }
}

impl Default for SessionTimes {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            write_stall_timeout: limits::WRITE_STALL_TIMEOUT,
        }
    }
}
