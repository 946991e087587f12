//! Named bounds of backtests. Beyond those of a request it is refused with the field at fault; beyond
//! those of a run it fails and says so.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Machines that a rule is tried on.
pub const MACHINES_MAX: usize = 50;
/// Longest time, in days.
pub const SPAN_DAYS_MAX: i64 = 400;
/// The time when nobody says, in days.
pub const SPAN_DAYS_DEFAULT: i64 = 30;
/// Known failures.
pub const FAILURES_MAX: usize = 200;
/// Longest name of a failure, in characters.
pub const FAILURE_NAME_MAX: usize = 100;
/// How long before a failure an alarm announces it, in seconds: a minute to 90 days.
pub const LEAD_S: RangeInclusive<i64> = 60..=90 * 86_400;
/// The same when nobody says: 48 hours.
pub const LEAD_S_DEFAULT: i64 = 48 * 3_600;
/// Backtests of an organization that haven't ended, without previews; one of them runs. Beyond it: 429.
pub const WAITING_MAX: u64 = 5;
/// The same of all organizations together.
pub const WAITING_ALL_MAX: u64 = 100;
/// When to try again then, in seconds.
pub const RETRY_AFTER_S: u32 = 30;
/// Previews of an organization that haven't ended; one of them runs. An editor has one at a time, so that
/// this is about how many people edit at once. Beyond it: 429.
pub const PREVIEWS_WAITING_MAX: u64 = 20;
/// The same of all organizations together.
pub const PREVIEWS_WAITING_ALL_MAX: u64 = 100;
/// When to try again then, in seconds.
pub const PREVIEW_RETRY_AFTER_S: u32 = 5;
/// Previews that a process does at once, each of another organization: one that takes long doesn't hold up
/// all others.
pub const PREVIEWS_AT_ONCE: usize = 2;

/// How long a run may take.
pub const TIME_MAX: Duration = Duration::from_secs(600);
/// The same of a preview: somebody waits for it.
pub const PREVIEW_TIME_MAX: Duration = Duration::from_secs(30);
/// Values that a run may read.
pub const VALUES_MAX: i64 = 50_000_000;
/// How far before the beginning it reads on for a rule's windows and hold times at most, in seconds: a
/// week.
pub const BEFORE_S_MAX: i64 = 7 * 86_400;
/// Times that it is begun. After the last one it has failed: whoever did it was stopped each time.
pub const ATTEMPTS_MAX: i64 = 5;
/// How often it is looked for whether it is still wanted.
pub const LOOK: Duration = Duration::from_millis(250);
/// How often it is noted how far it is, and the lease of its job extended.
pub const NOTE: Duration = Duration::from_secs(1);
/// How long its job is leased after that, in seconds.
pub const LEASE_S: i64 = 60;
/// After a piece it rests for so much of the time that the piece took, so that machines' messages come
/// first: one part of four, but no longer than [`REST_MAX`].
pub const REST_PART: u32 = 4;
/// See [`REST_PART`].
pub const REST_MAX: Duration = Duration::from_millis(50);

/// Alarms of a machine that are listed, if there is room; all are counted.
pub const ALARMS_LISTED: usize = 100;
/// Tickets of a machine that are listed; all are counted.
pub const TICKETS_LISTED: usize = 20;
/// Differences of a machine that are listed, each way; all are counted.
pub const DIFFERENCES_LISTED: usize = 20;
/// Alarms of a machine that are compared with those of another rule.
pub const COMPARED_MAX: usize = 100_000;
/// Largest result, in bytes of JSON.
pub const RESULT_MAX_BYTES: usize = 1024 * 1024;
/// What listed alarms may take of it, all machines and both rules together.
pub const LISTED_MAX_BYTES: usize = 512 * 1024;
