//! Named bounds; beyond them a request is refused with the field at fault.

/// Longest name of an organization, site or machine, in characters.
pub const NAME_MAX: usize = 200;
/// Longest serial number, in characters.
pub const SERIAL_NUMBER_MAX: usize = 100;
/// Longest model, in characters.
pub const MODEL_MAX: usize = 100;
/// Longest text searched for, in characters.
pub const SEARCH_MAX: usize = 100;
/// Machines that one machine can connect.
pub const CHILDREN_MAX: u64 = 1_000;
/// Types that one request for events may name.
pub const EVENT_TYPES_MAX: usize = 50;
/// Longest id of what an audit record is about, in characters.
pub const SUBJECT_ID_MAX: usize = 200;
/// What the caller sent, as it stands in an error, in characters; what is beyond isn't shown.
pub const SHOWN_MAX: usize = 64;
/// How long after it was resolved a ticket may be reopened by an alarm, in seconds: up to 30 days.
pub const REOPEN_WITHIN_S: std::ops::RangeInclusive<i64> = 0..=30 * 86_400;
/// How far apart alarms of one group may begin, in seconds.
pub const GROUPING_WINDOW_S: std::ops::RangeInclusive<i64> = 1..=1_800;
/// Machines that must be concerned before those of a site are grouped.
pub const GROUPING_MACHINES: std::ops::RangeInclusive<i64> = 2..=100;
/// How often an alarm may be raised within the period before it counts as flapping.
pub const FLAPPING_RAISES: std::ops::RangeInclusive<i64> = 2..=100;
/// Period in which raises are counted, in seconds: a minute to a day.
pub const FLAPPING_PERIOD_S: std::ops::RangeInclusive<i64> = 60..=86_400;
/// How long stored data may be kept, in days: up to 100 years.
pub const RETENTION_DAYS: std::ops::RangeInclusive<i64> = 1..=36_500;
/// After how long values are compressed, in days: up to 10 years; 0: never.
pub const COMPRESS_AFTER_DAYS: std::ops::RangeInclusive<i64> = 0..=3_650;
/// Entries of a retention policy for single signals.
pub const RETENTION_SIGNALS_MAX: usize = 100;
