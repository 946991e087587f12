//! Named bounds of what a client can send, hold or cost, and what happens beyond each.

use std::time::Duration;

use millwright_ingest::limits::CACHED_MACHINES;
use millwright_schemas::limits::PAYLOAD_MAX_BYTES;
use millwright_schemas::wire::connect::PROOF_MAX_BYTES;

/// Longest PUBLISH, header included. Beyond it the connection is closed before memory is
/// reserved (0x95 in MQTT 5, which is told this limit in CONNACK).
pub const PACKET_MAX_BYTES: usize = PAYLOAD_MAX_BYTES + CONTROL_PACKET_MAX_BYTES;
/// Longest packet of any other kind; also all that is kept of a peer before its CONNECT.
pub const CONTROL_PACKET_MAX_BYTES: usize = 8 * 1024;
/// Properties of one PUBLISH in MQTT 5. Decoded properties take many times their bytes; beyond
/// it the connection is closed.
pub const PUBLISH_PROPERTIES_MAX_BYTES: usize = 4 * 1024;
/// Longest client identifier; beyond it CONNECT is refused.
pub const CLIENT_ID_MAX_BYTES: usize = 128;
/// Longest user name and longest password, which may be a proof of the certificate's key; beyond it
/// CONNECT is refused.
pub const CREDENTIAL_MAX_BYTES: usize = PROOF_MAX_BYTES;
/// Messages of one connection that wait for their commit. At the limit no more are decoded.
pub const IN_FLIGHT_MAX: usize = 100;
/// Payload of one connection that waits for its commit. At the limit no more is decoded.
pub const IN_FLIGHT_MAX_BYTES: usize = 1024 * 1024;
/// Packets that one connection may send in a second, over time; beyond [`PACE_MESSAGES_BURST`] no
/// more are decoded until as many may come again, so the client is slowed down and loses nothing.
pub const PACE_MESSAGES_PER_S: u32 = 5_000;
/// Packets that one connection may send at once after a pause.
pub const PACE_MESSAGES_BURST: u32 = 10_000;
/// The same in bytes, of packets as they are on the wire.
pub const PACE_BYTES_PER_S: u32 = 16 * 1024 * 1024;
/// Bytes that one connection may send at once after a pause.
pub const PACE_BYTES_BURST: u32 = 32 * 1024 * 1024;
/// Events that one machine may report at once after a pause, over all its connections: what it has kept
/// while it was away, or a fault of each of its parts. A `fault.snapshot` counts as its faults. Each may
/// write several rows and be work for others.
pub const EVENTS_BURST: u32 = 1_000;
/// Time after which it may report one more: 10 a second. Beyond it no more of its messages are decoded
/// until then, so it is slowed down and loses nothing. A machine with hundreds of faults a day is far
/// below.
pub const EVENT_EVERY: Duration = Duration::from_millis(100);
/// What one event counts at most.
pub const EVENT_WEIGHT_MAX: u32 = 1_000;
/// What a machine owes at most, a pause of 10 seconds: while it is held back its pings aren't answered
/// either, and it mustn't take its connection for lost.
pub const EVENT_DEBT_MAX: u32 = 100;
/// Machines whose events are counted, some 100 bytes each. Beyond it further ones aren't held back; so many
/// can't be connected, with all their children.
pub const EVENT_MACHINES_MAX: usize = 2 * CONNECTIONS_MAX;
/// How often those that have rested are looked for, when there are too many.
pub const EVENT_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest pause of a connection that sends too fast, so that it isn't woken for each packet.
pub const THROTTLE_PAUSE_MIN: Duration = Duration::from_millis(10);
/// Connections that one machine may open at once. Each is written to the database; beyond it
/// CONNECT is refused (0x97 in MQTT 5, 3 in MQTT 3.1.1).
pub const CONNECTS_BURST: u32 = 300;
/// Time after which a machine may open one more: 30 a minute.
pub const CONNECT_EVERY: Duration = Duration::from_secs(2);
/// Credentials of one certificate, or without one of one address (of IPv6: its /64), that may be
/// refused at once. Beyond it they aren't looked at, and CONNECT is refused as above.
pub const REFUSALS_BURST: u32 = 300;
/// Time after which one more is looked at: 60 a minute.
pub const REFUSAL_EVERY: Duration = Duration::from_secs(1);
/// Bytes that wait to be written to one connection. At the limit nothing more is decoded or
/// delivered, so a peer that doesn't read stops being served.
pub const OUTPUT_MAX_BYTES: usize = 64 * 1024;
/// Messages towards a machine that wait for its PUBACK: this or the client's receive maximum,
/// whichever is less. At the limit further ones wait in the mailbox.
pub const DOWN_WINDOW: u16 = 16;
/// Messages that wait in the mailbox of a connection. Beyond it they are refused; who sent them
/// sends again later.
pub const MAILBOX_MESSAGES: usize = 32;
/// Payload that waits in the mailbox of a connection. Beyond it messages are refused.
pub const MAILBOX_BYTES: usize = 1024 * 1024;
/// Filters in one SUBSCRIBE or UNSUBSCRIBE; beyond it the connection is closed.
pub const FILTERS_PER_PACKET_MAX: usize = 64;
/// Filters of one session; beyond it a filter is refused (0x97 in MQTT 5).
pub const FILTERS_PER_SESSION_MAX: usize = 1_024;
/// How long a session is remembered after its end, at most. MQTT 5 clients that ask for more are
/// told so in CONNACK.
pub const SESSION_KEPT_MAX_S: u32 = 30 * 86_400;
/// Longest delay of a will; a longer one is cut to it.
pub const WILL_DELAY_MAX: Duration = Duration::from_secs(3_600);
/// Wills that wait, for their delay or for the intake: one of a machine at most, of as many
/// machines as can be connected. Beyond it a will is handed in without its delay, and dropped
/// with a warning if the intake is full as well.
pub const WILLS_MAX: usize = CONNECTIONS_MAX;
/// Bytes read at once from a connection.
pub const READ_CHUNK_BYTES: usize = 8 * 1024;
/// Rounds of work for one connection before others get their turn.
pub const ROUNDS_PER_TURN: usize = 32;
/// Bytes that must have left within the write-stall time; a trickle doesn't count.
pub const WRITE_PROGRESS_MIN_BYTES: usize = 1024;
/// Connections at once, TLS handshakes included; beyond it new ones are closed.
pub const CONNECTIONS_MAX: usize = 20_000;
const _: () = assert!(
    CONNECTIONS_MAX <= CACHED_MACHINES,
    "ingest would read machines that are connected again and again"
);
/// Connections at once of one network (an IPv4 address, an IPv6 /64) that haven't said who they are;
/// further ones are closed. A third: a load balancer shows all machines at one address, and after a
/// power cut thousands come back together.
pub const NEWCOMERS_MAX: usize = 7_000;
/// Bytes each way between a connection and the WebSocket that carries it. At the limit the
/// WebSocket isn't read, or the session not served, as with a full socket.
pub const WEBSOCKET_PIPE_BYTES: usize = 16 * 1024;
/// Connections of one network that may come at once; beyond it they are closed. As many as there can be:
/// a load balancer shows all machines at one address, and after a power cut they come back together.
pub const ARRIVALS_BURST: u32 = 20_000;
/// Time after which one more may come: 100 a second. It bounds what the handshakes and CONNECTs of one
/// network cost: some 20 % of a CPU.
pub const ARRIVAL_EVERY: Duration = Duration::from_millis(10);
/// TLS handshakes at once, after their first message; further ones wait within the time limit.
pub const HANDSHAKES_MAX: usize = 512;
/// Of them, of one network: enough for some hundred a second, and a site's 5,000 machines to be back within
/// a minute.
pub const HANDSHAKES_PER_NETWORK: usize = 128;
/// Time for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time from the end of the handshake to a complete CONNECT.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the directory to answer; then the client is told that the server is unavailable.
pub const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without [`WRITE_PROGRESS_MIN_BYTES`] leaving while bytes wait; then the connection ends.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(15);
/// After goodbye: how long the peer's bytes are still read and thrown away, so that a reset
/// doesn't overtake the goodbye.
pub const LINGER_TIMEOUT: Duration = Duration::from_millis(500);
/// After goodbye: how much is thrown away.
pub const LINGER_MAX_BYTES: usize = 256 * 1024;
/// How often live connections are compared with the directory, whatever the bus says.
pub const REVIEW_INTERVAL: Duration = Duration::from_secs(3);
/// How long connections have to say goodbye when the gateway stops.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time after which TCP asks whether the peer is still there: for clients with keep-alive 0.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(120);
/// How long what was sent may stay unread or unacknowledged; then TCP ends the connection. The system
/// can buffer megabytes, for which a peer that doesn't read would else be kept for long.
pub const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept, e.g. when there are no more file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Presence notices that wait for their reader; beyond it they are dropped, as the database has
/// the truth.
pub const PRESENCE_NOTICES: usize = 4_096;
/// How often the directory's list of this gateway's connections is compared with those that are there.
pub const LEFT_INTERVAL: Duration = Duration::from_secs(15);
/// How long a connection must have been recorded as open without being there until its end is
/// recorded: longer than one takes to be opened or closed.
pub const LEFT_AFTER: Duration = Duration::from_secs(30);
/// How long the session of such a connection is kept, in seconds: a day.
pub const LEFT_SESSION_S: u32 = 86_400;
