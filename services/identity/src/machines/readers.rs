//! Readers of what strangers send, for tests that feed them nonsense.

use super::{csr, renew};

/// Whether this is a certificate request that would be accepted.
#[must_use]
pub fn certificate_request(pem: &str) -> bool {
    csr::verify(pem).is_ok()
}

/// Whether this is a certificate that could be looked up for a renewal.
#[must_use]
pub fn presented_certificate(pem: &str) -> bool {
    renew::is_readable(pem)
}
