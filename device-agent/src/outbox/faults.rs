//! Faults in the outbox: their events, and which of them are active.

use std::collections::HashSet;

use millwright_schemas::Timestamp;
use millwright_schemas::limits::PAYLOAD_MAX_BYTES;
use millwright_schemas::wire::events::{
    EventType, FaultCleared, FaultRaised, FaultSnapshot, check_fault,
};
use redb::{ReadableTable, ReadableTableMetadata};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::batch::{Batch, EventSize, decode, encode};
use super::{Appended, OutboxError, Taken, Topic, losses};
use crate::driver::FaultChange;
use crate::limits::{ACTIVE_FAULTS, LOSS_NOTE_BYTES};

/// What a snapshot's envelope needs besides its faults, in bytes (generous).
const SNAPSHOT_ENVELOPE_BYTES: usize = 1_024;

/// The key of a waiting fault event, read back.
#[derive(Deserialize)]
struct StoredFault {
    #[serde(rename = "type")]
    event_type: String,
    data: StoredKey,
}

#[derive(Deserialize)]
struct StoredKey {
    #[serde(default)]
    code: String,
    #[serde(default)]
    source: String,
}

fn to_data(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        // The callers' types are structs with text keys: they are always objects.
        _ => Map::new(),
    }
}

impl Batch<'_> {
    /// Stores that a fault is active from `ts` on.
    pub(super) fn raise(
        &mut self,
        ts: Timestamp,
        fault: &FaultRaised,
    ) -> Result<Taken, OutboxError> {
        self.activate(ts, fault)?;
        self.append_event(EventType::FaultRaised, to_data(fault), ts, EventSize::NORMAL)
    }

    /// Stores that a fault is over. Clearing what isn't active is told all the same: the
    /// platform may know it as active.
    pub(super) fn clear(
        &mut self,
        ts: Timestamp,
        fault: &FaultCleared,
    ) -> Result<Taken, OutboxError> {
        self.faults.remove((fault.source.as_str(), fault.code.as_str()))?;
        self.append_event(EventType::FaultCleared, to_data(fault), ts, EventSize::NORMAL)
    }

    fn activate(&mut self, ts: Timestamp, fault: &FaultRaised) -> Result<(), OutboxError> {
        let key = (fault.source.as_str(), fault.code.as_str());
        let since_ts = match self.faults.get(key)? {
            Some(row) => decode::<FaultRaised>(row.value())?.since_ts,
            None if self.faults.len()? >= ACTIVE_FAULTS as u64 => {
                return Err(OutboxError::TooManyFaults { max: ACTIVE_FAULTS });
            }
            None => Some(ts.millis()),
        };
        let row = encode(&FaultRaised { since_ts, context: Map::new(), ..fault.clone() })?;
        self.faults.insert(key, row.as_slice())?;
        Ok(())
    }

    /// Stores a driver's fault. What doesn't fit is told less fully rather than not at all:
    /// without its context, or by the next snapshot.
    pub(super) fn append_fault_change(
        &mut self,
        change: &FaultChange,
        appended: &mut Appended,
    ) -> Result<(), OutboxError> {
        let taken = match change {
            FaultChange::Raised(ts, fault) => {
                if check_fault("fault", fault).is_err() {
                    appended.refused_events += 1;
                    return Ok(());
                }
                match self.raise(*ts, fault) {
                    Err(OutboxError::EventTooLarge { .. }) => {
                        self.raise(*ts, &FaultRaised { context: Map::new(), ..fault.clone() })
                    }
                    other => other,
                }
            }
            FaultChange::Cleared(ts, fault) => self.clear(*ts, fault),
        };
        match taken {
            Ok(_) => Ok(()),
            Err(OutboxError::EventsFull { .. }) => {
                self.lose_event();
                appended.refused_events += 1;
                Ok(())
            }
            Err(OutboxError::TooManyFaults { .. } | OutboxError::EventTooLarge { .. }) => {
                appended.refused_events += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Stores all that is active as one event.
    pub(super) fn append_snapshot(&mut self, now: Timestamp) -> Result<Taken, OutboxError> {
        let mut faults = Vec::new();
        let mut messages = Vec::new();
        let mut bytes = SNAPSHOT_ENVELOPE_BYTES;
        for row in self.faults.iter()? {
            let (_, row) = row?;
            let mut fault: FaultRaised = decode(row.value())?;
            messages.push(std::mem::take(&mut fault.message));
            bytes += encode(&fault)?.len() + 1;
            faults.push(fault);
        }
        // The keys always fit; messages are added while they do.
        for (fault, message) in faults.iter_mut().zip(messages) {
            bytes += encode(&message)?.len() + ",\"message\":".len();
            if bytes > PAYLOAD_MAX_BYTES {
                break;
            }
            fault.message = message;
        }
        let data = to_data(&FaultSnapshot { faults });
        // Beyond the bound like a loss note: after a loss the snapshot is what repairs the state.
        let size = EventSize { largest: PAYLOAD_MAX_BYTES, beyond: LOSS_NOTE_BYTES };
        self.append_event(EventType::FaultSnapshot, data, now, size)
    }

    /// Drops fault events that a later one of the same fault makes obsolete. Only when events
    /// fill the outbox: until then every single one is kept.
    pub(super) fn coalesce_faults(&mut self) -> Result<(), OutboxError> {
        let mut seen = HashSet::new();
        let mut obsolete = Vec::new();
        for row in self.topics[Topic::Events.index()].iter()?.rev() {
            let (seq, row) = row?;
            let Ok(stored) = serde_json::from_slice::<StoredFault>(row.value()) else { continue };
            let is_change = stored.event_type == EventType::FaultRaised.as_str()
                || stored.event_type == EventType::FaultCleared.as_str();
            if !is_change {
                continue;
            }
            let key = (stored.data.source, stored.data.code);
            if seen.contains(&key) {
                obsolete.push(seq.value());
            } else if seen.len() < ACTIVE_FAULTS {
                seen.insert(key);
            }
        }
        for seq in obsolete {
            if self.remove(Topic::Events, seq)? {
                self.lose(Topic::Events, seq, seq, 1, losses::FULL);
            }
        }
        Ok(())
    }
}
