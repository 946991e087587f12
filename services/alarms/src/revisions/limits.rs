//! Named bounds of revisions. Beyond those of a run what couldn't be looked at is told as
//! `not_evaluated`.

use std::time::Duration;

/// A span is looked at when nothing has come late for so long, in seconds: five minutes.
pub const QUIET_S: i64 = 300;
/// Or when the first of it came so long ago, in seconds: an hour.
pub const WAIT_S: i64 = 3_600;
/// Longest part of a span that is looked at in one go, in seconds: 31 days. The rest follows.
pub const SPAN_S_MAX: i64 = 31 * 86_400;
/// Values that are read in one go. With more, as long a part is looked at as has no more.
pub const VALUES_MAX: usize = 1_000_000;
/// How far a rule may look back, in seconds: a week. Those that look further aren't tried: of what they
/// have seen too little would be read.
pub const REACH_S_MAX: i64 = 7 * 86_400;
/// How far before that the rules find their feet, and how far after the end it is read on, so that
/// holds show, in seconds: an hour.
pub const AROUND_S: i64 = 3_600;
/// Alarms of a rule that are compared; a rule that had more in a part of a span isn't.
pub const COMPARED_MAX: u64 = 1_000;
/// What the alarms that a rule would have raised may take, in bytes of JSON; further ones aren't told.
pub const LISTED_MAX_BYTES: usize = 256 * 1024;
/// Times that a part is begun. After that it isn't looked at: whoever did it was stopped each time.
pub const ATTEMPTS_MAX: i64 = 5;
/// How long it is leased, in seconds.
pub const LEASE_S: i64 = 120;
/// How often the lease is extended.
pub const NOTE: Duration = Duration::from_secs(10);
/// After each piece it rests for so much of the time that the piece took, so that machines' messages
/// come first: one part of four, but no longer than [`REST_MAX`].
pub const REST_PART: u32 = 4;
/// See [`REST_PART`].
pub const REST_MAX: Duration = Duration::from_millis(50);
