//! Named bounds; beyond them a request is refused with the field at fault.

use std::ops::RangeInclusive;

/// Alarms of one machine that are active at once. Beyond it a raise opens no more: the machine's
/// event keeps what it said, and the log tells.
pub const ACTIVE_ALARMS_MAX: u64 = 1_000;
/// For how long an alarm may be shelved, in seconds: a minute to a week.
pub const SHELVE_FOR_S: RangeInclusive<i64> = 60..=7 * 86_400;
/// For how long maintenance mode may be switched on, in seconds: a minute to 30 days.
pub const MAINTENANCE_FOR_S: RangeInclusive<i64> = 60..=30 * 86_400;
/// Rules that learn a machine that are told at once, the first ones. Of more it is said that there are.
pub const LEARNING_RULES_MAX: usize = 100;
/// Longest reason, in characters.
pub const REASON_MAX: usize = 500;
/// What one transaction of the worker ends at most: shelvings, suppressions, or the maintenance of
/// machines. What is left waits for the next.
pub const ENDED_BATCH: u64 = 50;
/// How long after its parent is back, or the maintenance of its parent has ended, a machine may stay away
/// before its lost contact troubles people, in seconds.
pub const PARENT_BACK_GRACE_S: i64 = 120;
