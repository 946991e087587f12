//! Noticing that the machine's clock was set back, and telling the platform.
//!
//! Forward steps aren't told: a computer that wakes up from sleep looks the same.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::events::EventType;
use serde_json::{Map, Value};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::limits::CLOCK_LOOK_INTERVAL;
use crate::outbox::OutboxHandle;

/// The event's type; its data are `from_ts` and `to_ts` in milliseconds.
const CLOCK_STEPPED: &str = "agent.clock_stepped";

/// Watches the clock.
#[derive(Debug)]
pub struct ClockWatch {
    outbox: OutboxHandle,
    latest: Option<Timestamp>,
}

impl ClockWatch {
    /// A watch that tells through this outbox.
    #[must_use]
    pub const fn new(outbox: OutboxHandle) -> Self {
        Self { outbox, latest: None }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut looks = interval(CLOCK_LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look(clock::now()).await;
        }
    }

    async fn look(&mut self, now: Timestamp) {
        match self.latest {
            Some(latest) if clock::is_set_back(latest, now) => {
                self.latest = Some(now);
                self.tell(latest, now).await;
            }
            latest => self.latest = latest.max(Some(now)),
        }
    }

    async fn tell(&self, from: Timestamp, to: Timestamp) {
        tracing::warn!(%from, %to, "the clock was set back; times start anew");
        let mut data = Map::new();
        data.insert("from_ts".to_owned(), Value::from(from.millis()));
        data.insert("to_ts".to_owned(), Value::from(to.millis()));
        let event_type = EventType::Other(CLOCK_STEPPED.to_owned());
        let told = self.outbox.add(move |outbox| outbox.append_event(event_type, data, to)).await;
        if let Err(error) = told {
            tracing::warn!(%error, event = CLOCK_STEPPED, "can't be told");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_schemas::wire::events;

    use super::*;
    use crate::config::Config;
    use crate::outbox::{Outbox, Topic};

    #[tokio::test]
    async fn a_clock_set_back_is_told_once_with_both_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.redb");
        let outbox = Outbox::open(&path, Config::default().outbox_settings()).unwrap();
        let (handle, _thread) = OutboxHandle::start(outbox).unwrap();
        let mut watch = ClockWatch::new(handle.clone());
        let start = 1_763_775_000;
        let ahead = start + 20 * 365 * 86_400;
        for seconds in [start, start + 1, ahead, ahead - 4, start + 6, start + 7, start + 2] {
            watch.look(Timestamp::from_millis(seconds * 1_000)).await;
        }
        let told =
            handle.call(|outbox| outbox.peek(Topic::Events, 0, 9, usize::MAX)).await.unwrap();
        assert_eq!(told.len(), 1);
        let event = events::decode(&told[0].payload).unwrap();
        assert_eq!(event.event_type.as_str(), CLOCK_STEPPED);
        assert_eq!(event.event_type, EventType::parse(CLOCK_STEPPED).unwrap());
        let expected =
            serde_json::json!({ "from_ts": ahead * 1_000, "to_ts": (start + 6) * 1_000 });
        assert_eq!(Value::Object(event.data), expected);
    }
}
