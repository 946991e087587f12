//! The ledger: every command that came, before it is done, and how it ended; at most once each.

use millwright_schemas::limits::PAYLOAD_MAX_BYTES;
use millwright_schemas::wire::command::CommandReport;
use millwright_schemas::{CommandId, LedgerId, Timestamp};
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::batch::{Batch, EventSize, decode, encode};
use super::{Outbox, OutboxError, tables};
use crate::limits::{COMMAND_REPORT_BEYOND_BYTES, LEDGER_ENTRIES};
use crate::orders::{Entry, EntryState, Happening, LedgerHead, Step, step};

/// Reports go beyond the outbox's bound, and carry output.
const REPORT: EventSize =
    EventSize { largest: PAYLOAD_MAX_BYTES, beyond: COMMAND_REPORT_BEYOND_BYTES };

/// The ledger's row in the table of states.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    ledger: LedgerHead,
    /// Number of the next command that comes.
    next: u64,
}

impl Outbox {
    /// The ledger's name and the last place in its order.
    ///
    /// # Errors
    /// Storage errors.
    pub fn ledger(&mut self) -> Result<LedgerHead, OutboxError> {
        self.read(|database| Ok(read_head(database)?.ledger))
    }

    /// What the ledger holds of a command.
    ///
    /// # Errors
    /// Storage errors.
    pub fn ledger_entry(&mut self, id: CommandId) -> Result<Option<Entry>, OutboxError> {
        self.read(|database| {
            let txn = database.begin_read()?;
            let numbers = txn.open_table(tables::LEDGER_NUMBERS)?;
            let Some(number) = ReadableTable::get(&numbers, id.0.as_u128())? else {
                return Ok(None);
            };
            let entries = txn.open_table(tables::LEDGER)?;
            let row = ReadableTable::get(&entries, number.value())?;
            row.map(|row| decode(row.value())).transpose()
        })
    }

    /// All commands that aren't over, in the order in which they came.
    ///
    /// # Errors
    /// Storage errors.
    pub fn open_commands(&mut self) -> Result<Vec<Entry>, OutboxError> {
        self.read(|database| {
            let entries = database.begin_read()?.open_table(tables::LEDGER)?;
            let mut open = Vec::new();
            for row in entries.iter()? {
                let entry: Entry = decode(row?.1.value())?;
                if !entry.state.is_final() {
                    open.push(entry);
                }
            }
            Ok(open)
        })
    }

    /// Enters a command that isn't in the ledger, and tells its state, in one transaction. With
    /// `counts` it takes its place in the order.
    ///
    /// # Errors
    /// When it isn't stored; then nothing may be done about it.
    pub fn enter_command(
        &mut self,
        entry: &Entry,
        report: &CommandReport,
        counts: bool,
        now: Timestamp,
    ) -> Result<(), OutboxError> {
        self.write(|batch| {
            let event = entry.state.event_type();
            batch.append_event(event, to_data(report), now, REPORT)?;
            batch.enter(entry, counts)
        })
    }

    /// Something happens to a command: its new state and the event that tells it are one
    /// transaction. Gives the step; nothing is stored when it is [`Step::Same`].
    ///
    /// # Errors
    /// [`OutboxError::Command`] when it can't happen, [`OutboxError::UnknownCommand`], or when it
    /// isn't stored.
    pub fn step_command(
        &mut self,
        happening: Happening,
        report: &CommandReport,
        now: Timestamp,
    ) -> Result<Step, OutboxError> {
        let id = report.command_id;
        let entry = self.ledger_entry(id)?.ok_or(OutboxError::UnknownCommand(id))?;
        let Step::To(state) = step(entry.state, happening)? else { return Ok(Step::Same) };
        self.write(|batch| {
            batch.append_event(state.event_type(), to_data(report), now, REPORT)?;
            batch.replace(&Entry { state, ..entry })
        })?;
        Ok(Step::To(state))
    }

    /// The latest time that this machine has seen signed.
    ///
    /// # Errors
    /// Storage errors.
    pub fn time_floor(&mut self) -> Result<Option<Timestamp>, OutboxError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(tables::STATE)?;
            let row = ReadableTable::get(&table, tables::TIME_FLOOR)?;
            row.map(|row| decode(row.value()).map(Timestamp::from_micros)).transpose()
        })
    }

    /// Keeps it for the agent's next life.
    ///
    /// # Errors
    /// Storage errors.
    pub fn keep_time_floor(&mut self, signed: Timestamp) -> Result<(), OutboxError> {
        self.write(|batch| {
            let row = encode(&signed.micros())?;
            batch.state.insert(tables::TIME_FLOOR, row.as_slice())?;
            Ok(())
        })
    }
}

fn read_head(database: &Database) -> Result<Head, OutboxError> {
    let table = database.begin_read()?.open_table(tables::STATE)?;
    match ReadableTable::get(&table, tables::LEDGER_HEAD)? {
        Some(row) => decode(row.value()),
        None => Err(OutboxError::Corrupt("it has no ledger".to_owned())),
    }
}

fn to_data(report: &CommandReport) -> Map<String, Value> {
    match serde_json::to_value(report) {
        Ok(Value::Object(map)) => map,
        // A struct with text keys is always an object.
        _ => Map::new(),
    }
}

impl<'txn> Batch<'txn> {
    /// Makes the ledger when there is none: in a new store, or in one of an older version.
    pub(super) fn open_ledger(&mut self) -> Result<(), OutboxError> {
        self.table(tables::LEDGER)?;
        self.table(tables::LEDGER_NUMBERS)?;
        if self.state.get(tables::LEDGER_HEAD)?.is_none() {
            let ledger = LedgerHead { id: LedgerId(Uuid::now_v7()), last_ord: 0 };
            self.store_head(&Head { ledger, next: 1 })?;
        }
        Ok(())
    }

    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<Table<'txn, K, V>, OutboxError> {
        Ok(self.txn.open_table(definition)?)
    }

    fn head(&self) -> Result<Head, OutboxError> {
        match self.state.get(tables::LEDGER_HEAD)? {
            Some(row) => decode(row.value()),
            None => Err(OutboxError::Corrupt("it has no ledger".to_owned())),
        }
    }

    fn store_head(&mut self, head: &Head) -> Result<(), OutboxError> {
        let row = encode(head)?;
        self.state.insert(tables::LEDGER_HEAD, row.as_slice())?;
        Ok(())
    }

    fn enter(&mut self, entry: &Entry, counts: bool) -> Result<(), OutboxError> {
        let mut head = self.head()?;
        let id = entry.claims.jti.0.as_u128();
        let mut numbers = self.table(tables::LEDGER_NUMBERS)?;
        if numbers.insert(id, head.next)?.is_some() {
            return Err(OutboxError::Corrupt(format!("{} came twice", entry.claims.jti)));
        }
        let mut entries = self.table(tables::LEDGER)?;
        entries.insert(head.next, encode_entry(entry)?.as_slice())?;
        head.next += 1;
        if counts {
            head.ledger.last_ord = head.ledger.last_ord.max(entry.claims.ord);
        }
        forget(&mut entries, &mut numbers)?;
        drop((entries, numbers));
        self.store_head(&head)
    }

    fn replace(&mut self, entry: &Entry) -> Result<(), OutboxError> {
        let id = entry.claims.jti;
        let numbers = self.table(tables::LEDGER_NUMBERS)?;
        let number = numbers.get(id.0.as_u128())?.map(|row| row.value());
        let number = number.ok_or(OutboxError::UnknownCommand(id))?;
        let mut entries = self.table(tables::LEDGER)?;
        entries.insert(number, encode_entry(entry)?.as_slice())?;
        Ok(())
    }
}

/// An entry's row; arguments of what is over aren't needed any more.
fn encode_entry(entry: &Entry) -> Result<Vec<u8>, OutboxError> {
    if matches!(entry.state, EntryState::Final(_)) {
        let mut entry = entry.clone();
        entry.claims.args = Map::new();
        return encode(&entry);
    }
    encode(entry)
}

/// Forgets the oldest commands that are over, beyond the bound. What was accepted or counted has
/// passed in the order, and what is for another ledger is never done: none of them can come back.
fn forget(
    entries: &mut Table<'_, u64, &'static [u8]>,
    numbers: &mut Table<'_, u128, u64>,
) -> Result<(), OutboxError> {
    let mut excess = entries.len()?.saturating_sub(LEDGER_ENTRIES);
    let mut old = Vec::new();
    for row in entries.iter()? {
        if excess == 0 {
            break;
        }
        let (number, row) = row?;
        let entry: Entry = decode(row.value())?;
        if entry.state.is_final() {
            old.push((number.value(), entry.claims.jti));
            excess -= 1;
        }
    }
    for (number, id) in old {
        entries.remove(number)?;
        numbers.remove(id.0.as_u128())?;
    }
    Ok(())
}
