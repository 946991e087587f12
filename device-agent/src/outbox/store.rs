//! The outbox: transactions, reading, and going on after a failed write.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millwright_schemas::wire::events::{EventType, FaultCleared, FaultRaised};
use millwright_schemas::{OutboxId, Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use serde_json::{Map, Value};

use super::batch::{Batch, Counters, EventSize, decode};
use super::open::{self, OpenDatabase};
use super::{
    Appended, Loss, OutboxError, OutboxSettings, OutboxStatus, Readings, Taken, Topic, Waiting,
    tables,
};
use crate::rules::Watching;
use crate::signals::AllowedSignals;

/// What waits on the disk until the platform has it. Blocking: call it from a thread that may
/// wait for the disk, see [`super::OutboxHandle`].
pub struct Outbox {
    open: OpenDatabase,
    /// `None` after a failed access, until it could be opened again.
    database: Option<Database>,
    settings: OutboxSettings,
    counters: Counters,
    /// Acknowledged by the platform, not yet removed from the disk.
    acknowledged: [u64; 2],
    /// What of it has been removed.
    removed: [u64; 2],
    /// The last snapshot's number.
    snapshot: Option<u64>,
    /// The rules of this machine, as of the last transaction; `None`: as they are stored.
    pub(super) rules: Option<Watching>,
    /// Which signals they may see; all, if it isn't said.
    pub(super) allowed: Option<Arc<[AllowedSignals]>>,
}

/// A transaction that failed; with its result when only the commit is in doubt.
struct Failed<R> {
    error: OutboxError,
    in_doubt: Option<R>,
}

impl<R, E: Into<OutboxError>> From<E> for Failed<R> {
    fn from(error: E) -> Self {
        Self { error: error.into(), in_doubt: None }
    }
}

impl Outbox {
    /// Opens the outbox in a file, making it when there is none.
    ///
    /// # Errors
    /// When the file can't be opened, is held by another process or isn't an outbox.
    pub fn open(path: &Path, settings: OutboxSettings) -> Result<Self, OutboxError> {
        Self::open_with(open::file(path.to_owned()), settings)
    }

    /// Opens the outbox of an agent that doesn't run, to look at it: whatever its bound is,
    /// nothing is dropped.
    ///
    /// # Errors
    /// See [`Self::open`]; also for an empty file, which stays as it is.
    pub fn inspect(path: &Path) -> Result<Self, OutboxError> {
        if open::is_emptied(path) {
            return Err(OutboxError::Emptied);
        }
        let settings =
            OutboxSettings { max_bytes: u64::MAX, event_reserve_bytes: 0, samples_per_message: 1 };
        Self::open(path, settings)
    }

    /// Opens the outbox over a database.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub fn open_with(open: OpenDatabase, settings: OutboxSettings) -> Result<Self, OutboxError> {
        let database = open()?;
        let txn = database.begin_write()?;
        let mut batch = Batch::open(&txn, settings)?;
        batch.open_ledger()?;
        batch.open_rules()?;
        let (counters, _) = batch.finish()?;
        txn.commit()?;
        Ok(Self {
            open,
            database: Some(database),
            settings,
            counters,
            acknowledged: [0; 2],
            removed: [0; 2],
            snapshot: None,
            rules: None,
            allowed: None,
        })
    }

    /// A database over any storage, as an outbox opens it.
    ///
    /// # Errors
    /// When the storage can't be read or holds something else.
    pub fn database_over(backend: impl redb::StorageBackend) -> Result<Database, OutboxError> {
        open::backend(backend)
    }

    /// Takes readings: all of them are committed, or none.
    ///
    /// # Errors
    /// Storage errors: give the same readings again, with the same id.
    pub fn append(&mut self, readings: &Readings) -> Result<Appended, OutboxError> {
        self.write(|batch| batch.append(readings))
    }

    /// Takes a fault of a local program.
    ///
    /// # Errors
    /// When it isn't stored: storage errors, no room, too many active faults, too large.
    pub fn raise(&mut self, fault: &FaultRaised, now: Timestamp) -> Result<Taken, OutboxError> {
        self.write(|batch| batch.raise(now, fault))
    }

    /// Takes the end of a fault.
    ///
    /// # Errors
    /// When it isn't stored.
    pub fn clear(&mut self, fault: &FaultCleared, now: Timestamp) -> Result<Taken, OutboxError> {
        self.write(|batch| batch.clear(now, fault))
    }

    /// Takes an event of the agent itself.
    ///
    /// # Errors
    /// When it isn't stored.
    pub fn append_event(
        &mut self,
        event_type: EventType,
        data: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Taken, OutboxError> {
        self.write(|batch| batch.append_event(event_type, data, now, EventSize::NORMAL))
    }

    /// Stores a snapshot of the active faults, unless one is still waiting: what came after it
    /// waits behind it, so that the two together tell the same.
    ///
    /// # Errors
    /// When it isn't stored.
    pub fn append_snapshot(&mut self, now: Timestamp) -> Result<Option<Taken>, OutboxError> {
        if let Some(seq) = self.snapshot
            && seq > self.acknowledged[Topic::Events.index()]
        {
            let waiting = self.peek(Topic::Events, seq - 1, 1, 0)?;
            if waiting.first().is_some_and(|waiting| waiting.seq == seq) {
                return Ok(None);
            }
        }
        let taken = self.write(|batch| batch.append_snapshot(now))?;
        self.snapshot = Some(taken.seq);
        Ok(Some(taken))
    }

    /// Turns what is noted as lost into events. Does nothing when nothing is.
    ///
    /// # Errors
    /// When they aren't stored; the notes stay.
    pub fn report_losses(&mut self, now: Timestamp) -> Result<(), OutboxError> {
        if self.counters.losses.iter().all(Option::is_none) {
            return Ok(());
        }
        self.write(|batch| batch.report_losses(now))
    }

    /// Marks messages as acknowledged; they leave the disk with the next transaction.
    pub fn acknowledge(&mut self, topic: Topic, through: u64) {
        let acknowledged = &mut self.acknowledged[topic.index()];
        *acknowledged = through.max(*acknowledged);
    }

    /// Removes what is acknowledged, unless an earlier transaction has.
    ///
    /// # Errors
    /// Storage errors; the messages are then sent again after a restart.
    pub fn remove_acknowledged(&mut self) -> Result<(), OutboxError> {
        if self.removed == self.acknowledged { Ok(()) } else { self.write(|_| Ok(())) }
    }

    /// Removes all messages of a topic up to this number.
    ///
    /// # Errors
    /// Storage errors; the messages are then sent again after a restart.
    pub fn remove_through(&mut self, topic: Topic, through: u64) -> Result<(), OutboxError> {
        self.acknowledge(topic, through);
        self.remove_acknowledged()
    }

    /// The first messages after `after`, in order: at most `count`, and beyond the first one at
    /// most `bytes`.
    ///
    /// # Errors
    /// Storage errors.
    pub fn peek(
        &mut self,
        topic: Topic,
        after: u64,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Waiting>, OutboxError> {
        let after = after.max(self.acknowledged[topic.index()]);
        self.read(|database| {
            let txn = database.begin_read()?;
            let table = txn.open_table(match topic {
                Topic::Events => tables::EVENTS,
                Topic::Telemetry => tables::TELEMETRY,
            })?;
            let mut waiting = Vec::new();
            let mut sum = 0;
            let range = (Bound::Excluded(after), Bound::Unbounded);
            for row in ReadableTable::range::<u64>(&table, range)?.take(count) {
                let (seq, row) = row?;
                let payload = row.value();
                sum += payload.len();
                if sum > bytes && !waiting.is_empty() {
                    break;
                }
                waiting
                    .push(Waiting { seq: seq.value(), payload: Bytes::copy_from_slice(payload) });
            }
            Ok(waiting)
        })
    }

    /// Where a driver goes on.
    ///
    /// # Errors
    /// Storage errors.
    pub fn checkpoint(&mut self, driver: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(tables::CHECKPOINTS)?;
            Ok(ReadableTable::get(&table, driver)?.map(|row| row.value().to_vec()))
        })
    }

    /// The faults that are active, with `since_ts`.
    ///
    /// # Errors
    /// Storage errors.
    pub fn active_faults(&mut self) -> Result<Vec<FaultRaised>, OutboxError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(tables::FAULTS)?;
            table.iter()?.map(|row| decode(row?.1.value())).collect()
        })
    }

    /// How much waits.
    ///
    /// # Errors
    /// Storage errors.
    pub fn status(&mut self) -> Result<OutboxStatus, OutboxError> {
        let counters = self.counters.clone();
        let max_bytes = self.settings.max_bytes;
        self.read(|database| {
            let txn = database.begin_read()?;
            Ok(OutboxStatus {
                outbox: counters.outbox,
                events: txn.open_table(tables::EVENTS)?.len()?,
                event_bytes: counters.bytes[Topic::Events.index()],
                telemetry: txn.open_table(tables::TELEMETRY)?.len()?,
                telemetry_bytes: counters.bytes[Topic::Telemetry.index()],
                max_bytes,
                dropped: counters.dropped,
                active_faults: txn.open_table(tables::FAULTS)?.len()?,
            })
        })
    }

    /// Names this store towards the platform.
    #[must_use]
    pub fn id(&self) -> OutboxId {
        self.counters.outbox
    }

    /// What was dropped and isn't told yet.
    #[must_use]
    pub fn loss(&self, topic: Topic) -> Option<&Loss> {
        self.counters.losses[topic.index()].as_ref()
    }

    /// Runs one transaction. After a failed write the database is opened anew, and when the
    /// commit took effect all the same, the call has succeeded.
    pub(super) fn write<R>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<R, OutboxError>,
    ) -> Result<R, OutboxError> {
        self.reopen()?;
        let attempt = self.counters.commits + 1;
        match self.try_write(work) {
            Ok(result) => Ok(result),
            Err(Failed { error, in_doubt }) => {
                if !error.is_storage() {
                    return Err(error);
                }
                self.database = None;
                match (in_doubt, self.reopen()) {
                    (Some(result), Ok(())) if self.counters.commits == attempt => Ok(result),
                    (Some(_), Err(_)) => Err(OutboxError::InDoubt(error.to_string())),
                    _ => Err(error),
                }
            }
        }
    }

    fn try_write<R>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<R, OutboxError>,
    ) -> Result<R, Failed<R>> {
        let database = self.database.as_ref().ok_or(OutboxError::Closed)?;
        let txn = database.begin_write()?;
        let mut batch = Batch::open(&txn, self.settings)?;
        // After an error they are read again: what they have seen isn't stored then.
        batch.rules = self.rules.take();
        batch.allowed.clone_from(&self.allowed);
        for topic in Topic::ALL {
            batch.remove_through(topic, self.acknowledged[topic.index()])?;
        }
        let result = work(&mut batch)?;
        let (counters, rules) = batch.finish()?;
        match txn.commit() {
            Ok(()) => {
                self.counters = counters;
                self.rules = rules;
                self.removed = self.acknowledged;
                Ok(result)
            }
            Err(error) => Err(Failed { error: error.into(), in_doubt: Some(result) }),
        }
    }

    pub(super) fn read<R>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<R, OutboxError>,
    ) -> Result<R, OutboxError> {
        self.reopen()?;
        let result = self.database.as_ref().ok_or(OutboxError::Closed).and_then(work);
        if matches!(&result, Err(error) if error.is_storage()) {
            self.database = None;
        }
        result
    }

    fn reopen(&mut self) -> Result<(), OutboxError> {
        if self.database.is_none() {
            let database = (self.open)()?;
            let table = database.begin_read()?.open_table(tables::STATE)?;
            self.counters = Counters::read(&table)?
                .ok_or_else(|| OutboxError::Corrupt("it has no counters".to_owned()))?;
            drop(table);
            self.database = Some(database);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("counters", &self.counters).finish_non_exhaustive()
    }
}
