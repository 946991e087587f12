//! Following what the platform says should be trusted: a chain of signed bundles, each vouched
//! for by the one before.

use millwright_schemas::wire::trust::{BUNDLE_TYP, TrustBundle};

use crate::certificates::{self, CertificateError};
use crate::identity::Trust;
use crate::orders::{Refusal, verify_payload};

/// Why a bundle isn't believed. What was trusted before stays.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a JWS of a trust bundle.
    #[error("trust bundle {expected} isn't one: {reason}")]
    Form {
        /// The version that should have come.
        expected: u64,
        /// What is wrong.
        reason: String,
    },
    /// Signed by nobody who may.
    #[error("trust bundle {expected} isn't signed by a key of version {}", expected - 1)]
    Signature {
        /// The version that should have come.
        expected: u64,
    },
    /// Not the next version.
    #[error("trust bundle {found} came where {expected} should have")]
    Order {
        /// The version that should have come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// Its CAs are unusable.
    #[error("trust bundle {version} has unusable CAs")]
    Authorities {
        /// The bundle's version.
        version: u64,
        /// What is wrong.
        #[source]
        source: CertificateError,
    },
}

/// Follows the chain as far as it is good: the new trust, and why it ended early if it did.
#[must_use]
pub fn follow(trust: &Trust, bundles: &[String]) -> (Trust, Option<TrustError>) {
    let mut trust = trust.clone();
    for bundle in bundles {
        match next(&trust, bundle) {
            Ok(newer) => trust = newer,
            Err(error) => return (trust, Some(error)),
        }
    }
    (trust, None)
}

fn next(trust: &Trust, jws: &str) -> Result<Trust, TrustError> {
    let expected = trust.version + 1;
    let bundle: TrustBundle =
        verify_payload(jws, BUNDLE_TYP, &trust.command_keys).map_err(|refusal| match refusal {
            Refusal::Signature => TrustError::Signature { expected },
            other => TrustError::Form { expected, reason: other.to_string() },
        })?;
    if bundle.version != expected {
        return Err(TrustError::Order { expected, found: bundle.version });
    }
    if bundle.command_keys.keys.is_empty() {
        // Nothing could ever follow it.
        return Err(TrustError::Form { expected, reason: "it has no keys".to_owned() });
    }
    certificates::parse_bundle(&bundle.ca_certificates, "the CA bundle")
        .map_err(|source| TrustError::Authorities { version: expected, source })?;
    Ok(Trust {
        version: bundle.version,
        command_keys: bundle.command_keys,
        ca_certificates: bundle.ca_certificates,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use millwright_schemas::wire::trust::{Jwk, Jwks};
    use rcgen::{KeyPair, PKCS_ED25519};

    use super::*;

    struct Signer {
        kid: String,
        pair: KeyPair,
    }

    impl Signer {
        fn new(kid: &str) -> Self {
            Self { kid: kid.to_owned(), pair: KeyPair::generate_for(&PKCS_ED25519).unwrap() }
        }

        fn jwk(&self) -> Jwk {
            Jwk {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                kid: self.kid.clone(),
                x: URL_SAFE_NO_PAD.encode(self.pair.public_key_raw()),
                alg: None,
                key_use: None,
            }
        }

        fn sign(&self, typ: &str, bundle: &TrustBundle) -> String {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some(typ.to_owned());
            header.kid = Some(self.kid.clone());
            let key = EncodingKey::from_ed_pem(self.pair.serialize_pem().as_bytes()).unwrap();
            jsonwebtoken::encode(&header, bundle, &key).unwrap()
        }
    }

    fn ca() -> String {
        let key = KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().pem()
    }

    fn bundle(version: u64, signer: &Signer) -> TrustBundle {
        TrustBundle {
            version,
            iat: 1_763_775_000,
            command_keys: Jwks { keys: vec![signer.jwk()] },
            ca_certificates: ca(),
        }
    }

    fn start(signer: &Signer) -> Trust {
        Trust { version: 1, command_keys: Jwks { keys: vec![signer.jwk()] }, ca_certificates: ca() }
    }

    #[test]
    fn a_machine_that_was_offline_follows_the_whole_chain() {
        let (a, b, c) = (Signer::new("a"), Signer::new("b"), Signer::new("c"));
        let second = bundle(2, &b);
        let third = bundle(3, &c);
        let chain = [a.sign(BUNDLE_TYP, &second), b.sign(BUNDLE_TYP, &third)];
        let (trust, error) = follow(&start(&a), &chain);
        assert!(error.is_none(), "{error:?}");
        assert_eq!((trust.version, &trust.ca_certificates), (3, &third.ca_certificates));
    }

    #[test]
    fn what_is_wrong_ends_the_chain_and_keeps_what_was_good() {
        let (a, b) = (Signer::new("a"), Signer::new("b"));
        let good = a.sign(BUNDLE_TYP, &bundle(2, &b));
        // The right name, another key.
        let forger = Signer::new("b");
        let mut tampered = b.sign(BUNDLE_TYP, &bundle(3, &a));
        let middle = tampered.len() / 2;
        let replacement = if tampered.as_bytes()[middle] == b'A' { "B" } else { "A" };
        tampered.replace_range(middle..=middle, replacement);
        let empty = TrustBundle { command_keys: Jwks { keys: vec![] }, ..bundle(3, &b) };
        for (what, jws) in [
            ("forged", forger.sign(BUNDLE_TYP, &bundle(3, &forger))),
            ("by a key of the version before", a.sign(BUNDLE_TYP, &bundle(3, &a))),
            ("tampered with", tampered),
            ("skipped", b.sign(BUNDLE_TYP, &bundle(4, &b))),
            ("repeated", b.sign(BUNDLE_TYP, &bundle(2, &b))),
            ("wrong typ", b.sign("mw-command+jws", &bundle(3, &b))),
            ("no typ", b.sign("", &bundle(3, &b))),
            ("no keys", b.sign(BUNDLE_TYP, &empty)),
            ("not a JWS", "x.y.z".to_owned()),
        ] {
            let (trust, error) = follow(&start(&a), &[good.clone(), jws]);
            assert_eq!(trust.version, 2, "{what}");
            assert!(error.is_some(), "{what} was believed");
        }
        let third = b.sign(BUNDLE_TYP, &bundle(3, &a));
        let (trust, error) = follow(&start(&a), &[third, good]);
        assert_eq!(trust.version, 1, "reordered");
        assert!(matches!(error, Some(TrustError::Signature { .. })), "{error:?}");
    }
}
