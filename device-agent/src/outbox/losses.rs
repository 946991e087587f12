//! What had to be dropped, and telling it.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::events::{EventType, OutboxDropped};
use serde_json::Value;

use super::batch::{Batch, EventSize};
use super::{Loss, OutboxError, Topic};
use crate::limits::{EVENT_BYTES, LOSS_NOTE_BYTES};

/// The outbox's bound was reached.
pub(super) const FULL: &str = "full";
/// The disk took nothing, and the memory for what it should have taken was full too.
const DISK_FULL: &str = "disk_full";

impl Batch<'_> {
    /// Notes that messages are gone. Losses of a topic join into one note until it is told; its
    /// bounds then span them all and its count is exact.
    pub(super) fn lose(&mut self, topic: Topic, from: u64, to: u64, messages: u64, reason: &str) {
        self.counters.dropped += messages;
        let slot = &mut self.counters.losses[topic.index()];
        match slot {
            Some(loss) => {
                loss.from_seq = loss.from_seq.min(from);
                loss.to_seq = loss.to_seq.max(to);
                loss.messages += messages;
            }
            None => {
                *slot =
                    Some(Loss { from_seq: from, to_seq: to, messages, reason: reason.to_owned() });
            }
        }
    }

    /// Counts messages that never reached the disk: they take their numbers, so that the
    /// platform sees the gap.
    pub(super) fn lose_unsaved(&mut self, messages: u64) {
        if messages > 0 {
            let from = self.skip(Topic::Telemetry, messages);
            self.lose(Topic::Telemetry, from, from + messages - 1, messages, DISK_FULL);
        }
    }

    /// Counts an event that found no room.
    pub(super) fn lose_event(&mut self) {
        let seq = self.skip(Topic::Events, 1);
        self.lose(Topic::Events, seq, seq, 1, FULL);
    }

    fn skip(&mut self, topic: Topic, messages: u64) -> u64 {
        let next = &mut self.counters.next_seq[topic.index()];
        let from = *next;
        *next += messages;
        from
    }

    /// Turns the notes into `outbox.dropped` events.
    pub(super) fn report_losses(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        for topic in Topic::ALL {
            let Some(loss) = self.counters.losses[topic.index()].take() else { continue };
            let dropped = OutboxDropped {
                topic: topic.as_str().to_owned(),
                from_seq: loss.from_seq,
                to_seq: loss.to_seq,
                messages: loss.messages,
                reason: loss.reason,
            };
            let Value::Object(data) = serde_json::to_value(dropped).unwrap_or_default() else {
                continue;
            };
            let size = EventSize { largest: EVENT_BYTES, beyond: LOSS_NOTE_BYTES };
            self.append_event(EventType::OutboxDropped, data, now, size)?;
        }
        Ok(())
    }
}
