//! Waiting times that double, with jitter.

use std::time::Duration;

/// Doubles from `min` to `max`; each wait is drawn between half of that and all of it, so that
/// clients that lost the same broker don't come back in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `min`.
    #[must_use]
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.max);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Starts again at `min`.
    pub const fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_start_again() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(min, max);
        for full in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next_wait();
            let full = Duration::from_millis(full);
            assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= min);
    }
}
