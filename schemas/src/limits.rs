//! Named bounds of everything a machine can send. Beyond a bound a payload, or the one value
//! at fault, is quarantined with the reason; nothing is cut silently.

/// Longest signal name, in bytes of UTF-8.
pub const SIGNAL_NAME_MAX_BYTES: usize = 256;
/// Largest magnitude of an integer that a 64-bit float keeps exactly: 2^53.
pub const INTEGER_MAX: u64 = 1 << 53;
/// Largest MQTT payload of a machine, in bytes.
pub const PAYLOAD_MAX_BYTES: usize = 256 * 1024;
/// Longest MQTT topic or filter of a machine, in bytes.
pub const TOPIC_MAX_BYTES: usize = 256;
/// Longest text value, in bytes of UTF-8.
pub const TEXT_VALUE_MAX_BYTES: usize = 4 * 1024;
/// Samples in one message.
pub const SAMPLES_PER_MESSAGE_MAX: usize = 10_000;
/// Longest event type, in bytes.
pub const EVENT_TYPE_MAX_BYTES: usize = 64;
/// Longest fault code and fault source, in bytes.
pub const FAULT_KEY_MAX_BYTES: usize = 128;
/// Longest fault message, in bytes.
pub const FAULT_MESSAGE_MAX_BYTES: usize = 2 * 1024;
/// Faults in one `fault.snapshot`.
pub const SNAPSHOT_FAULTS_MAX: usize = 1_000;
/// Earliest device time that is believed: 2000-01-01T00:00:00Z, in microseconds.
pub const EARLIEST_DEVICE_TIME_US: i64 = 946_684_800_000_000;
/// How far ahead of the receive time a device time may be, in microseconds: one day.
pub const FUTURE_TOLERANCE_US: i64 = 86_400_000_000;
