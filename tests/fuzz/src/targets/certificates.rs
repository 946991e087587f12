//! Certificates and requests for them, on both sides.

use millwright_agent::certificates;
use millwright_identity::machines::readers;

/// Reads the bytes as PEM, and, wrapped, as what PEM holds.
pub fn target(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    read(&pem("CERTIFICATE REQUEST", data));
    read(&pem("CERTIFICATE", data));
}

fn read(text: &str) {
    let _ = readers::certificate_request(text);
    let _ = readers::presented_certificate(text);
    let _ = certificates::serial(text);
    if let Ok(validity) = certificates::validity(text) {
        let _ = validity.renew_at();
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
