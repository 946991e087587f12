//! The outbox's tables.

use redb::TableDefinition;

/// Waiting events: number → payload.
pub(super) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Waiting telemetry: number → payload.
pub(super) const TELEMETRY: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("telemetry");
/// Signal → time of its last sample, in microseconds.
pub(super) const SIGNALS: TableDefinition<'_, &str, i64> = TableDefinition::new("signals");
/// Driver → its checkpoint, in its own form.
pub(super) const CHECKPOINTS: TableDefinition<'_, &str, &[u8]> =
    TableDefinition::new("checkpoints");
/// (Source, code) → the active fault, JSON, with `since_ts`.
pub(super) const FAULTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("faults");
/// Numbers that change with every transaction; one row, [`super::batch::Counters`] as JSON.
pub(super) const STATE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");

/// Commands in the ledger: number of their arrival → [`crate::orders::Entry`] as JSON.
pub(super) const LEDGER: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ledger");
/// Command → its number in [`LEDGER`].
pub(super) const LEDGER_NUMBERS: TableDefinition<'_, u128, u64> =
    TableDefinition::new("ledger_numbers");

/// Key of the counters in [`STATE`].
pub(super) const COUNTERS: &str = "counters";
/// Key of the ledger's head in [`STATE`].
pub(super) const LEDGER_HEAD: &str = "ledger";
/// Key of the latest signed time in [`STATE`].
pub(super) const TIME_FLOOR: &str = "time_floor";
