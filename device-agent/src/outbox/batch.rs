//! One transaction of the outbox, from the inside.

use std::collections::HashSet;
use std::sync::Arc;

use millwright_schemas::wire::events::{EventMessage, EventType};
use millwright_schemas::{EventId, OutboxId, SignalName, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Appended, Loss, OutboxError, OutboxSettings, Readings, Taken, Topic};
use super::{message, tables};
use crate::clock::is_set_back;
use crate::driver::Sample;
use crate::limits::{EVENT_BYTES, MESSAGE_OVERHEAD_BYTES, SIGNALS};
use crate::rules::Watching;
use crate::signals::AllowedSignals;

/// What changes with every transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    /// Names this store; made once.
    pub(super) outbox: OutboxId,
    /// Transactions so far: tells after a failed commit whether it took effect all the same.
    pub(super) commits: u64,
    /// The next number of each topic, from 1.
    pub(super) next_seq: [u64; 2],
    /// Bytes that wait, per topic, overhead included.
    pub(super) bytes: [u64; 2],
    /// Messages dropped ever.
    pub(super) dropped: u64,
    /// What the platform hasn't been told of yet.
    pub(super) losses: [Option<Loss>; 2],
    /// The last append of readings.
    pub(super) last_readings: Option<Uuid>,
    /// Up to when telemetry has said that nothing older will come, in microseconds.
    #[serde(default)]
    pub(super) through: Option<i64>,
}

impl Counters {
    fn new() -> Self {
        Self {
            outbox: OutboxId(Uuid::now_v7()),
            commits: 0,
            next_seq: [1; 2],
            bytes: [0; 2],
            dropped: 0,
            losses: [None, None],
            last_readings: None,
            through: None,
        }
    }

    pub(super) fn read(
        table: &impl ReadableTable<&'static str, &'static [u8]>,
    ) -> Result<Option<Self>, OutboxError> {
        table.get(tables::COUNTERS)?.map(|row| decode(row.value())).transpose()
    }
}

/// A stored JSON row.
pub(super) fn decode<T: serde::de::DeserializeOwned>(row: &[u8]) -> Result<T, OutboxError> {
    serde_json::from_slice(row).map_err(|error| OutboxError::Corrupt(error.to_string()))
}

/// A JSON row to store.
pub(super) fn encode<T: Serialize>(row: &T) -> Result<Vec<u8>, OutboxError> {
    serde_json::to_vec(row).map_err(|error| OutboxError::Corrupt(error.to_string()))
}

/// The tables of a write transaction.
pub(super) struct Batch<'txn> {
    /// For the ledger's tables, which few transactions need.
    pub(super) txn: &'txn WriteTransaction,
    pub(super) topics: [Table<'txn, u64, &'static [u8]>; 2],
    signals: Table<'txn, &'static str, i64>,
    checkpoints: Table<'txn, &'static str, &'static [u8]>,
    pub(super) faults: Table<'txn, (&'static str, &'static str), &'static [u8]>,
    pub(super) state: Table<'txn, &'static str, &'static [u8]>,
    /// Signals' times before the clock was set back.
    pub(super) highs: Table<'txn, &'static str, i64>,
    pub(super) counters: Counters,
    pub(super) settings: OutboxSettings,
    /// The rules of this machine, as they are after this transaction; `None`: as they are stored.
    pub(super) rules: Option<Watching>,
    /// Which signals they may see.
    pub(super) allowed: Option<Arc<[AllowedSignals]>>,
    /// Values of this transaction that are late for rules.
    pub(super) late: HashSet<(String, Timestamp)>,
}

impl<'txn> Batch<'txn> {
    /// Opens all tables, making them in a new database.
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        settings: OutboxSettings,
    ) -> Result<Self, OutboxError> {
        let state = txn.open_table(tables::STATE)?;
        let counters = Counters::read(&state)?.unwrap_or_else(Counters::new);
        Ok(Self {
            txn,
            topics: [txn.open_table(tables::EVENTS)?, txn.open_table(tables::TELEMETRY)?],
            signals: txn.open_table(tables::SIGNALS)?,
            checkpoints: txn.open_table(tables::CHECKPOINTS)?,
            faults: txn.open_table(tables::FAULTS)?,
            state,
            highs: txn.open_table(tables::SIGNAL_HIGHS)?,
            counters,
            settings,
            rules: None,
            allowed: None,
            late: HashSet::new(),
        })
    }

    /// Makes room, writes the counters and returns what they and the rules will be after the commit.
    pub(super) fn finish(mut self) -> Result<(Counters, Option<Watching>), OutboxError> {
        self.fit_telemetry()?;
        self.counters.commits += 1;
        let row = encode(&self.counters)?;
        self.state.insert(tables::COUNTERS, row.as_slice())?;
        Ok((self.counters, self.rules))
    }

    /// Stores readings: samples, faults, checkpoints.
    pub(super) fn append(&mut self, readings: &Readings) -> Result<Appended, OutboxError> {
        let mut appended = Appended::default();
        if self.counters.last_readings.replace(readings.id) == Some(readings.id) {
            return Ok(appended);
        }
        self.lose_unsaved(readings.unsaved);
        let mut stamped = Vec::new();
        for delivery in &readings.deliveries {
            for sample in &delivery.reading.samples {
                stamped.append(&mut self.stamp(sample, &mut appended)?);
            }
            for change in &delivery.reading.faults {
                self.append_fault_change(change, &mut appended)?;
            }
            if let Some(checkpoint) = &delivery.reading.checkpoint {
                self.checkpoints.insert(delivery.driver.as_str(), checkpoint.as_slice())?;
            }
        }
        let samples = message::encode_samples(stamped)?;
        let messages = message::pack(samples, self.settings.samples_per_message);
        let last = messages.len().saturating_sub(1);
        for (place, samples) in messages.iter().enumerate() {
            let seq = self.counters.next_seq[Topic::Telemetry.index()];
            // The next message may hold older samples.
            let through = readings.through.filter(|_| place == last);
            let payload = message::encode(self.counters.outbox, seq, through, samples);
            self.insert(Topic::Telemetry, &payload)?;
            self.watch_message(samples, through)?;
        }
        Ok(appended)
    }

    /// Gives every value a time that is later than its signal's last one, unless the clock was set
    /// back between them.
    fn stamp(
        &mut self,
        sample: &Sample,
        appended: &mut Appended,
    ) -> Result<Vec<message::StampedSample>, OutboxError> {
        let mut stamped = Vec::with_capacity(sample.values.len());
        for (signal, value, quality) in &sample.values {
            match self.next_time(signal, sample.ts)? {
                Some(ts) => stamped.push((ts, (signal.clone(), value.clone(), *quality))),
                None => appended.refused_values += 1,
            }
        }
        Ok(message::group(stamped))
    }

    /// `None`: a signal beyond the limit.
    fn next_time(
        &mut self,
        signal: &SignalName,
        ts: Timestamp,
    ) -> Result<Option<Timestamp>, OutboxError> {
        let last =
            self.signals.get(signal.as_str())?.map(|row| Timestamp::from_micros(row.value()));
        let set_back_from = last.filter(|last| is_set_back(*last, ts));
        let ts = match last {
            None if self.signals.len()? >= SIGNALS => return Ok(None),
            // A last time far ahead is the trace of a clock that was wrong and isn't any more:
            // counting on from there would misdate every sample to come.
            Some(last) if last >= ts && set_back_from.is_none() => last.plus_micros(1),
            _ => ts,
        };
        self.signals.insert(signal.as_str(), ts.micros())?;
        self.note_time(signal, ts, set_back_from)?;
        Ok(Some(ts))
    }

    /// Stores an event; it may use everything that telemetry uses now.
    pub(super) fn append_event(
        &mut self,
        event_type: EventType,
        data: Map<String, Value>,
        ts: Timestamp,
        size: EventSize,
    ) -> Result<Taken, OutboxError> {
        let event_id = EventId(Uuid::now_v7());
        let seq = self.counters.next_seq[Topic::Events.index()];
        let message = EventMessage {
            id: Some(event_id),
            outbox: Some(self.counters.outbox),
            seq: Some(seq),
            ts: Some(ts.millis()),
            event_type,
            data,
        };
        let payload = encode(&message)?;
        if payload.len() > size.largest {
            return Err(OutboxError::EventTooLarge { bytes: payload.len(), max: size.largest });
        }
        self.make_room_for_event(payload.len() as u64 + MESSAGE_OVERHEAD_BYTES, size.beyond)?;
        self.insert(Topic::Events, &payload)?;
        self.watch_event(&message.event_type, ts)?;
        Ok(Taken { event_id, seq })
    }

    fn make_room_for_event(&mut self, size: u64, beyond: u64) -> Result<(), OutboxError> {
        let max = self.settings.max_bytes;
        let full = |batch: &Self| batch.counters.bytes[Topic::Events.index()] + size > max + beyond;
        if full(self) {
            self.coalesce_faults()?;
        }
        if full(self) {
            let used = self.counters.bytes[Topic::Events.index()];
            return Err(OutboxError::EventsFull { used, max });
        }
        Ok(())
    }

    fn insert(&mut self, topic: Topic, payload: &[u8]) -> Result<(), OutboxError> {
        let index = topic.index();
        self.topics[index].insert(self.counters.next_seq[index], payload)?;
        self.counters.next_seq[index] += 1;
        self.counters.bytes[index] += payload.len() as u64 + MESSAGE_OVERHEAD_BYTES;
        Ok(())
    }

    /// Removes one message, when it is there.
    pub(super) fn remove(&mut self, topic: Topic, seq: u64) -> Result<bool, OutboxError> {
        let index = topic.index();
        let removed = self.topics[index].remove(seq)?.map(|row| row.value().len() as u64);
        if let Some(bytes) = removed {
            let bytes = bytes + MESSAGE_OVERHEAD_BYTES;
            self.counters.bytes[index] = self.counters.bytes[index].saturating_sub(bytes);
        }
        Ok(removed.is_some())
    }

    /// Removes what the platform has acknowledged.
    pub(super) fn remove_through(&mut self, topic: Topic, seq: u64) -> Result<(), OutboxError> {
        while let Some(first) = self.first(topic)?
            && first <= seq
        {
            self.remove(topic, first)?;
        }
        Ok(())
    }

    fn first(&self, topic: Topic) -> Result<Option<u64>, OutboxError> {
        Ok(self.topics[topic.index()].first()?.map(|(seq, _)| seq.value()))
    }

    /// Drops the oldest telemetry until it fits beside the events, or their reserve.
    fn fit_telemetry(&mut self) -> Result<(), OutboxError> {
        let events =
            self.counters.bytes[Topic::Events.index()].max(self.settings.event_reserve_bytes);
        let room = self.settings.max_bytes.saturating_sub(events);
        while self.counters.bytes[Topic::Telemetry.index()] > room
            && let Some(first) = self.first(Topic::Telemetry)?
        {
            self.remove(Topic::Telemetry, first)?;
            self.lose(Topic::Telemetry, first, first, 1, super::losses::FULL);
        }
        Ok(())
    }
}

/// How large an event may be, and how far beyond the outbox's bound it may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventSize {
    pub(super) largest: usize,
    pub(super) beyond: u64,
}

impl EventSize {
    /// Of all events but the following.
    pub(super) const NORMAL: Self = Self { largest: EVENT_BYTES, beyond: 0 };
}
