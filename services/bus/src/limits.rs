//! Named bounds of the bus. Beyond them messages are dropped and counted, never waited for.

use std::time::Duration;

/// The largest MQTT packet, in both directions. A larger one is refused at its publisher;
/// the broker closes the connection of a client that sends one all the same.
pub const PACKET_MAX_BYTES: usize = 512 * 1024;
/// What a packet needs beside its payload: fixed header, topic, packet id.
pub const PACKET_OVERHEAD_BYTES: usize = 1024;
/// The largest payload.
pub const PAYLOAD_MAX_BYTES: usize = PACKET_MAX_BYTES - PACKET_OVERHEAD_BYTES;
/// The longest topic or filter. A longer one is refused.
pub const TOPIC_MAX_BYTES: usize = 512;

/// Messages that wait to be sent, per client. The oldest makes room for the newest.
pub const PUBLISH_QUEUE_MESSAGES: usize = 4_096;
/// Their payload. The oldest make room for the newest.
pub const PUBLISH_QUEUE_BYTES: usize = 16 * 1024 * 1024;
/// A message that has waited longer is dropped: who needed it has polled by then.
pub const PUBLISH_MAX_AGE: Duration = Duration::from_secs(10);
/// Messages that were sent and not yet acknowledged; further ones wait in the queue.
pub const INFLIGHT_MESSAGES: u16 = 100;

/// Messages that wait for the reader of one subscription. Newer ones are dropped.
pub const SUBSCRIPTION_QUEUE_MESSAGES: usize = 1_024;
/// Subscriptions of one client. A further one is refused.
pub const SUBSCRIPTIONS: usize = 1_024;

/// How long a connection may take from the TCP handshake to the broker's acknowledgement.
pub const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(5);
/// A silent broker is asked after this time; after twice this time the client connects anew.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The shortest wait between two connections.
pub const RECONNECT_MIN: Duration = Duration::from_millis(100);
/// The longest wait between two connections.
pub const RECONNECT_MAX: Duration = Duration::from_secs(10);
/// A connection that has lasted this long makes the next wait short again.
pub const CONNECTION_STABLE_AFTER: Duration = Duration::from_secs(10);
/// How long a client that is closed waits for its messages to leave.
pub const CLOSE_TIME_LIMIT: Duration = Duration::from_secs(1);

/// Connections that the broker of our own accepts.
pub const BROKER_CONNECTIONS: usize = 512;
/// What the broker keeps of one filter's messages for readers that are slow, per segment…
pub const BROKER_SEGMENT_BYTES: usize = 1024 * 1024;
/// … and the number of segments. Beyond it the oldest messages are lost to those readers.
pub const BROKER_SEGMENTS: usize = 8;
/// The configuration line on the broker's standard input.
pub const BROKER_CONFIG_MAX_BYTES: u64 = 4 * 1024;

/// How long the broker may take from its start to its first answer; then it is killed.
pub const BROKER_START_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The wait between two attempts to reach a broker that has just been started.
pub const BROKER_START_RETRY: Duration = Duration::from_millis(20);
/// How often the broker is probed.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// How long an answer to a probe may take; then the broker is killed.
pub const PROBE_TIME_LIMIT: Duration = Duration::from_secs(5);
/// Probes over one connection; a new connection also checks that the broker accepts one.
/// Few connections, because the broker remembers a little of each client it has seen.
pub const PROBES_PER_CONNECTION: u32 = 300;
/// The shortest wait before the broker is started again.
pub const RESTART_MIN: Duration = Duration::from_millis(100);
/// The longest wait before the broker is started again.
pub const RESTART_MAX: Duration = Duration::from_secs(30);
/// A broker that has run this long makes the next wait short again.
pub const BROKER_STABLE_AFTER: Duration = Duration::from_secs(60);
