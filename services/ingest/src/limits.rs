//! Named bounds of ingest. Beyond those of the intake connections stop reading: back-pressure,
//! not loss. Beyond those of a machine values go to quarantine with the reason.

use std::time::Duration;

use millwright_detection::conditions::WORK_MAX;

/// Messages that wait for their batch, over all connections.
pub const INTAKE_MESSAGES: usize = 8_192;
/// Payload that waits for its batch or its commit, over all connections, in KiB.
pub const INTAKE_KIB: usize = 64 * 1024;

/// Messages after which a batch is closed.
pub const BATCH_MESSAGES: usize = 2_048;
/// Values after which a batch is closed; one message may go beyond. Keeps a transaction short,
/// so that the API has its turn at the writer.
pub const BATCH_VALUES: usize = 10_000;
/// How long a batch waits for more messages when the database is idle.
pub const BATCH_LINGER: Duration = Duration::from_millis(2);

/// First pause before a batch is written again; doubled up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_millis(50);
/// Longest pause before a batch is written again.
pub const RETRY_MAX: Duration = Duration::from_secs(2);

/// So many times the same messages are written when the server has no room for all that they need at once;
/// then half of them at a time. One that is alone is left to its machine, unacknowledged, so that it
/// doesn't hold up the others: its connection is closed, and it comes again.
pub const EXHAUSTED_TRIES: u32 = 5;

/// Machines whose signals and cursors are kept in memory: not fewer than can be connected. Beyond it one is
/// forgotten for each that comes, rather one that was long not heard, and read again when it is. About
/// 1 KiB each besides its entries: 25 MiB.
pub const CACHED_MACHINES: usize = 25_000;
/// Signals, gaps and rules of all these machines together, 40 for each; likewise. About 130 bytes each:
/// 125 MiB. A batch may go beyond while it is written.
pub const CACHED_ENTRIES: usize = 1_000_000;
/// Machines whose last receive time is kept, for messages without a time.
pub const CLOCKED_MACHINES: usize = CACHED_MACHINES;
/// Bytes of what rules have learned of all these machines, in memory; beyond it rules that learn
/// don't watch further machines, which is logged and counted. A machine with 20 signals takes less
/// than 64 KiB a rule.
pub const LEARNED_BYTES_MAX: usize = 512 * 1024 * 1024;
/// What a rule that begins to learn is counted as, in bytes, before it has.
pub const LEARNED_BYTES_A_RULE: usize = 64 * 1024;
/// How often what a rule has learned of a machine is stored at most, in microseconds: five
/// minutes. After a restart it catches up from there.
pub const CHECKPOINT_EVERY_US: i64 = 300_000_000;
/// So many times a batch; the others wait for the next one.
pub const CHECKPOINTS_A_BATCH: usize = 16;
/// Machines whose rules catch up in a batch; the others wait for their next one.
pub const CATCH_UP_MACHINES: usize = 16;
/// Stored samples that rules take in a batch to catch up; the rest waits for the next one, and the
/// rule is quiet until it has caught up.
pub const CATCH_UP_SAMPLES: usize = 5_000;
/// Stored samples that it costs to look at a signal, whether it has any: after a restart with little new it is the
/// looking that acknowledgements would wait for.
pub const CATCH_UP_LOOK: usize = 50;
/// Stored samples that a batch counts for rules that begin, to find where [`RELIVED_SAMPLES`] begin;
/// the one that goes beyond is the last one, further rules begin with the next batch.
pub const CATCH_UP_COUNTED: usize = 100_000;
/// Newest samples of a signal that a rule takes at most when it catches up with batches. Of one that counts
/// rows (`train_rows`) older ones are passed over; one that needs days is rebuilt beside them if there are more.
pub const RELIVED_SAMPLES: usize = 5_000;
/// How much older than a signal's newest sample they may be, in microseconds: 30 days.
pub const RELIVED_US: i64 = 30 * 86_400_000_000;
/// Stored samples that a rule with a machine is rebuilt from at most, in equal shares for its signals: of one
/// at a sample a second 30 days need 2.6 million. Older ones are passed over.
pub const REBUILD_SAMPLES: usize = 20_000_000;
/// Rules that wait to be rebuilt, some hundred bytes each besides what they know; beyond it those that need it
/// wait for room.
pub const REBUILDS_MAX: usize = 10_000;
/// Bytes of these together, with what those that go on from a checkpoint know; likewise.
pub const REBUILDS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of what has been rebuilt and waits for its machine's next batch. Beyond it nothing more is rebuilt
/// until some of it is taken.
pub const REBUILT_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How long it waits for that at least: a day. Then the oldest makes room for others where there is none, and is
/// rebuilt again when its machine is heard.
pub const REBUILT_KEPT: Duration = Duration::from_secs(86_400);
/// Samples of a signal that are read in one go.
pub const REBUILD_READ: usize = 10_000;
/// Samples of packed days that are held at once, over a rule's signals, if that is more: a day is unpacked as a
/// whole. About 40 bytes each: 8 MB.
pub const REBUILD_UNPACKED: usize = 200_000;
/// Samples after which other tasks have their turn.
pub const REBUILD_YIELD: usize = 5_000;
/// Samples after which what was learned so far is stored with the machine's next batch: a process that is
/// started again goes on from there.
pub const REBUILD_KEPT_EVERY: u64 = 1_000_000;
/// Rebuilding rests as long as it has worked, but no longer than this.
pub const REBUILD_REST_MAX: Duration = Duration::from_secs(1);
/// So many times it is tried where what is stored is at fault; then a rule begins with what batches relive. For a
/// database that can't be used it waits.
pub const REBUILD_TRIES: u32 = 5;
/// Window in which new signals are counted, in microseconds: a minute.
pub const NEW_SIGNALS_WINDOW_US: i64 = 60_000_000;
/// How often a machine's last-seen time is written at most, in microseconds: a second.
pub const SEEN_EVERY_US: i64 = 1_000_000;
/// So many messages in a row by another clock make it the machine's clock; they must have come over
/// [`CLOCK_KNOWN_US`]. Fewer are ahead of their time, or late.
pub const CLOCK_KNOWN_MESSAGES: i64 = 3;
/// Over how long they must have come, in microseconds: five minutes.
pub const CLOCK_KNOWN_US: i64 = 300_000_000;
/// Over how long they may have come at most, in microseconds: an hour. Beyond it they are counted anew.
pub const CLOCK_DOUBT_MAX_US: i64 = 3_600_000_000;
/// So long after its last message another clock isn't forgotten for one that is further ahead, in microseconds:
/// ten minutes.
pub const CLOCK_DOUBT_HELD_US: i64 = 600_000_000;
/// Rejected values of one message that its quarantine row names; the others are counted.
pub const REASONS_SHOWN: usize = 10;

/// Machines whose samples are copied to watchers; beyond it a watcher sees stored values only.
pub const WATCHED_MACHINES: usize = 1_000;
/// Copies that wait for one slow watcher; it then skips the oldest and is told.
pub const LIVE_QUEUE: usize = 256;
/// Copies that wait for the bus; beyond it they are dropped, watchers poll.
pub const FORWARD_QUEUE: usize = 1_024;

/// What one machine may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineLimits {
    /// Signals, ever.
    pub signals: usize,
    /// New signals a minute.
    pub new_signals_a_minute: usize,
    /// Outboxes; beyond it the longest unused is forgotten, with its gaps.
    pub outboxes: usize,
    /// Gaps; beyond it the two that are closest become one.
    pub gaps: usize,
    /// Judgements that one event may take with one rule; beyond it the rule is switched off.
    pub rule_work: u32,
}

impl Default for MachineLimits {
    fn default() -> Self {
        Self {
            signals: 2_000,
            new_signals_a_minute: 100,
            outboxes: 16,
            gaps: 1_000,
            rule_work: WORK_MAX,
        }
    }
}
