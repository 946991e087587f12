//! Deadlines of a session.

use std::time::{Duration, Instant};

use crate::limits::WRITE_PROGRESS_MIN_BYTES;
use crate::settings::SessionTimes;

/// The deadlines of one session. Where no time runs, silence is the gateway's own doing.
#[derive(Debug)]
pub(super) struct Clock {
    times: SessionTimes,
    started: Instant,
    last_packet: Instant,
    /// Decoding is held back: packets that would refresh the keep-alive may lie undecoded.
    paused: bool,
    keep_alive: Option<Duration>,
    stall: Option<Stall>,
}

#[derive(Debug)]
struct Stall {
    since: Instant,
    written: usize,
}

impl Clock {
    pub(super) fn new(times: SessionTimes, now: Instant) -> Self {
        Self { times, started: now, last_packet: now, paused: false, keep_alive: None, stall: None }
    }

    /// A complete packet arrived: the only thing that refreshes the keep-alive.
    pub(super) fn packet(&mut self, now: Instant) {
        self.last_packet = now;
    }

    pub(super) fn set_keep_alive(&mut self, keep_alive_s: u16, now: Instant) {
        self.last_packet = now;
        // MQTT 3.1.1 and 5, 3.1.2.10: one and a half times the keep-alive.
        self.keep_alive = match keep_alive_s {
            0 => None,
            seconds => Some(Duration::from_millis(1_500 * u64::from(seconds))),
        };
    }

    pub(super) fn pause(&mut self, paused: bool, now: Instant) {
        if self.paused && !paused {
            self.last_packet = now;
        }
        self.paused = paused;
    }

    /// Bytes wait and the transport takes none.
    pub(super) fn blocked(&mut self, now: Instant) {
        self.stall.get_or_insert(Stall { since: now, written: 0 });
    }

    /// Bytes left; `waiting`: others still wait.
    pub(super) fn wrote(&mut self, bytes: usize, waiting: bool, now: Instant) {
        if !waiting {
            self.stall = None;
        } else if let Some(stall) = &mut self.stall {
            stall.written += bytes;
            if stall.written >= WRITE_PROGRESS_MIN_BYTES {
                *stall = Stall { since: now, written: 0 };
            }
        }
    }

    pub(super) fn connect_deadline(&self) -> Instant {
        self.started + self.times.connect_timeout
    }

    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        if self.paused { None } else { self.keep_alive.map(|time| self.last_packet + time) }
    }

    pub(super) fn stall_deadline(&self) -> Option<Instant> {
        self.stall.as_ref().map(|stall| stall.since + self.times.write_stall_timeout)
    }
}
