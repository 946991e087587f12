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
