//! Enrolment codes: what a person carries from the platform to a new machine.

use std::fmt;
use std::str::FromStr;

/// A single-use enrolment code: `mwe1.{secret}.{fingerprint}`.
///
/// The secret is 32 hexadecimal digits (128 random bits). The fingerprint is the SHA-256 of the
/// CA certificate (DER) as 64 hexadecimal digits, so that the agent refuses any other server.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrollmentCode {
    secret: String,
    ca_fingerprint: String,
}

/// Why a text isn't an enrolment code. The text itself is never repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an enrolment code: expected mwe1.<32 hex digits>.<64 hex digits>; copy it whole")]
pub struct InvalidEnrollmentCode;

impl EnrollmentCode {
    /// From 16 random bytes and the SHA-256 of the CA certificate.
    #[must_use]
    pub fn new(secret: [u8; 16], ca_fingerprint: [u8; 32]) -> Self {
        Self { secret: hex(&secret), ca_fingerprint: hex(&ca_fingerprint) }
    }

    /// The secret part, 32 hexadecimal digits. Only its hash is stored.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The SHA-256 of the CA certificate, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn ca_fingerprint(&self) -> &str {
        &self.ca_fingerprint
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for EnrollmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mwe1.{}.{}", self.secret, self.ca_fingerprint)
    }
}

impl fmt::Debug for EnrollmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrollmentCode(…)")
    }
}

impl FromStr for EnrollmentCode {
    type Err = InvalidEnrollmentCode;

    fn from_str(text: &str) -> Result<Self, InvalidEnrollmentCode> {
        let is_hex = |part: &str, len| {
            part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let rest = text.trim().strip_prefix("mwe1.").ok_or(InvalidEnrollmentCode)?;
        let (secret, fingerprint) = rest.split_once('.').ok_or(InvalidEnrollmentCode)?;
        if is_hex(secret, 32) && is_hex(fingerprint, 64) {
            Ok(Self { secret: secret.to_owned(), ca_fingerprint: fingerprint.to_owned() })
        } else {
            Err(InvalidEnrollmentCode)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_copied() {
        let code = EnrollmentCode::new([7; 16], [9; 32]);
        let copied: EnrollmentCode = format!(" {code}\n").parse().expect("the same code");
        assert_eq!(copied, code);
        assert_eq!(format!("{code:?}"), "EnrollmentCode(…)");
    }

    #[test]
    fn half_a_code_is_refused_without_repeating_it() {
        let code = EnrollmentCode::new([7; 16], [9; 32]).to_string();
        let error = code[..60].parse::<EnrollmentCode>().expect_err("cut");
        assert!(!error.to_string().contains("0707"));
    }
}
