//! What of a machine's messages is missing, doubled or refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::OutboxId;
use crate::time::Timestamp;

/// How completely a machine's messages have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Loss {
    /// How far each stream of messages has been received.
    pub streams: Vec<StreamCursor>,
    /// What is missing in between. A message that comes late closes its gap.
    pub gaps: Vec<Gap>,
    /// What was doubled or refused.
    pub counters: LossCounters,
}

/// How far a stream of messages has been received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamCursor {
    /// The store on the machine.
    pub outbox: OutboxId,
    /// `telemetry` or `events`.
    pub topic: String,
    /// The highest number received.
    pub last_seq: i64,
    /// Nothing older will come.
    pub through_ts: Option<Timestamp>,
    /// When the newest message was received.
    pub updated_at: Timestamp,
}

/// Messages that haven't arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// The store on the machine.
    pub outbox: OutboxId,
    /// `telemetry` or `events`.
    pub topic: String,
    /// The first number that is missing.
    pub from_seq: i64,
    /// The last number that is missing.
    pub to_seq: i64,
    /// When it was seen to be missing.
    pub detected_at: Timestamp,
}

/// What was doubled or refused, since the machine was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LossCounters {
    /// Values and events that came again with the same content.
    pub duplicates: i64,
    /// Values and events that came again with another content; the first one stays.
    pub conflicts: i64,
    /// Messages put into quarantine, whole or in part.
    pub quarantined: i64,
    /// Of these, how many the quarantine's bound has pushed out.
    pub quarantine_dropped: i64,
    /// Values that came after later ones of their signal, or after the machine had said that
    /// nothing older would come, and such as were ahead of their time: stored, but no rule has seen
    /// them when they came.
    pub late: i64,
    /// Values whose time was more than ten minutes ahead of their receipt, and further than the machine's
    /// clock was known to be ahead, those that came again among them: that clock is, or was, wrong.
    pub ahead: i64,
}

/// One page of a machine's quarantine, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinePage {
    /// The rows.
    pub items: Vec<Quarantined>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// Counted since the machine was registered.
    pub counters: LossCounters,
}

/// A message, or a message's values, that couldn't be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantined {
    /// Counts up in the order of arrival.
    pub id: i64,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// The part of the topic after `up/`.
    pub topic: String,
    /// A short stable word for the reason, such as `broken_json`.
    pub code: String,
    /// What is wrong, with the values at fault.
    pub reason: String,
    /// `text`, or `base64` when the payload isn't UTF-8.
    pub payload_encoding: PayloadEncoding,
    /// The message as received.
    pub payload: String,
}

/// How a payload is written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayloadEncoding {
    /// As it is.
    Text,
    /// Base64, RFC 4648 section 4.
    Base64,
}
