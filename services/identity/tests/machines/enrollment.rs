//! A code and a key become a certificate, once.

use millwright_identity::machines::{EnrollError, enrollment_codes};
use millwright_schemas::api::credentials::CreateEnrollmentCode;
use millwright_schemas::api::enrollment::{ENROLLMENT_RETRY_S, EnrollRequest};
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::{Timestamp, topics};
use millwright_store::machines::certificates;
use millwright_store::{Scope, StoreError};
use serde_json::json;
use x509_parser::prelude::FromDer as _;

use crate::harness::{HERE, Platform, csr, new_key, now};

async fn request(platform: &Platform) -> EnrollRequest {
    let machine = platform.machine().await;
    EnrollRequest { code: platform.code(machine).await, csr: csr(&new_key()) }
}

async fn refused(platform: &Platform, request: &EnrollRequest, at: Timestamp) {
    let result = platform.enrollment.enroll(HERE, request, at).await;
    assert!(matches!(result, Err(EnrollError::Refused)), "{result:?}");
}

#[tokio::test]
async fn a_machine_gets_what_it_needs_and_is_commissioned() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let answer = platform.enrolled(machine).await.answer;
    assert_eq!(answer.machine_id, machine);
    assert_eq!(answer.machine_name, Some(platform.get(machine).await.name));
    assert_eq!(answer.topic_root, topics::root(machine));
    assert_eq!((answer.mqtt.host.as_str(), answer.mqtt.port), ("mqtt.example", 8883));
    assert_eq!(answer.trust_version, 1);
    assert_eq!(answer.command_keys.keys.len(), 1);

    let found = platform.get(machine).await;
    assert_eq!(found.state, MachineState::Commissioned);
    assert_eq!(found.commissioned_at, Some(now()));
    let stored = certificates::list(&platform.store, Scope::Platform, machine).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].certificate, answer.certificate);
}

#[tokio::test]
async fn the_certificate_is_as_the_contract_says() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let answer = platform.enrolled(machine).await.answer;
    let (_, pem) = x509_parser::pem::parse_x509_pem(answer.certificate.as_bytes()).unwrap();
    let (_, certificate) =
        x509_parser::certificate::X509Certificate::from_der(&pem.contents).unwrap();
    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
    assert_eq!(name, machine.to_string());
    assert_eq!(certificate.raw_serial().len(), 16);
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!certificate.is_ca());
    let validity = certificate.validity();
    assert_eq!(validity.not_before.timestamp(), now().seconds() - 600);
    assert_eq!(validity.not_after.timestamp(), now().seconds() + 90 * 86_400);
    let (_, ca) = x509_parser::pem::parse_x509_pem(answer.ca_certificates.as_bytes()).unwrap();
    let (_, ca) = x509_parser::certificate::X509Certificate::from_der(&ca.contents).unwrap();
    certificate.verify_signature(Some(ca.public_key())).unwrap();
}

#[tokio::test]
async fn the_same_code_and_key_are_answered_the_same_for_a_while() {
    let platform = Platform::start().await;
    let request = request(&platform).await;
    let first = platform.enrollment.enroll(HERE, &request, now()).await.unwrap();
    let last_moment = now().plus_seconds(ENROLLMENT_RETRY_S);
    let again = platform.enrollment.enroll(HERE, &request, last_moment).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(platform.audited("machine.enrolled").await.len(), 1);
    refused(&platform, &request, last_moment.plus_seconds(1)).await;
}

#[tokio::test]
async fn a_used_code_is_refused_to_another_key() {
    let platform = Platform::start().await;
    let request = request(&platform).await;
    platform.enrollment.enroll(HERE, &request, now()).await.unwrap();
    let thief = EnrollRequest { csr: csr(&new_key()), ..request };
    refused(&platform, &thief, now()).await;
}

#[tokio::test]
async fn an_expired_code_is_refused() {
    let platform = Platform::start().await;
    let request = request(&platform).await;
    refused(&platform, &request, now().plus_seconds(86_400)).await;
    platform.enrollment.enroll(HERE, &request, now().plus_seconds(86_399)).await.unwrap();
}

#[tokio::test]
async fn a_newer_code_replaces_the_one_before() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let old = platform.code(machine).await;
    let new = platform.code(machine).await;
    refused(&platform, &EnrollRequest { code: old, csr: csr(&new_key()) }, now()).await;
    let request = EnrollRequest { code: new, csr: csr(&new_key()) };
    platform.enrollment.enroll(HERE, &request, now()).await.unwrap();
}

#[tokio::test]
async fn a_decommissioned_machine_is_not_enrolled() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let request = EnrollRequest { code: platform.code(machine).await, csr: csr(&new_key()) };
    platform.decommission(machine).await;
    refused(&platform, &request, now()).await;
    let (admin, input) = (platform.admin(), CreateEnrollmentCode::default());
    let (store, trust) = (&platform.store, &platform.trust);
    let code = enrollment_codes::create(store, trust, &admin, machine, &input, now()).await;
    assert!(matches!(code, Err(enrollment_codes::CreateCodeError::OutOfUse(_))), "{code:?}");
}

#[tokio::test]
async fn what_is_malformed_is_told_by_its_field() {
    let platform = Platform::start().await;
    let good = request(&platform).await;
    for (code, csr, field) in [("mwe1.12", good.csr.as_str(), "code"), (&good.code, "x", "csr")] {
        let request = EnrollRequest { code: code.to_owned(), csr: csr.to_owned() };
        let result = platform.enrollment.enroll(HERE, &request, now()).await;
        let Err(EnrollError::Invalid(problem)) = result else { panic!("{result:?}") };
        assert_eq!(problem.field, field);
    }
}

#[tokio::test]
async fn of_two_that_redeem_one_code_at_once_one_wins() {
    let platform = Platform::start().await;
    let code = request(&platform).await.code;
    let attempt = || {
        let enrollment = platform.enrollment.clone();
        let request = EnrollRequest { code: code.clone(), csr: csr(&new_key()) };
        tokio::spawn(async move { enrollment.enroll(HERE, &request, now()).await })
    };
    let (one, other) = (attempt(), attempt());
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(platform.audited("machine.enrolled").await.len(), 1);
}

#[tokio::test]
async fn guessing_is_slowed_down_for_an_address() {
    let platform = Platform::start().await;
    let good = request(&platform).await;
    let wrong = EnrollRequest { code: good.code.replacen("mwe1.", "mwe1.0", 1), ..good.clone() };
    let mut refusals = 0;
    let wait = loop {
        match platform.enrollment.enroll(HERE, &wrong, now()).await {
            Err(EnrollError::TooMany(wait)) => break wait,
            Err(_) => refusals += 1,
            Ok(answer) => panic!("{answer:?}"),
        }
    };
    assert_eq!((refusals, wait), (30, 2));
    let elsewhere = "192.0.2.1".parse().unwrap();
    platform.enrollment.enroll(elsewhere, &good, now()).await.unwrap();
}

#[tokio::test]
async fn another_organization_makes_no_code() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let stranger =
        crate::harness::caller(platform.customer().await, millwright_core::access::Role::Admin);
    let (store, trust, input) = (&platform.store, &platform.trust, CreateEnrollmentCode::default());
    let code = enrollment_codes::create(store, trust, &stranger, machine, &input, now()).await;
    let Err(enrollment_codes::CreateCodeError::Store(StoreError::NotFound(what))) = code else {
        panic!("{code:?}")
    };
    assert_eq!(what, "machine");
}

/// The audit record of an enrolment in its canonical form: it never changes.
#[tokio::test]
async fn the_audit_record_of_an_enrolment() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let device = platform.enrolled(machine).await;
    let mut record = platform.audited("machine.enrolled").await.remove(0);
    let stored = certificates::list(&platform.store, Scope::Platform, machine).await.unwrap();
    assert_eq!(record.details["certificate_serial"], json!(stored[0].serial));
    assert_eq!(record.details["key_fingerprint"], json!(stored[0].key_fingerprint));
    assert_eq!(record.actor, millwright_core::access::Actor::Machine(device.machine));
    // What is random is fixed, so that the form can be compared.
    let fixed: millwright_schemas::MachineId =
        "0198b2c4-7c1e-7000-8000-000000000004".parse().unwrap();
    record.id = "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap();
    record.organization = "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap();
    record.actor = millwright_core::access::Actor::Machine(fixed);
    record.subject.id = fixed.to_string();
    record.details.insert("certificate_serial".to_owned(), json!("40ab"));
    record.details.insert("key_fingerprint".to_owned(), json!("cd12"));
    insta::assert_snapshot!(String::from_utf8(record.canonical().unwrap()).unwrap());
}
