//! The proof at CONNECT that a machine has the key of its certificate.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_identity::machines::proof::{ProofError, check};
use millwright_identity::machines::{certificates, limits::PROOF_AHEAD_MAX_S};
use millwright_schemas::api::credentials::RevokeCertificate;
use millwright_schemas::api::enrollment::EnrollRequest;
use millwright_schemas::wire::connect::{ConnectClaims, PROOF_LIFE_MAX_S, PROOF_TYP};
use millwright_schemas::{CertificateSerial, MachineId};
use rcgen::KeyPair;
use serde_json::json;

use crate::harness::{HERE, Platform, csr, new_key, now};

const HOST: &str = "platform.example";

struct Machine {
    id: MachineId,
    key: KeyPair,
    serial: CertificateSerial,
}

async fn enrolled(platform: &Platform, key: KeyPair) -> Machine {
    let id = platform.machine().await;
    let request = EnrollRequest { code: platform.code(id).await, csr: csr(&key) };
    platform.enrollment.enroll(HERE, &request, now()).await.unwrap();
    let listed = certificates::list(&platform.store, &platform.admin(), id).await.unwrap();
    Machine { id, key, serial: listed.items[0].serial.clone() }
}

impl Machine {
    fn claims(&self) -> ConnectClaims {
        ConnectClaims {
            sub: self.id,
            certificate: self.serial.clone(),
            aud: HOST.to_owned(),
            iat: now().seconds(),
            exp: now().seconds() + PROOF_LIFE_MAX_S,
        }
    }

    fn proof(&self, claims: &ConnectClaims) -> String {
        sign(&self.key, "ES256", PROOF_TYP, claims)
    }
}

fn sign(key: &KeyPair, alg: &str, typ: &str, claims: &ConnectClaims) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": typ}).to_string());
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_string(claims).unwrap());
    let signed = format!("{header}.{payload}");
    let (der, text) = (key.serialized_der(), signed.as_bytes());
    let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der).unwrap();
        pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec()
    };
    let signature = if key.is_compatible(&rcgen::PKCS_ED25519) {
        Ed25519KeyPair::from_pkcs8(der).unwrap().sign(text).as_ref().to_vec()
    } else if key.is_compatible(&rcgen::PKCS_ECDSA_P384_SHA384) {
        ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)
    } else {
        ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn result(platform: &Platform, machine: MachineId, proof: &str) -> Result<(), ProofError> {
    let audiences = ["other.example".to_owned(), HOST.to_owned()];
    check(&platform.store, machine, proof, &audiences, now()).await.map(drop)
}

#[tokio::test]
async fn the_key_of_the_certificate_is_proof_whatever_its_kind() {
    let platform = Platform::start().await;
    for (algorithm, name) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "ES256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "ES384"),
        (&rcgen::PKCS_ED25519, "EdDSA"),
    ] {
        let machine = enrolled(&platform, KeyPair::generate_for(algorithm).unwrap()).await;
        let proof = sign(&machine.key, name, PROOF_TYP, &machine.claims());
        result(&platform, machine.id, &proof).await.unwrap();
        for other in ["none", "HS256", "ES512"] {
            let proof = sign(&machine.key, other, PROOF_TYP, &machine.claims());
            let refused = result(&platform, machine.id, &proof).await.unwrap_err();
            assert!(matches!(refused, ProofError::Signature(_)), "{name} {other}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_proof_counts_for_one_machine_one_platform_and_two_minutes() {
    let platform = Platform::start().await;
    let machine = enrolled(&platform, new_key()).await;
    let other = enrolled(&platform, new_key()).await;
    let claims = machine.claims();
    result(&platform, machine.id, &machine.proof(&claims)).await.unwrap();

    let refused = result(&platform, other.id, &machine.proof(&claims)).await.unwrap_err();
    assert!(matches!(refused, ProofError::Machine(_)), "{refused}");
    let foreign = ConnectClaims { aud: "evil.example".to_owned(), ..claims.clone() };
    let refused = result(&platform, machine.id, &machine.proof(&foreign)).await.unwrap_err();
    assert!(matches!(refused, ProofError::Audience { .. }), "{refused}");
    let seconds = now().seconds();
    for (iat, exp) in [
        (seconds - 200, seconds - 100),
        (seconds, seconds + PROOF_LIFE_MAX_S + 1),
        (seconds, seconds),
        (seconds + PROOF_AHEAD_MAX_S + 1, seconds + PROOF_AHEAD_MAX_S + 10),
        (i64::MIN, i64::MAX),
        (i64::MAX, i64::MIN),
    ] {
        let late = ConnectClaims { iat, exp, ..claims.clone() };
        let refused = result(&platform, machine.id, &machine.proof(&late)).await.unwrap_err();
        assert!(matches!(refused, ProofError::Time { .. }), "{iat} {exp}: {refused}");
    }
    let elsewhere = ConnectClaims { certificate: other.serial.clone(), ..claims };
    let refused = result(&platform, machine.id, &machine.proof(&elsewhere)).await.unwrap_err();
    assert!(matches!(refused, ProofError::Unknown(_)), "{refused}");
}

#[tokio::test]
async fn what_is_forged_altered_or_of_another_kind_is_refused() {
    let platform = Platform::start().await;
    let machine = enrolled(&platform, new_key()).await;
    let claims = machine.claims();
    let forged = sign(&new_key(), "ES256", PROOF_TYP, &claims);
    let refused = result(&platform, machine.id, &forged).await.unwrap_err();
    assert!(matches!(refused, ProofError::Signature(_)), "{refused}");

    let good = machine.proof(&claims);
    let mut parts: Vec<&str> = good.split('.').collect();
    let later = ConnectClaims { iat: claims.iat + 1, ..claims.clone() };
    let altered = URL_SAFE_NO_PAD.encode(serde_json::to_string(&later).unwrap());
    parts[1] = &altered;
    let refused = result(&platform, machine.id, &parts.join(".")).await.unwrap_err();
    assert!(matches!(refused, ProofError::Signature(_)), "{refused}");

    // What the same key signs elsewhere is no proof.
    let renewal = sign(&machine.key, "ES256", "JWT", &claims);
    let cut = &good[..good.len() - 3];
    for text in ["", "mwd_token", "..", "a.b.c", &renewal, &good.repeat(10)] {
        let refused = result(&platform, machine.id, text).await.unwrap_err();
        assert!(matches!(refused, ProofError::Form), "{text}: {refused}");
    }
    assert!(result(&platform, machine.id, cut).await.is_err());
}

#[tokio::test]
async fn a_revoked_or_expired_certificate_proves_nothing() {
    let platform = Platform::start().await;
    let machine = enrolled(&platform, new_key()).await;
    let year = now().plus_seconds(365 * 86_400);
    let claims = ConnectClaims {
        iat: year.seconds(),
        exp: year.seconds() + PROOF_LIFE_MAX_S,
        ..machine.claims()
    };
    let audiences = [HOST.to_owned()];
    let proof = machine.proof(&claims);
    let refused = check(&platform.store, machine.id, &proof, &audiences, year).await.unwrap_err();
    assert!(matches!(refused, ProofError::Ended(_)), "{refused}");

    let reason = RevokeCertificate { reason: "stolen".to_owned() };
    let (store, admin) = (&platform.store, platform.admin());
    certificates::revoke(store, &admin, machine.id, &machine.serial, &reason, now()).await.unwrap();
    let refused = result(&platform, machine.id, &machine.proof(&machine.claims())).await;
    assert!(matches!(refused, Err(ProofError::Ended(_))), "{refused:?}");
}
