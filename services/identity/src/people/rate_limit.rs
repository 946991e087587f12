//! Token buckets per key, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use millwright_schemas::Timestamp;

use super::limits::RATE_LIMIT_KEYS;

/// How many attempts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// At most.
    pub limit: u32,
    /// Left now.
    pub left: u32,
    /// Seconds until there are all again.
    pub reset_s: u32,
}

/// Buckets of attempts: each holds `size` and gets one more every `refill_s` seconds.
#[derive(Debug)]
pub(crate) struct RateLimit<K> {
    size: f64,
    refill_s: f64,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    by_key: HashMap<K, Bucket>,
    /// Shared by keys for which there is no room.
    others: Bucket,
    swept_at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl<K: Eq + Hash> RateLimit<K> {
    pub(crate) fn new(size: f64, refill_s: f64) -> Self {
        let start = Timestamp::from_micros(0);
        Self {
            size,
            refill_s,
            buckets: Mutex::new(Buckets {
                by_key: HashMap::new(),
                others: Bucket { left: size, at: start },
                swept_at: start,
            }),
        }
    }

    /// Takes one attempt; otherwise the seconds until there is one.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bucket = self.bucket(&mut buckets, key, now);
        self.refill(bucket, now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(whole((1.0 - bucket.left) * self.refill_s).max(1))
    }

    /// How many attempts a key has.
    pub(crate) fn look(&self, key: &K, now: Timestamp) -> Attempts {
        let buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let full = Bucket { left: self.size, at: now };
        let mut bucket = buckets.by_key.get(key).copied().unwrap_or(full);
        self.refill(&mut bucket, now);
        Attempts {
            limit: whole(self.size),
            left: whole(bucket.left.floor()),
            reset_s: whole((self.size - bucket.left) * self.refill_s),
        }
    }

    /// Gives an attempt back: it succeeded.
    pub(crate) fn give_back(&self, key: K, now: Timestamp) {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bucket = self.bucket(&mut buckets, key, now);
        bucket.left = (bucket.left + 1.0).min(self.size);
    }

    fn bucket<'b>(&self, all: &'b mut Buckets<K>, key: K, now: Timestamp) -> &'b mut Bucket {
        let full = all.by_key.len() >= RATE_LIMIT_KEYS;
        if full && now.micros_since(all.swept_at) > 1_000_000 {
            all.swept_at = now;
            all.by_key.retain(|_, bucket| {
                self.refill(bucket, now);
                bucket.left < self.size
            });
        }
        if all.by_key.len() >= RATE_LIMIT_KEYS && !all.by_key.contains_key(&key) {
            return &mut all.others;
        }
        all.by_key.entry(key).or_insert(Bucket { left: self.size, at: now })
    }

    fn refill(&self, bucket: &mut Bucket, now: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds, far below 2^53 µs")]
        let passed_s = now.micros_since(bucket.at).max(0) as f64 / 1e6;
        bucket.left = (bucket.left + passed_s / self.refill_s).min(self.size);
        bucket.at = now;
    }
}

/// A small positive number, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "attempts and seconds, bounded by the size of a bucket"
)]
fn whole(number: f64) -> u32 {
    number.ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_run_out_and_come_back() {
        let limit = RateLimit::new(2.0, 10.0);
        let start = Timestamp::from_millis(0);
        assert_eq!(limit.take("a", start), Ok(()));
        assert_eq!(limit.take("a", start), Ok(()));
        assert_eq!(limit.take("a", start), Err(10));
        assert_eq!(limit.look(&"a", start), Attempts { limit: 2, left: 0, reset_s: 20 });
        assert_eq!(limit.look(&"b", start), Attempts { limit: 2, left: 2, reset_s: 0 });
        assert_eq!(limit.take("b", start), Ok(()), "another key has its own");
        assert_eq!(limit.take("a", start.plus_seconds(4)), Err(6));
        assert_eq!(limit.take("a", start.plus_seconds(10)), Ok(()));
        limit.give_back("a", start.plus_seconds(10));
        assert_eq!(limit.take("a", start.plus_seconds(10)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_rest_share_one_bucket() {
        let limit = RateLimit::new(1.0, 1_000_000.0);
        let start = Timestamp::from_millis(0);
        for key in 0..RATE_LIMIT_KEYS {
            assert_eq!(limit.take(key, start), Ok(()));
        }
        assert_eq!(limit.take(RATE_LIMIT_KEYS, start), Ok(()));
        assert!(limit.take(RATE_LIMIT_KEYS + 1, start).is_err());
        assert_eq!(limit.buckets.lock().map(|all| all.by_key.len()).ok(), Some(RATE_LIMIT_KEYS));
    }
}
