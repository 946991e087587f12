//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential back-off with full jitter: a fleet that lost its platform at one moment doesn't
/// come back at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, failures: 0 }
    }

    /// The wait after one more failure; `random` is from 0 to 1.
    pub(super) fn next(&mut self, random: f64) -> Duration {
        let doubled = self.min.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        // Never none at all: a refusing server would be asked in a tight loop.
        let floor = self.min / 10;
        floor + doubled.min(self.max).saturating_sub(floor).mul_f64(random.clamp(0.0, 1.0))
    }

    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_again() {
        let (min, max) = (Duration::from_millis(500), Duration::from_secs(60));
        let mut backoff = Backoff::new(min, max);
        let longest: Vec<_> = (0..40).map(|_| backoff.next(1.0)).collect();
        assert_eq!(longest[..3], [min, min * 2, min * 4]);
        assert!(longest.iter().all(|wait| *wait <= max) && longest[39] == max);
        assert_eq!(backoff.next(0.0), min / 10);
        backoff.reset();
        assert_eq!(backoff.next(1.0), min);
    }
}
