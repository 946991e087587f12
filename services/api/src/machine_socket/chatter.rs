//! Frames that carry nothing. Pure.

use std::time::Instant;

use crate::limits::{EMPTY_FRAMES_MAX, EMPTY_FRAMES_WINDOW};

/// Counts the frames without data of a connection: the gateway doesn't see them, and so can't slow
/// down who sends them.
#[derive(Debug)]
pub(super) struct Chatter {
    since: Instant,
    frames: u32,
}

impl Chatter {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, frames: 0 }
    }

    /// One more; whether that is still fine.
    pub(super) fn is_fine(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= EMPTY_FRAMES_WINDOW {
            *self = Self::new(now);
        }
        self.frames = self.frames.saturating_add(1);
        self.frames <= EMPTY_FRAMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_frames_in_a_window_and_then_anew() {
        let start = Instant::now();
        let mut chatter = Chatter::new(start);
        assert!((0..EMPTY_FRAMES_MAX).all(|_| chatter.is_fine(start)));
        assert!(!chatter.is_fine(start));
        assert!(!chatter.is_fine(start + EMPTY_FRAMES_WINDOW / 2));
        assert!(chatter.is_fine(start + EMPTY_FRAMES_WINDOW));
    }
}
