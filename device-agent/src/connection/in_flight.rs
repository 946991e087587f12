//! Which messages are on their way, and what may leave the disk. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::limits::{IN_FLIGHT_BYTES, IN_FLIGHT_MESSAGES, NOTICES_IN_FLIGHT};
use crate::outbox::Topic;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    /// Its place in the outbox; `None`: it has none, and nothing of it is kept.
    place: Option<(Topic, u64)>,
    bytes: usize,
}

/// The window of one connection. Everything in it is sent again on the next one.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// Given to the client, which hasn't said yet under which packet id it sends them.
    queued: VecDeque<Message>,
    /// Packet id → message.
    sent: HashMap<u16, Message>,
    /// Per topic: not acknowledged.
    open: [BTreeSet<u64>; 2],
    /// Per topic: the last one that was queued.
    last: [u64; 2],
    bytes: usize,
    /// Messages that aren't in the outbox.
    notices: usize,
}

const fn index(topic: Topic) -> usize {
    match topic {
        Topic::Events => 0,
        Topic::Telemetry => 1,
    }
}

impl InFlight {
    /// How many messages, and how many bytes beyond the first of them, may be queued now.
    pub(super) fn room(&self) -> (usize, usize) {
        let messages = self.queued.len() + self.sent.len();
        let bytes = IN_FLIGHT_BYTES.saturating_sub(self.bytes);
        if messages > 0 && bytes == 0 {
            return (0, 0);
        }
        (IN_FLIGHT_MESSAGES.saturating_sub(messages), bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.sent.is_empty()
    }

    /// The last message of the topic that is on its way or was.
    pub(super) const fn last(&self, topic: Topic) -> u64 {
        self.last[index(topic)]
    }

    /// A message was given to the client. The client keeps the order.
    pub(super) fn queue(&mut self, topic: Topic, seq: u64, bytes: usize) {
        self.queued.push_back(Message { place: Some((topic, seq)), bytes });
        self.open[index(topic)].insert(seq);
        self.last[index(topic)] = seq;
        self.bytes += bytes;
    }

    /// The same for a message that isn't in the outbox.
    pub(super) fn queue_notice(&mut self, bytes: usize) {
        self.queued.push_back(Message { place: None, bytes });
        self.bytes += bytes;
        self.notices += 1;
    }

    /// Whether a message that isn't in the outbox may be queued now.
    pub(super) const fn takes_notice(&self) -> bool {
        self.notices < NOTICES_IN_FLIGHT
    }

    /// The client sends the oldest queued message under this packet id. False: it sends
    /// something that it wasn't given.
    pub(super) fn sent(&mut self, packet_id: u16) -> bool {
        match self.queued.pop_front() {
            Some(message) => self.sent.insert(packet_id, message).is_none(),
            None => false,
        }
    }

    /// The platform has this message; gives whether it is from the outbox. `None`: it was never
    /// sent.
    pub(super) fn acknowledged(&mut self, packet_id: u16) -> Option<bool> {
        let message = self.sent.remove(&packet_id)?;
        match message.place {
            Some((topic, seq)) => {
                self.open[index(topic)].remove(&seq);
            }
            None => self.notices -= 1,
        }
        self.bytes -= message.bytes;
        Some(message.place.is_some())
    }

    /// Everything of the topic up to here is acknowledged, of what was queued.
    pub(super) fn complete_through(&self, topic: Topic) -> u64 {
        match self.open[index(topic)].first() {
            Some(open) => open - 1,
            None => self.last[index(topic)],
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_acknowledged_without_a_hole_may_leave_the_disk() {
        let mut window = InFlight::default();
        for seq in 5..=7 {
            window.queue(Topic::Telemetry, seq, 10);
        }
        window.queue(Topic::Events, 2, 10);
        for packet_id in 1..=4 {
            assert!(window.sent(packet_id));
        }
        assert!(!window.sent(5), "nothing more was queued");
        assert_eq!(window.acknowledged(2), Some(true));
        assert_eq!(window.complete_through(Topic::Telemetry), 4);
        assert_eq!(window.acknowledged(1), Some(true));
        assert_eq!(window.complete_through(Topic::Telemetry), 6);
        assert_eq!(window.acknowledged(1), None, "twice");
        assert_eq!(window.acknowledged(4), Some(true));
        assert_eq!(window.complete_through(Topic::Events), 2);
        assert!(window.acknowledged(3).is_some() && window.is_empty());
        assert_eq!(window.complete_through(Topic::Telemetry), 7);
        assert_eq!(window.room(), (IN_FLIGHT_MESSAGES, IN_FLIGHT_BYTES));
    }

    #[test]
    fn a_notice_takes_room_but_removes_nothing() {
        let mut window = InFlight::default();
        window.queue(Topic::Events, 1, 10);
        window.queue_notice(10);
        window.queue(Topic::Events, 2, 10);
        assert!((1..=3).all(|packet_id| window.sent(packet_id)));
        assert_eq!(window.acknowledged(2), Some(false));
        assert_eq!(window.complete_through(Topic::Events), 0);
        assert_eq!(window.acknowledged(1), Some(true));
        assert_eq!(window.complete_through(Topic::Events), 1);
        assert!(window.acknowledged(3).is_some() && window.is_empty());
        assert_eq!(window.room(), (IN_FLIGHT_MESSAGES, IN_FLIGHT_BYTES));
    }

    #[test]
    fn the_window_is_bounded_by_count_and_by_bytes() {
        let mut window = InFlight::default();
        window.queue(Topic::Events, 1, IN_FLIGHT_BYTES * 2);
        assert_eq!(window.room(), (0, 0));
        assert!(window.sent(1) && window.acknowledged(1).is_some());
        for seq in 0..IN_FLIGHT_MESSAGES as u64 {
            window.queue(Topic::Telemetry, seq + 1, 1);
        }
        assert_eq!(window.room().0, 0);
    }
}
