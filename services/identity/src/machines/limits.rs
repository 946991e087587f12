//! Named bounds of machines' identity. What lies beyond is refused with a reason.

use std::time::Duration;

/// How long a CA is valid, in days: ten years.
pub const CA_DAYS: i64 = 3_652;
/// How long a machine's certificate is valid unless set otherwise, in days.
pub const MACHINE_CERTIFICATE_DAYS: i64 = 90;
/// How long before its issue a machine's certificate is valid, in seconds.
pub const MACHINE_BACKDATE_S: i64 = 10 * 60;
/// How long the MQTT server's certificate is valid, in days. A new one is issued at each start.
pub const SERVER_CERTIFICATE_DAYS: i64 = 30;
/// How long before its issue the MQTT server's certificate is valid, in seconds: a machine whose
/// clock is a little late must not take the server for a wrong one.
pub const SERVER_BACKDATE_S: i64 = 86_400;

/// Command keys, and CAs, that can be trusted at the same time. Retire one before the next.
pub const TRUSTED_KEYS_MAX: usize = 8;
/// A key file that nobody trusts is set aside at a start when it is older than this, in seconds. A
/// rotation, which writes the file before its key is trusted, takes a moment.
pub const UNUSED_KEY_AFTER_S: i64 = 3_600;
/// Longest certificate request or certificate that is read, in bytes of PEM.
pub const PEM_MAX_BYTES: usize = 16 * 1024;
/// Device tokens of one machine that are accepted at the same time.
pub const DEVICE_TOKENS_MAX: u64 = 10;
/// Longest reason of a revocation, in characters.
pub const REASON_MAX_CHARS: usize = 500;
/// Certificates that one machine can renew within a day.
pub const RENEWALS_PER_DAY_MAX: u64 = 24;

/// Failed enrolments in a row from one address before it must wait.
pub const ADDRESS_ATTEMPTS: f64 = 30.0;
/// Seconds for one more attempt from an address.
pub const ADDRESS_ATTEMPT_S: f64 = 2.0;

/// How far in the future a machine may have signed its proof at CONNECT, in seconds: clocks differ.
pub const PROOF_AHEAD_MAX_S: i64 = 60;

/// Connections that are opened or closed in one transaction; others wait for the next.
pub const REGISTER_GROUP: usize = 64;
/// Connections that wait to be opened or closed; beyond it machines are told to come later, and those
/// who close one wait.
pub const REGISTER_WAITING: usize = 4_096;
/// How long somebody waits for a connection to be opened; what is older isn't opened any more.
pub const OPENING_PATIENCE: Duration = Duration::from_secs(10);
/// How long the session of a connection is kept of whose end nobody knows, in seconds: a day.
pub const LEFT_SESSION_S: u32 = 86_400;
