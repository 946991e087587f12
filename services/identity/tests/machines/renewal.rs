//! The old key vouches for the new one.

use millwright_identity::machines::{RenewError, certificates};
use millwright_schemas::Timestamp;
use millwright_schemas::api::credentials::RevokeCertificate;
use millwright_schemas::api::enrollment::{EnrollResponse, RenewRequest};
use millwright_store::Scope;
use millwright_store::machines::certificates as rows;

use crate::harness::{Device, HERE, Platform, csr, new_key, now, sign};

const DAY_S: i64 = 86_400;

async fn device() -> (Platform, Device) {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let device = platform.enrolled(machine).await;
    (platform, device)
}

async fn renew(
    platform: &Platform,
    request: &RenewRequest,
    at: Timestamp,
) -> Result<EnrollResponse, RenewError> {
    platform.enrollment.renew(HERE, request, at).await
}

#[tokio::test]
async fn a_certificate_is_renewed_before_and_after_its_end() {
    let (platform, device) = device().await;
    for days in [60, 91, 90 + 364] {
        let at = now().plus_seconds(days * DAY_S);
        let answer = renew(&platform, &device.renewal(&new_key(), at), at).await.unwrap();
        assert_eq!(answer.machine_id, device.machine);
        assert_eq!(answer.machine_name, device.answer.machine_name);
        assert_ne!(answer.certificate, device.answer.certificate, "after {days} days");
    }
    assert_eq!(platform.audited("machine.certificate_renewed").await.len(), 3);
}

#[tokio::test]
async fn more_than_a_year_after_its_end_is_too_late() {
    let (platform, device) = device().await;
    let at = now().plus_seconds((90 + 365) * DAY_S + 1);
    let result = renew(&platform, &device.renewal(&new_key(), at), at).await;
    assert!(matches!(result, Err(RenewError::TooLate(_))), "{result:?}");
}

#[tokio::test]
async fn a_revoked_certificate_is_not_renewed() {
    let (platform, device) = device().await;
    let listed = rows::list(&platform.store, Scope::Platform, device.machine).await.unwrap();
    let input = RevokeCertificate { reason: "stolen".to_owned() };
    let (store, admin, serial) = (&platform.store, platform.admin(), &listed[0].serial);
    certificates::revoke(store, &admin, device.machine, serial, &input, now()).await.unwrap();
    let result = renew(&platform, &device.renewal(&new_key(), now()), now()).await;
    assert!(matches!(result, Err(RenewError::Revoked)), "{result:?}");
}

#[tokio::test]
async fn a_decommissioned_machine_is_not_renewed() {
    let (platform, device) = device().await;
    platform.decommission(device.machine).await;
    let result = renew(&platform, &device.renewal(&new_key(), now()), now()).await;
    assert!(matches!(result, Err(RenewError::Revoked)), "{result:?}");
}

#[tokio::test]
async fn another_key_can_not_vouch() {
    let (platform, mut device) = device().await;
    device.key = new_key();
    let result = renew(&platform, &device.renewal(&new_key(), now()), now()).await;
    assert!(matches!(result, Err(RenewError::Refused)), "{result:?}");
}

#[tokio::test]
async fn what_is_signed_can_not_be_changed() {
    let (platform, device) = device().await;
    let good = device.renewal(&new_key(), now());
    let other_csr = RenewRequest { csr: csr(&new_key()), ..good.clone() };
    let other_time = RenewRequest { signed_at: good.signed_at + 1, ..good };
    for request in [other_csr, other_time] {
        let result = renew(&platform, &request, now()).await;
        assert!(matches!(result, Err(RenewError::Refused)), "{result:?}");
    }
}

#[tokio::test]
async fn a_forged_certificate_with_a_known_serial_is_refused() {
    let (platform, device) = device().await;
    // Its own key, the machine's name and serial, and no signature of ours.
    let (_, pem) = x509_parser::pem::parse_x509_pem(device.answer.certificate.as_bytes()).unwrap();
    let serial = pem.parse_x509().unwrap().raw_serial().to_vec();
    let mut params = rcgen::CertificateParams::default();
    params.serial_number = Some(serial.into());
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, device.machine.to_string());
    let key = new_key();
    let mut request = device.renewal(&new_key(), now());
    request.certificate = params.self_signed(&key).unwrap().pem();
    let text = millwright_schemas::api::enrollment::renewal_text(
        device.machine,
        request.signed_at,
        &request.csr,
    );
    use base64::Engine as _;
    request.signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sign(&key, &text));
    let result = renew(&platform, &request, now()).await;
    assert!(matches!(result, Err(RenewError::Refused)), "{result:?}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let (platform, device) = device().await;
    for off in [-901, 901] {
        let request = device.renewal(&new_key(), now().plus_seconds(off));
        let result = renew(&platform, &request, now()).await;
        assert!(matches!(result, Err(RenewError::Clock(901))), "{result:?}");
    }
    for off in [-900, 900] {
        let request = device.renewal(&new_key(), now().plus_seconds(off));
        renew(&platform, &request, now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_sent_again_issues_nothing_more() {
    let (platform, device) = device().await;
    let request = device.renewal(&new_key(), now());
    let first = renew(&platform, &request, now()).await.unwrap();
    let again = renew(&platform, &request, now().plus_seconds(900)).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(platform.audited("machine.certificate_renewed").await.len(), 1);
    let later = renew(&platform, &request, now().plus_seconds(901)).await;
    assert!(matches!(later, Err(RenewError::Clock(_))), "{later:?}");
}

#[tokio::test]
async fn a_key_that_was_used_before_is_refused() {
    let (platform, device) = device().await;
    let at = now().plus_seconds(DAY_S);
    let result = renew(&platform, &device.renewal(&device.key, at), at).await;
    let Err(RenewError::Invalid(problem)) = result else { panic!("{result:?}") };
    assert_eq!(problem.field, "csr");
}

#[tokio::test]
async fn a_machine_renews_at_most_so_often_a_day() {
    let (platform, device) = device().await;
    // The first of the day's 24 came with enrolment.
    for _ in 1..24 {
        renew(&platform, &device.renewal(&new_key(), now()), now()).await.unwrap();
    }
    let result = renew(&platform, &device.renewal(&new_key(), now()), now()).await;
    assert!(matches!(result, Err(RenewError::TooOften)), "{result:?}");
}
