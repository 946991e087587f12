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

/// The rules of this machine: what the platform has given, and what came of it.
pub(super) const RULES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rules");
/// Rule → [`crate::rules::StoredState`] as JSON.
pub(super) const RULE_STATES: TableDefinition<'_, u128, &[u8]> =
    TableDefinition::new("rule_states");
/// Rule → its active [`crate::rules::LocalAlarm`] as JSON.
pub(super) const LOCAL_ALARMS: TableDefinition<'_, u128, &[u8]> =
    TableDefinition::new("local_alarms");
/// Signal → its latest time before the clock was set back, in microseconds. What is not later is
/// late for rules.
pub(super) const SIGNAL_HIGHS: TableDefinition<'_, &str, i64> =
    TableDefinition::new("signal_highs");

/// Key of the claims of the document in [`RULES`].
pub(super) const RULES_GIVEN: &str = "given";
/// Key of the rules that have failed in [`RULES`].
pub(super) const RULES_FAILED: &str = "failed";
/// Key of what was told of the document in [`RULES`].
pub(super) const RULES_TOLD: &str = "told";

/// Key of the counters in [`STATE`].
pub(super) const COUNTERS: &str = "counters";
/// Key of the ledger's head in [`STATE`].
pub(super) const LEDGER_HEAD: &str = "ledger";
/// Key of the latest signed time in [`STATE`].
pub(super) const TIME_FLOOR: &str = "time_floor";
