//! How fast a client may send.

use std::time::{Duration, Instant};

use crate::limits::THROTTLE_PAUSE_MIN;
use crate::settings::Pace;

/// Two buckets, one of packets and one of bytes, that fill at the pace's rates. A packet is paid
/// for once it is decoded, so a bucket can fall below empty by one packet; then nothing more is
/// decoded until what is owed has come back.
#[derive(Debug)]
pub(super) struct Throttle {
    pace: Pace,
    packets: f64,
    bytes: f64,
    filled_at: Instant,
    until: Option<Instant>,
    pauses: u64,
}

impl Throttle {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            packets: f64::from(pace.messages_burst),
            bytes: f64::from(pace.bytes_burst),
            filled_at: now,
            until: None,
            pauses: 0,
        }
    }

    /// A packet of so many bytes was decoded.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) {
        self.fill(now);
        self.packets -= 1.0;
        self.bytes -= f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.packets <= 0.0 || self.bytes <= 0.0 {
            let packets_s = -self.packets / rate(self.pace.messages_per_s);
            let bytes_s = -self.bytes / rate(self.pace.bytes_per_s);
            let owed = Duration::from_secs_f64(packets_s.max(bytes_s).max(0.0));
            self.until = Some(now + owed.max(THROTTLE_PAUSE_MIN));
            self.pauses += 1;
        }
    }

    /// Pauses for another reason, until this time at least.
    pub(super) fn pause(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |at| at.max(until)));
        self.pauses += 1;
    }

    /// Ends the pause when its time is over.
    pub(super) fn resume(&mut self, now: Instant) {
        self.until = self.until.filter(|until| *until > now);
    }

    /// The end of the pause, if there is one.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn pauses(&self) -> u64 {
        self.pauses
    }

    fn fill(&mut self, now: Instant) {
        let passed_s = now.saturating_duration_since(self.filled_at).as_secs_f64();
        let Pace { messages_per_s, messages_burst, bytes_per_s, bytes_burst } = self.pace;
        self.packets =
            (self.packets + passed_s * rate(messages_per_s)).min(f64::from(messages_burst));
        self.bytes = (self.bytes + passed_s * rate(bytes_per_s)).min(f64::from(bytes_burst));
        self.filled_at = now;
    }
}

/// A rate of nothing would be a pause for ever.
fn rate(per_s: u32) -> f64 {
    f64::from(per_s.max(1))
}
