//! Named bounds, and what happens beyond them.

use std::time::Duration;

/// Open commands of one machine; more are refused until some have ended.
pub const OPEN_COMMANDS_MAX: u64 = 100;
/// Longest reason of a decision, in characters; a longer one is refused.
pub const REASON_MAX_CHARS: usize = 500;
/// Longest error that a machine reports, in characters; what is beyond is cut off.
pub const ERROR_MAX_CHARS: usize = 2_000;
/// Longest version that an agent tells, in characters; what is beyond is cut off.
pub const AGENT_VERSION_MAX_CHARS: usize = 64;
/// How often it is looked whether something is due.
pub const TICK: Duration = Duration::from_secs(1);
/// Machines whose commands expire in one tick; more wait for the next one.
pub const EXPIRED_BATCH: u64 = 200;
/// Machines looked at in one tick because something waits for them; the next tick goes on after
/// the last one.
pub const WORK_BATCH: u64 = 500;
/// Steps that one look at a machine takes; the next look goes on.
pub const ROUNDS_MAX: usize = 10;
/// Machines whose rules are looked at in one tick because rules have changed, and of those that haven't
/// said that they have theirs; the next tick goes on after the last one.
pub const RULES_BATCH: u64 = 200;
/// When rules are sent again that a machine hasn't said that it has, in seconds: the first pause, and
/// the longest; it doubles.
pub const RULES_AGAIN_S: (i64, i64) = (10, 3_600);
/// What the claims of a machine's rules need beside the rules, its limits and its time zone, in bytes
/// of JSON (generous).
pub const CONFIG_ENVELOPE_BYTES: usize = 256;
/// Known names that a refusal of an unknown command tells.
pub const NAMES_TOLD_MAX: usize = 50;
