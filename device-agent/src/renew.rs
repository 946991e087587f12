//! Renewing the machine's certificate, with a new key, vouched for by the old one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_schemas::Timestamp;
use millwright_schemas::api::enrollment::{
    EnrollResponse, RENEWAL_CLOCK_TOLERANCE_S, RenewRequest, renewal_text,
};
use rcgen::{CertificateParams, KeyPair, SigningKey};

use crate::certificates::{self, CertificateError};
use crate::http::{Client, HttpError};
use crate::identity::{Identity, IdentityError, shown_name};

/// Why a certificate isn't renewed. The old one stays.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The platform couldn't be asked, or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The answer's certificate is unusable.
    #[error("the platform's answer can't be used")]
    Certificate(#[from] CertificateError),
    /// The identity is unusable.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Making a key or a signature failed.
    #[error("a key can't be made or used: {0}")]
    Key(#[from] rcgen::Error),
}

/// Asks for a certificate for `key`; the identity with both. After a lost answer, ask again with
/// the same key: it is then answered the same.
///
/// # Errors
/// See [`RenewError`].
pub async fn renew(
    client: &Client,
    identity: &Identity,
    key: &KeyPair,
    now: Timestamp,
) -> Result<Identity, RenewError> {
    let csr = CertificateParams::default().serialize_request(key)?.pem()?;
    let signed = request(identity, &csr, now.seconds())?;
    let answer = match client.post::<EnrollResponse>("/enroll/renew", &signed).await {
        // A machine whose clock is off signs with the server's time.
        Err(HttpError::Refused(refusal))
            if refusal.date.is_some_and(|date| {
                date.abs_diff(now.seconds()) > RENEWAL_CLOCK_TOLERANCE_S.unsigned_abs() / 2
            }) =>
        {
            let date = refusal.date.unwrap_or_default();
            let signed = request(identity, &csr, date)?;
            client.post::<EnrollResponse>("/enroll/renew", &signed).await?
        }
        other => other?,
    };
    // Trust doesn't change here: it follows the signed chain only.
    let authorities = certificates::parse_bundle(&identity.trust.ca_certificates, "the CA bundle")?;
    let certificate = answer.body.certificate;
    certificates::check_issued(&certificate, &authorities, key, identity.machine_id)?;
    Ok(Identity {
        private_key: key.serialize_pem(),
        certificate,
        // A platform that doesn't say it doesn't make it forgotten.
        machine_name: shown_name(answer.body.machine_name.as_deref())
            .or_else(|| identity.machine_name.clone()),
        mqtt: answer.body.mqtt,
        ..identity.clone()
    })
}

fn request(identity: &Identity, csr: &str, signed_at: i64) -> Result<RenewRequest, RenewError> {
    let text = renewal_text(identity.machine_id, signed_at, csr);
    let signature = identity.key()?.sign(&text)?;
    Ok(RenewRequest {
        certificate: identity.certificate.clone(),
        csr: csr.to_owned(),
        signed_at,
        signature: URL_SAFE_NO_PAD.encode(signature),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    use millwright_schemas::api::enrollment::MqttEndpoint;
    use millwright_schemas::wire::trust::Jwks;
    use rcgen::PublicKeyData;

    use super::*;
    use crate::identity::Trust;

    #[test]
    fn a_request_is_signed_by_the_old_key_as_the_contract_says() {
        let old = KeyPair::generate().unwrap();
        let identity = Identity {
            server_url: "http://127.0.0.1".to_owned(),
            insecure_http: false,
            machine_id: "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap(),
            machine_name: None,
            mqtt: MqttEndpoint { host: "127.0.0.1".to_owned(), port: 8883 },
            topic_root: String::new(),
            private_key: old.serialize_pem(),
            certificate: String::new(),
            trust: Trust {
                version: 1,
                command_keys: Jwks { keys: vec![] },
                ca_certificates: String::new(),
            },
        };
        let request = request(&identity, "CSR", 1_763_775_000).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(request.signature).unwrap();
        let text = renewal_text(identity.machine_id, 1_763_775_000, "CSR");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, old.der_bytes())
            .verify(&text, &signature)
            .unwrap();
    }
}
