//! Messages that wait to be sent: bounded, the oldest makes room for the newest.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::{PUBLISH_MAX_AGE, PUBLISH_QUEUE_BYTES, PUBLISH_QUEUE_MESSAGES};

pub(crate) struct Waiting {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) since: Instant,
}

/// Any number of writers, one reader.
#[derive(Default)]
pub(crate) struct PublishQueue {
    inner: Mutex<Inner>,
    ready: Notify,
}

#[derive(Default)]
struct Inner {
    messages: VecDeque<Waiting>,
    bytes: usize,
    dropped: u64,
}

impl PublishQueue {
    pub(crate) fn push(&self, message: Waiting) {
        let mut inner = self.lock();
        inner.bytes += message.payload.len();
        inner.messages.push_back(message);
        while inner.messages.len() > PUBLISH_QUEUE_MESSAGES || inner.bytes > PUBLISH_QUEUE_BYTES {
            inner.take_oldest();
            inner.dropped += 1;
        }
        drop(inner);
        self.ready.notify_one();
    }

    /// The oldest message that is not too old.
    pub(crate) async fn pop(&self) -> Waiting {
        loop {
            let ready = self.ready.notified();
            if let Some(message) = self.lock().take_fresh() {
                return message;
            }
            ready.await;
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// No code panics while it holds the lock, so that what is behind it is always sound.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_oldest(&mut self) -> Option<Waiting> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.payload.len();
        Some(message)
    }

    fn take_fresh(&mut self) -> Option<Waiting> {
        while let Some(message) = self.take_oldest() {
            if message.since.elapsed() <= PUBLISH_MAX_AGE {
                return Some(message);
            }
            self.dropped += 1;
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(payload: impl Into<Bytes>) -> Waiting {
        Waiting { topic: "t".to_owned(), payload: payload.into(), since: Instant::now() }
    }

    #[tokio::test]
    async fn the_oldest_makes_room_by_number() {
        let queue = PublishQueue::default();
        for number in 0..PUBLISH_QUEUE_MESSAGES + 3 {
            queue.push(message(number.to_string()));
        }
        assert_eq!(queue.dropped(), 3);
        assert_eq!(queue.pop().await.payload, "3");
    }

    #[tokio::test]
    async fn the_oldest_makes_room_by_size() {
        let queue = PublishQueue::default();
        let half = PUBLISH_QUEUE_BYTES / 2;
        for byte in [1, 2, 3] {
            queue.push(message(vec![byte; half]));
        }
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.pop().await.payload[0], 2);
        assert!(!queue.is_empty());
    }

    #[tokio::test]
    async fn what_is_too_old_is_dropped() {
        let queue = PublishQueue::default();
        let too_old = PUBLISH_MAX_AGE + std::time::Duration::from_secs(1);
        let since = Instant::now().checked_sub(too_old).unwrap();
        queue.push(Waiting { since, ..message("old") });
        queue.push(message("new"));
        assert_eq!(queue.pop().await.payload, "new");
        assert_eq!(queue.dropped(), 1);
    }
}
