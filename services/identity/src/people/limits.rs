//! Named bounds of sign-in. What lies beyond is refused with a reason.

/// Shortest password that a person may choose, in bytes.
pub const PASSWORD_MIN_BYTES: usize = 12;
/// Longest password: hashing takes its time whatever the length, so this only bounds memory.
pub const PASSWORD_MAX_BYTES: usize = 256;
/// Longest e-mail address (RFC 5321), in bytes.
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest name of a person or a token, in characters.
pub const NAME_MAX_CHARS: usize = 200;

/// Password checks that run at the same time; each takes a core and 19 MiB.
pub const PASSWORD_CHECKS: usize = 2;
/// Password checks that run or wait; beyond, sign-in answers "busy".
pub const PASSWORD_CHECKS_WAITING: usize = 64;

/// How long an access token works, in seconds.
pub const ACCESS_TOKEN_S: i64 = 15 * 60;
/// How long a session lasts without use, in seconds: 14 days.
pub const REFRESH_TOKEN_S: i64 = 14 * 86_400;
/// A refresh token that was replaced this recently is taken for a second tab that asked at the
/// same time, or a retry after a lost answer, not for theft; in seconds.
pub const REFRESH_GRACE_S: i64 = 10;

/// Failed sign-ins in a row for one account from one address before it must wait there.
pub const ACCOUNT_ATTEMPTS: f64 = 10.0;
/// Seconds for one more attempt at an account from an address.
pub const ACCOUNT_ATTEMPT_S: f64 = 10.0;
/// Failed sign-ins in a row for one account from all addresses before it must wait everywhere.
/// Far more than one address has, so that nobody keeps another out of their account alone.
pub const ACCOUNT_ALL_ATTEMPTS: f64 = 100.0;
/// Seconds for one more attempt at an account from anywhere. One address gets its attempts back
/// more slowly than this, so alone it can't use up the account's.
pub const ACCOUNT_ALL_ATTEMPT_S: f64 = 2.0;
/// Failed sign-ins in a row from one address before it must wait.
pub const ADDRESS_ATTEMPTS: f64 = 30.0;
/// Seconds for one more attempt from an address.
pub const ADDRESS_ATTEMPT_S: f64 = 2.0;
/// Accounts and addresses that are counted one by one; beyond, new ones share one count.
pub const RATE_LIMIT_KEYS: usize = 10_000;

/// How often the last use of an API token is written, in seconds.
pub const LAST_USED_S: i64 = 60;
