//! The outbox: what waits on the disk until the platform has acknowledged it.
//!
//! "Taken" means committed here. Messages are numbered without gaps per topic; what has to be
//! dropped because the outbox is full is told to the platform with its numbers.
//!
//! The ledger of commands is in the same file, so that what is known of a command and the event
//! that tells it are one transaction. So are the rules that the machine watches by itself: they move
//! with the samples that they see.

mod batch;
mod error;
mod faults;
mod handle;
mod ledger;
mod losses;
mod message;
mod open;
mod rules;
mod store;
mod tables;

pub use error::OutboxError;
pub use handle::OutboxHandle;
pub use open::{OpenDatabase, is_emptied};
pub use store::Outbox;

use bytes::Bytes;
use millwright_schemas::{EventId, OutboxId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::driver::Reading;

/// What a message is about; each topic counts for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Faults and the agent's own events.
    Events,
    /// Samples.
    Telemetry,
}

impl Topic {
    /// Both, the more important first.
    pub const ALL: [Self; 2] = [Self::Events, Self::Telemetry];

    /// The word in `outbox.dropped`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Telemetry => "telemetry",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Events => 0,
            Self::Telemetry => 1,
        }
    }
}

/// How much the outbox holds and how it packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxSettings {
    /// All messages together, in bytes.
    pub max_bytes: u64,
    /// The part of it that telemetry can't use.
    pub event_reserve_bytes: u64,
    /// Samples in one message.
    pub samples_per_message: usize,
}

/// A reading and the driver that it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The driver's name in the configuration.
    pub driver: String,
    /// What it delivered.
    pub reading: Reading,
}

/// Readings that are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// Names this very append: when it isn't known whether an append took effect, it is given
    /// again, unchanged, and stored once.
    pub id: Uuid,
    /// The readings, in the order in which they came.
    pub deliveries: Vec<Delivery>,
    /// Nothing older will come.
    pub through: Option<Timestamp>,
    /// Messages that were lost before these, because the disk took nothing.
    pub unsaved: u64,
}

impl Readings {
    /// Readings before which nothing was lost.
    #[must_use]
    pub fn new(deliveries: Vec<Delivery>) -> Self {
        Self { id: Uuid::now_v7(), deliveries, through: None, unsaved: 0 }
    }
}

/// What an append did beyond storing everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Fault events that found no room. The state they tell of is stored and goes out with the
    /// next snapshot.
    pub refused_events: u64,
    /// Values of signals beyond the limit.
    pub refused_values: u64,
}

/// A stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The event's id.
    pub event_id: EventId,
    /// Its number among this outbox's events.
    pub seq: u64,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number within its topic.
    pub seq: u64,
    /// What is published.
    pub payload: Bytes,
}

/// Messages that had to go and that the platform hasn't been told of yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// First number that is gone.
    pub from_seq: u64,
    /// Last number that is gone.
    pub to_seq: u64,
    /// How many are gone between them.
    pub messages: u64,
    /// `full` or `disk_full`.
    pub reason: String,
}

/// How much waits, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxStatus {
    /// Names this store towards the platform.
    pub outbox: OutboxId,
    /// Events that wait.
    pub events: u64,
    /// Their bytes.
    pub event_bytes: u64,
    /// Telemetry messages that wait.
    pub telemetry: u64,
    /// Their bytes.
    pub telemetry_bytes: u64,
    /// The bound for both, in bytes.
    pub max_bytes: u64,
    /// Messages dropped since this store was made.
    pub dropped: u64,
    /// Faults that are active.
    pub active_faults: u64,
}
