//! Enrolment, credentials and trust over HTTP, as an agent and an operator use them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_schemas::api::enrollment::renewal_text;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::harness::{Answer, TestApi};
use crate::machines::customer;

struct Enrolled {
    machine: String,
    key: KeyPair,
    request: Value,
    answer: Value,
}

fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

async fn enroll(api: &TestApi) -> Enrolled {
    let admin = api.admin().await;
    let new = json!({"name": "Lift", "serial_number": "S-1"});
    let machine = api.call(&admin, "POST", "/machines", Some(new)).await.json(201);
    let machine = machine["id"].as_str().unwrap().to_owned();
    let path = format!("/machines/{machine}/enrollment-codes");
    let code = api.call(&admin, "POST", &path, None).await.json(201);
    let key = KeyPair::generate().unwrap();
    let request = json!({"code": code["code"], "csr": csr(&key)});
    let answer = api.call("", "POST", "/enroll", Some(request.clone())).await.json(200);
    Enrolled { machine, key, request, answer }
}

async fn renew(api: &TestApi, enrolled: &Enrolled) -> Answer {
    let csr = csr(&KeyPair::generate().unwrap());
    let signed_at = api.now().seconds();
    let text = renewal_text(enrolled.machine.parse().unwrap(), signed_at, &csr);
    let der = enrolled.key.serialized_der();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).unwrap();
    let signature = key.sign(&SystemRandom::new(), &text).unwrap();
    let request = json!({"certificate": enrolled.answer["certificate"], "csr": csr,
        "signed_at": signed_at, "signature": URL_SAFE_NO_PAD.encode(signature)});
    api.call("", "POST", "/enroll/renew", Some(request)).await
}

#[tokio::test]
async fn a_machine_enrols_and_is_shown_as_commissioned() {
    let api = TestApi::start().await;
    let enrolled = enroll(&api).await;
    let answer = &enrolled.answer;
    assert_eq!(answer["machine_id"], enrolled.machine);
    assert_eq!(answer["mqtt"], json!({"host": "localhost", "port": 8883}));
    assert!(answer["topic_root"].as_str().unwrap().ends_with(&enrolled.machine));
    for field in ["certificate", "ca_certificates"] {
        assert!(answer[field].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    }
    assert_eq!(answer["command_keys"]["keys"][0]["crv"], "Ed25519");
    let again = api.call("", "POST", "/enroll", Some(enrolled.request.clone())).await.json(200);
    assert_eq!(&again, answer);

    let admin = api.admin().await;
    let path = format!("/machines/{}", enrolled.machine);
    assert_eq!(api.call(&admin, "GET", &path, None).await.json(200)["state"], "commissioned");
    let path = format!("/machines/{}/certificates", enrolled.machine);
    let listed = api.call(&admin, "GET", &path, None).await.json(200);
    assert_eq!(listed["items"][0]["certificate"], answer["certificate"]);
}

#[tokio::test]
async fn unknown_used_and_expired_codes_are_refused_alike() {
    let api = TestApi::start().await;
    let enrolled = enroll(&api).await;
    let good = enrolled.request["code"].as_str().unwrap();
    let refused = async |code: String| {
        let request = json!({"code": code, "csr": csr(&KeyPair::generate().unwrap())});
        let mut problem =
            api.call("", "POST", "/enroll", Some(request)).await.problem(403, "enrollment-refused");
        assert!(!problem["detail"].as_str().unwrap().contains("mwe1"));
        problem.take()
    };
    let used = refused(good.to_owned()).await;
    let fingerprint = good.rsplit('.').next().unwrap();
    let unknown = refused(format!("mwe1.{}.{fingerprint}", "0".repeat(32))).await;
    let admin = api.admin().await;
    let path = format!("/machines/{}/enrollment-codes", enrolled.machine);
    let short = json!({"expires_in_s": 60});
    let code = api.call(&admin, "POST", &path, Some(short)).await.json(201);
    api.pass_seconds(60);
    let expired = refused(code["code"].as_str().unwrap().to_owned()).await;
    assert!(used == unknown && unknown == expired);

    let malformed = json!({"code": "mwe1.x", "csr": "x"});
    let problem = api.call("", "POST", "/enroll", Some(malformed)).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "code");
    let long = Some(json!({"expires_in_s": 31 * 86_400}));
    api.call(&api.admin().await, "POST", &path, long).await.problem(422, "invalid");
}

#[tokio::test]
async fn a_code_is_shown_once() {
    let api = TestApi::start().await;
    let enrolled = enroll(&api).await;
    let admin = api.admin().await;
    let path = format!("/machines/{}/enrollment-codes", enrolled.machine);
    let key = [("idempotency-key", "k-1")];
    api.call_with(&admin, "POST", &path, None, &key).await.json(201);
    api.call_with(&admin, "POST", &path, None, &key).await.problem(409, "conflict");
}

#[tokio::test]
async fn too_many_wrong_codes_must_wait() {
    let api = TestApi::start().await;
    let request = json!({"code": "mwe1.x", "csr": "x"});
    for _ in 0..30 {
        api.call("", "POST", "/enroll", Some(request.clone())).await.problem(422, "invalid");
    }
    // The clock of the test goes on, so a few more may pass.
    let last = loop {
        let answer = api.call("", "POST", "/enroll", Some(request.clone())).await;
        if answer.status != 422 {
            break answer;
        }
    };
    last.problem(429, "too-many");
    assert!(!last.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_revoked_certificate_is_not_renewed() {
    let api = TestApi::start().await;
    let enrolled = enroll(&api).await;
    let renewed = renew(&api, &enrolled).await.json(200);
    assert_ne!(renewed["certificate"], enrolled.answer["certificate"]);
    api.pass_seconds(1);
    let admin = api.admin().await;
    let path = format!("/machines/{}/certificates", enrolled.machine);
    let listed = api.call(&admin, "GET", &path, None).await.json(200);
    let first = listed["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(first["certificate"], enrolled.answer["certificate"]);
    let path = format!("{path}/{}/revoke", first["serial"].as_str().unwrap());
    api.call(&admin, "POST", &path, Some(json!({"reason": " "}))).await.problem(422, "invalid");
    let revoked = api.call(&admin, "POST", &path, Some(json!({"reason": "stolen"}))).await;
    assert_eq!(revoked.json(200)["revocation_reason"], "stolen");
    renew(&api, &enrolled).await.problem(403, "enrollment-refused");

    // Without a body it goes too: one says nothing rather than leaving a certificate valid.
    let second = listed["items"][0]["serial"].as_str().unwrap();
    let path = format!("/machines/{}/certificates/{second}/revoke", enrolled.machine);
    let unknown = api.call(&admin, "POST", &path, Some(json!({"why": "x"}))).await;
    unknown.problem(422, "invalid");
    for empty in [None, Some(json!({})), Some(json!(null))] {
        let revoked = api.call(&admin, "POST", &path, empty).await.json(200);
        assert_eq!(revoked["revocation_reason"], "unspecified");
    }
}

#[tokio::test]
async fn a_decommissioned_machine_has_no_credentials_left() {
    let api = TestApi::start().await;
    let enrolled = enroll(&api).await;
    let admin = api.admin().await;
    let path = format!("/machines/{}", enrolled.machine);
    let token = api.call(&admin, "POST", &format!("{path}/device-tokens"), None).await.json(201);
    assert!(token["token"].as_str().unwrap().starts_with("mwd_"));
    let gone = api.call(&admin, "POST", &format!("{path}/decommission"), None).await.json(200);
    assert_eq!(gone["state"], "decommissioned");
    for list in ["certificates", "device-tokens"] {
        let listed = api.call(&admin, "GET", &format!("{path}/{list}"), None).await.json(200);
        assert!(listed["items"][0]["revoked_at"].is_string(), "{listed}");
        assert!(listed["items"][0].get("token").is_none());
    }
    renew(&api, &enrolled).await.problem(403, "enrollment-refused");
    for list in ["enrollment-codes", "device-tokens"] {
        let path = format!("{path}/{list}");
        api.call(&admin, "POST", &path, None).await.problem(409, "conflict");
    }
    let again = api.call("", "POST", "/enroll", Some(enrolled.request)).await;
    again.problem(403, "enrollment-refused");
}

#[tokio::test]
async fn the_operator_rotates_and_machines_follow() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    for what in ["command_key", "ca"] {
        let rotate = Some(json!({"what": what}));
        api.call(&admin, "POST", "/trust/rotations", rotate).await.json(201);
    }
    let chain = api.call("", "GET", "/trust?after=1", None).await.json(200);
    assert_eq!((&chain["version"], chain["bundles"].as_array().unwrap().len()), (&json!(3), 2));
    let pem = api.call("", "GET", "/trust/ca.pem", None).await.text;
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2);
    api.call("", "GET", "/trust", None).await.problem(400, "malformed");
    let in_use = json!({"what": "ca", "id": "00"});
    let unknown = api.call(&admin, "POST", "/trust/retirements", Some(in_use)).await;
    assert_eq!(unknown.problem(422, "invalid")["errors"][0]["field"], "id");

    // An administrator, but of a customer.
    let customer = customer(&api).await;
    let rotate = Some(json!({"what": "ca"}));
    api.call(&customer, "POST", "/trust/rotations", rotate).await.problem(403, "forbidden");
}
