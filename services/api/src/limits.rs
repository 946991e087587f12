//! Named bounds of the API. Beyond them a request is refused with a problem that says so.

use std::time::Duration;

/// Largest request body, in bytes.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Connections at the same time, per worker thread; more wait in the listener's queue.
pub const CONNECTIONS_PER_WORKER: usize = 4_096;
/// TLS handshakes at the same time, per worker thread.
pub const HANDSHAKES_PER_WORKER: usize = 64;
/// How long a client may take to send the head of a request.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection stays open.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long running requests may take to end when the platform stops, in seconds.
pub const SHUTDOWN_S: u64 = 5;
/// How long a readiness check may take before it counts as failed.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 128;
/// Largest answer that is kept for a repeated request, in bytes; a larger one is told again only
/// as "done".
pub const IDEMPOTENT_ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Longest text of a caller that stands in an error, in characters.
pub const QUOTED_MAX_CHARS: usize = 200;
/// Streams of server-sent events at the same time, over all callers.
pub const STREAMS_MAX: usize = 1_000;
/// Streams of server-sent events at the same time, per caller.
pub const STREAMS_PER_CALLER: usize = 20;
/// What a caller with too many streams is told to wait, in seconds.
pub const STREAM_RETRY_AFTER_S: u32 = 10;
/// Events that wait for a slow reader of a stream; beyond it the stream waits.
pub const STREAM_QUEUE: usize = 64;
/// Events that a stream reads at once.
pub const STREAM_BATCH: u64 = 200;
/// How often a stream checks that its caller still may read it, and shows that it lives. A reader
/// that has gone without a word is noticed after two of these.
pub const STREAM_CHECK: Duration = Duration::from_secs(5);
/// After how long without live copies a stream of samples reads the stored values.
pub const STREAM_POLL: Duration = Duration::from_secs(2);
