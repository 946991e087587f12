//! Named bounds; beyond them a request is refused with the field at fault, or evidence is cut and
//! says so.

use millwright_store::tickets::around::Bounds;

/// Longest description and comment, in characters.
pub const TEXT_MAX: usize = 10_000;
/// What evidence keeps of samples.
pub const SAMPLES: Bounds = Bounds { signals: 20, points: 500, text_chars: 200 };
/// From how long before an alarm evidence is kept, in seconds.
pub const BEFORE_S: i64 = 15 * 60;
/// Until how long after an alarm, in seconds.
pub const AFTER_S: i64 = 5 * 60;
/// Active alarms that evidence names.
pub const EVIDENCE_ALARMS_MAX: usize = 50;
/// Reported events that evidence keeps.
pub const EVIDENCE_EVENTS_MAX: u64 = 50;
/// Largest data of an event that evidence keeps, in bytes of JSON.
pub const EVENT_DATA_MAX_BYTES: usize = 2 * 1024;
/// Largest evidence, in bytes of JSON; signals that don't fit are left out.
pub const EVIDENCE_MAX_BYTES: usize = 512 * 1024;
/// What one transaction of the worker closes at most. What is left waits for the next.
pub const CLOSED_BATCH: u64 = 50;
/// Alarms near another one that grouping looks at, the nearest in time first.
pub const NEIGHBOURS_MAX: u64 = 500;
/// Alarms that one job puts on the ticket of their group. Those beyond it join by their own jobs.
pub const GROUPED_AT_ONCE: usize = 100;
/// Open tickets of a group that one job looks at, the oldest first; others stay.
pub const GROUP_TICKETS_MAX: usize = 20;
/// Alarms of a ticket among which the root is looked for, the earliest first. A ticket with more of
/// them isn't merged into another one.
pub const MEMBERS_MAX: u64 = 500;
/// Alarms that a ticket lists; it counts all of them.
pub const LISTED_ALARMS_MAX: u64 = 200;
/// Alarms that are taken out of a ticket at once.
pub const SPLIT_MAX: usize = 200;
