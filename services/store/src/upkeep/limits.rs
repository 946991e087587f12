//! Bounds of the work on stored telemetry. What is beyond one of them waits for the next step.

/// Series that are rolled up in one transaction.
pub(super) const ROLLED_SERIES: i64 = 200;
/// Minutes of one series that are rolled up in one transaction.
pub(super) const ROLLED_MINUTES: i64 = 500;
/// Points that are rolled up in one transaction, a minute of a series at least: SQLite's only writer is
/// held for less than 50 milliseconds.
pub(super) const ROLLED_POINTS: i64 = 20_000;
/// Hours made anew in one transaction.
pub(super) const REPAIRED_HOURS: i64 = 20;
/// How long, in microseconds, an hour in which something came late isn't made anew: 5 minutes. What else
/// comes late for it meanwhile is done with it, so that a series that is always late costs no more.
pub(super) const REPAIR_WAIT_US: i64 = 5 * 60_000_000;
/// Spans whose points are counted in one go.
pub(super) const COUNTED_SPANS: usize = 25;

/// Values or rollups of a series that retention removes in one transaction: SQLite's only writer is held for
/// less than 50 milliseconds.
pub(super) const REMOVED_ROWS: i64 = 20_000;
/// The same of texts, which may be long.
pub(super) const REMOVED_TEXTS: i64 = 2_000;
/// The same of events and the like.
pub(super) const REMOVED_EVENTS: i64 = 2_000;
/// Packed days of a series removed in one transaction.
pub(super) const REMOVED_BLOCKS: i64 = 30;
/// Points of these, unless one day has more: SQLite looks at each page that becomes free.
pub(super) const REMOVED_BLOCK_POINTS: i64 = 1_000_000;
/// Series that retention looks at in one go.
pub(super) const LOOKED_AT_SERIES: i64 = 500;
