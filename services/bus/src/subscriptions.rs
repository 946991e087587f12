//! Who wants which messages.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::limits::{SUBSCRIPTION_QUEUE_MESSAGES, SUBSCRIPTIONS};

/// A message from the bus. It may arrive more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusMessage {
    /// The full topic.
    pub topic: String,
    /// What was published.
    pub payload: Bytes,
}

struct Subscription {
    filter: String,
    reader: mpsc::Sender<BusMessage>,
}

#[derive(Default)]
pub(crate) struct Subscriptions {
    all: Mutex<Vec<Subscription>>,
    changed: Notify,
}

/// What became of a message that arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dispatched {
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
}

impl Subscriptions {
    /// `None`: there are too many.
    pub(crate) fn add(&self, filter: String) -> Option<mpsc::Receiver<BusMessage>> {
        let (reader, receiver) = mpsc::channel(SUBSCRIPTION_QUEUE_MESSAGES);
        let mut all = self.lock();
        all.retain(|subscription| !subscription.reader.is_closed());
        if all.len() >= SUBSCRIPTIONS {
            return None;
        }
        all.push(Subscription { filter, reader });
        drop(all);
        self.changed.notify_one();
        Some(receiver)
    }

    /// The filters that are wanted, once each.
    pub(crate) fn filters(&self) -> BTreeSet<String> {
        let mut all = self.lock();
        all.retain(|subscription| !subscription.reader.is_closed());
        all.iter().map(|subscription| subscription.filter.clone()).collect()
    }

    /// Returns when [`filters`](Self::filters) may have changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Gives a message to all who want it. A reader that is behind misses it.
    pub(crate) fn dispatch(&self, message: &BusMessage) -> Dispatched {
        let mut dispatched = Dispatched::default();
        let mut gone = false;
        for Subscription { filter, reader } in self.lock().iter() {
            if !rumqttc::matches(&message.topic, filter) {
                continue;
            }
            match reader.try_send(message.clone()) {
                Ok(()) => dispatched.delivered += 1,
                Err(TrySendError::Full(_)) => dispatched.dropped += 1,
                Err(TrySendError::Closed(_)) => gone = true,
            }
        }
        if gone {
            self.changed.notify_one();
        }
        dispatched
    }

    /// No code panics while it holds the lock, so that what is behind it is always sound.
    fn lock(&self) -> MutexGuard<'_, Vec<Subscription>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message() -> BusMessage {
        BusMessage { topic: "a/b".to_owned(), payload: Bytes::from_static(b"x") }
    }

    #[test]
    fn a_reader_that_is_behind_misses_messages_and_holds_up_nobody() {
        let subscriptions = Subscriptions::default();
        let mut slow = subscriptions.add("a/+".to_owned()).unwrap();
        for _ in 0..SUBSCRIPTION_QUEUE_MESSAGES {
            assert_eq!(subscriptions.dispatch(&message()), Dispatched { delivered: 1, dropped: 0 });
        }
        let mut other = subscriptions.add("a/b".to_owned()).unwrap();
        assert_eq!(subscriptions.dispatch(&message()), Dispatched { delivered: 1, dropped: 1 });
        assert_eq!(other.try_recv().unwrap(), message());
        for _ in 0..SUBSCRIPTION_QUEUE_MESSAGES {
            slow.try_recv().unwrap();
        }
        assert!(slow.try_recv().is_err());
    }

    #[test]
    fn a_filter_is_wanted_as_long_as_somebody_reads_it() {
        let subscriptions = Subscriptions::default();
        let first = subscriptions.add("a/+".to_owned()).unwrap();
        let second = subscriptions.add("a/+".to_owned()).unwrap();
        assert_eq!(subscriptions.filters().len(), 1);
        drop(first);
        assert_eq!(subscriptions.filters().len(), 1);
        drop(second);
        assert!(subscriptions.filters().is_empty());
    }

    #[test]
    fn there_is_a_limit() {
        let subscriptions = Subscriptions::default();
        let kept: Vec<_> = (0..SUBSCRIPTIONS)
            .map(|number| subscriptions.add(format!("t/{number}")).unwrap())
            .collect();
        assert!(subscriptions.add("t/x".to_owned()).is_none());
        drop(kept);
        assert!(subscriptions.add("t/x".to_owned()).is_some());
    }
}
