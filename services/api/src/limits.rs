//! Named bounds of the API. Beyond them a request is refused with a problem that says so.

use std::time::Duration;

/// Largest request body, unpacked, in bytes.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Largest body of a request that needs no sign-in, in bytes. A machine's renewal is the largest of
/// them: a certificate and a request for one, of at most 16 KiB each.
pub const OPEN_BODY_MAX_BYTES: usize = 40 * 1024;
/// Bytes of a packed body that are unpacked in one go. A byte becomes about a thousand at most, so a
/// body that is too large when it is unpacked has taken no more than 1 MiB beyond its bound.
pub const PACKED_PIECE_BYTES: usize = 1024;
/// How long a request's body may take to arrive; beyond it 408. Enough for the largest one at 280
/// kbit/s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections at the same time, per worker thread, those of machines by WebSocket included; more
/// wait in the listener's queue. With two threads it is more than the gateway lets machines in, so
/// that they leave room for people.
pub const CONNECTIONS_PER_WORKER: usize = 12_288;
/// Connections at the same time of one network (an IPv4 address, an IPv6 /64); further ones are closed.
/// A third of what two threads hold, and enough for 5,000 machines of one site and its people. A proxy in
/// front of machines shows all of them at one address: more of them need several proxies.
pub const CONNECTIONS_PER_NETWORK: usize = 8_192;
/// Of them, such as haven't finished their TLS handshake; further ones are closed. As many as machines
/// of one network that come back together, see the gateway's bound of the same kind.
pub const NEWCOMERS_PER_NETWORK: usize = 7_000;
/// TLS connections of one network that may come at once: after a restart its machines come back
/// together. Beyond it they are closed. Not counted without TLS: there they cost little, and a
/// proxy may open one for each request.
pub const ARRIVALS_BURST: u32 = 20_000;
/// Time after which one more may come: 100 a second. A handshake takes about a millisecond of a CPU.
pub const ARRIVAL_EVERY: Duration = Duration::from_millis(10);
/// TLS handshakes at the same time, after their first message; further ones wait within the time limit.
pub const HANDSHAKES_MAX: usize = 512;
/// Of them, of one network.
pub const HANDSHAKES_PER_NETWORK: usize = 128;
/// How long a client may take to send the head of a request.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client that goes is waited for before its connection is closed.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a TLS handshake may take, the wait for its first message and for its turn included.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection stays open.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long running requests may take to end when the platform stops, in seconds.
pub const SHUTDOWN_S: u64 = 5;
/// The same for what answers while the platform waits for its database, in seconds.
pub const WAITING_SHUTDOWN_S: u64 = 1;
/// How long a readiness check may take before it counts as failed.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 128;
/// Largest answer that is kept for a repeated request, in bytes; a larger one is told again only
/// as "done".
pub const IDEMPOTENT_ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Longest text of a caller that stands in an error, in characters.
pub const QUOTED_MAX_CHARS: usize = 200;
/// Idle time after which TCP asks whether the peer is still there.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(120);
/// How long what was sent may stay unread or unacknowledged by the peer; then TCP ends the
/// connection. The one bound on readers that don't read.
pub const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What a machine that finds no room is told to wait, in seconds.
pub const MACHINE_RETRY_AFTER_S: u32 = 30;
/// Largest frame that is sent to a machine. At most 32 of them wait for a slow reader, and as many
/// again in the connection's own buffer; beyond that the gateway has to wait, and then ends the
/// connection.
pub const FRAME_SENT_BYTES: usize = 4 * 1024;
/// Frames without data (ping, pong, empty ones) of a machine's WebSocket within
/// [`EMPTY_FRAMES_WINDOW`]; beyond it the connection is closed (code 1008).
pub const EMPTY_FRAMES_MAX: u32 = 600;
/// See [`EMPTY_FRAMES_MAX`].
pub const EMPTY_FRAMES_WINDOW: Duration = Duration::from_secs(60);
/// How long a WebSocket's last frame may wait for room.
pub const WEBSOCKET_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
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
