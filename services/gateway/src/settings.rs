//! What an operator, or a test, may set; everything else is fixed in `limits`.

use std::time::Duration;

use millwright_identity::machines::attempts::Rate;

use crate::limits;

/// Times and counts of a gateway. The default is what `limits` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// See [`limits::CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`limits::NEWCOMERS_MAX`].
    pub newcomers_max: usize,
    /// See [`limits::HANDSHAKES_MAX`].
    pub handshakes_max: usize,
    /// See [`limits::HANDSHAKES_PER_NETWORK`].
    pub handshakes_per_network: usize,
    /// See [`limits::ARRIVALS_BURST`].
    pub arrivals: Rate,
    /// See [`limits::HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`limits::REVIEW_INTERVAL`].
    pub review_interval: Duration,
    /// See [`limits::LEFT_INTERVAL`].
    pub left_interval: Duration,
    /// See [`limits::LEFT_AFTER`].
    pub left_after: Duration,
    /// Times of each session.
    pub session: SessionTimes,
    /// How fast each connection may send.
    pub pace: Pace,
    /// How fast each machine may report events, see [`limits::EVENTS_BURST`].
    pub events: Rate,
    /// See [`limits::CONNECTS_BURST`].
    pub connects: Rate,
    /// See [`limits::REFUSALS_BURST`].
    pub refusals: Rate,
}

/// How fast a connection may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// See [`limits::PACE_MESSAGES_PER_S`].
    pub messages_per_s: u32,
    /// See [`limits::PACE_MESSAGES_BURST`].
    pub messages_burst: u32,
    /// See [`limits::PACE_BYTES_PER_S`].
    pub bytes_per_s: u32,
    /// See [`limits::PACE_BYTES_BURST`].
    pub bytes_burst: u32,
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
            newcomers_max: limits::NEWCOMERS_MAX,
            handshakes_max: limits::HANDSHAKES_MAX,
            handshakes_per_network: limits::HANDSHAKES_PER_NETWORK,
            arrivals: Rate { burst: limits::ARRIVALS_BURST, every: limits::ARRIVAL_EVERY },
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            review_interval: limits::REVIEW_INTERVAL,
            left_interval: limits::LEFT_INTERVAL,
            left_after: limits::LEFT_AFTER,
            session: SessionTimes::default(),
            pace: Pace::default(),
            events: Rate { burst: limits::EVENTS_BURST, every: limits::EVENT_EVERY },
            connects: Rate { burst: limits::CONNECTS_BURST, every: limits::CONNECT_EVERY },
            refusals: Rate { burst: limits::REFUSALS_BURST, every: limits::REFUSAL_EVERY },
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            messages_per_s: limits::PACE_MESSAGES_PER_S,
            messages_burst: limits::PACE_MESSAGES_BURST,
            bytes_per_s: limits::PACE_BYTES_PER_S,
            bytes_burst: limits::PACE_BYTES_BURST,
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
