//! The password that is a proof of a certificate's key. With an odd first byte the rest is the
//! claims of an otherwise good one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_identity::machines::proof;
use millwright_schemas::wire::connect::{PROOF_MAX_BYTES, PROOF_TYP};

/// See the module.
pub fn target(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let text = if kind & 1 == 0 {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        let header = format!(r#"{{"alg":"ES256","typ":"{PROOF_TYP}"}}"#);
        let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(rest));
        format!("{header}.{claims}.c2lnbmF0dXJl")
    };
    if let Some(proof) = proof::read(&text) {
        assert!(text.len() <= PROOF_MAX_BYTES);
        let again = serde_json::to_string(&proof.claims).expect("it can be written");
        assert!(again.contains("\"aud\""));
    }
}
