//! Certificates and device tokens, as people see and revoke them and gateways check them.

use millwright_core::access::Role;
use millwright_identity::machines::admission::{accepts_certificate, find_token};
use millwright_identity::machines::certificates::CertificateError;
use millwright_identity::machines::device_tokens::DeviceTokenError;
use millwright_identity::machines::{certificates, device_tokens};
use millwright_schemas::api::credentials::RevokeCertificate;
use millwright_store::machines::revocations::DISCONNECT_JOB;
use millwright_store::{StoreError, jobs};

use crate::harness::{Platform, caller, now};

fn reason() -> RevokeCertificate {
    RevokeCertificate { reason: "stolen".to_owned() }
}

#[tokio::test]
async fn a_revoked_certificate_is_no_longer_accepted_and_the_gateway_is_told() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    platform.enrolled(machine).await;
    let (store, admin) = (&platform.store, platform.admin());
    let serial = certificates::list(store, &admin, machine).await.unwrap().items.remove(0).serial;
    assert!(accepts_certificate(store, machine, &serial).await.unwrap());
    let other = platform.machine().await;
    assert!(!accepts_certificate(store, other, &serial).await.unwrap(), "another machine's");

    let revoked = certificates::revoke(store, &admin, machine, &serial, &reason(), now()).await;
    let revoked = revoked.unwrap();
    assert_eq!(revoked.revocation_reason.as_deref(), Some("stolen"));
    assert!(!accepts_certificate(store, machine, &serial).await.unwrap());
    let job = jobs::take(store, &[DISCONNECT_JOB], now(), now().plus_seconds(60)).await.unwrap();
    let job = job.expect("a live connection is cut");
    assert_eq!(job.ordering_key, format!("machine:{machine}"));
    assert_eq!(job.payload["certificate_serial"], serial.as_str());

    // Again: nothing more happens, and the first reason stays.
    let later = RevokeCertificate { reason: "other".to_owned() };
    let again = certificates::revoke(store, &admin, machine, &serial, &later, now()).await;
    assert_eq!(again.unwrap(), revoked);
    assert_eq!(platform.audited("machine.certificate_revoked").await.len(), 1);
}

#[tokio::test]
async fn a_device_token_is_accepted_until_it_is_revoked() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let (store, admin) = (&platform.store, platform.admin());
    let made = device_tokens::create(store, &admin, machine, now()).await.unwrap();
    let token = made.token.expose();
    assert!(token.starts_with("mwd_") && token.len() > 40);
    assert_eq!(find_token(store, machine, token).await.unwrap(), Some(made.id));
    assert_eq!(find_token(store, machine, &token[..40]).await.unwrap(), None);
    let other = platform.machine().await;
    assert_eq!(find_token(store, other, token).await.unwrap(), None, "another machine's");

    device_tokens::revoke(store, &admin, machine, made.id, now()).await.unwrap();
    assert_eq!(find_token(store, machine, token).await.unwrap(), None);
    let listed = device_tokens::list(store, &admin, machine).await.unwrap().items;
    assert_eq!(listed[0].revoked_at, Some(now()));
    device_tokens::revoke(store, &admin, machine, made.id, now()).await.unwrap();
    assert_eq!(platform.audited("machine.device_token_revoked").await.len(), 1);
}

#[tokio::test]
async fn a_machine_has_a_bounded_number_of_tokens() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let (store, admin) = (&platform.store, platform.admin());
    for _ in 0..10 {
        device_tokens::create(store, &admin, machine, now()).await.unwrap();
    }
    let result = device_tokens::create(store, &admin, machine, now()).await;
    assert!(matches!(result, Err(DeviceTokenError::TooMany)), "{result:?}");
}

#[tokio::test]
async fn no_secret_is_stored_or_logged() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let (store, admin) = (&platform.store, platform.admin());
    let code = platform.code(machine).await;
    let made = device_tokens::create(store, &admin, machine, now()).await.unwrap();
    assert!(!format!("{made:?}").contains(made.token.expose()));
    store.close().await;
    let secret_of_code = code.split('.').nth(1).unwrap();
    for entry in std::fs::read_dir(platform.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in [secret_of_code, made.token.expose()] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} in {}", &secret[..4], path.display());
        }
    }
}

#[tokio::test]
async fn another_organizations_credentials_are_invisible() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    platform.enrolled(machine).await;
    let (store, admin) = (&platform.store, platform.admin());
    let stranger = caller(platform.customer().await, Role::Admin);
    let serial = certificates::list(store, &admin, machine).await.unwrap().items.remove(0).serial;
    let token = device_tokens::create(store, &admin, machine, now()).await.unwrap().id;

    let missing = |error: &StoreError| matches!(error, StoreError::NotFound("machine"));
    let certificate_errors = [
        certificates::list(store, &stranger, machine).await.map(drop).unwrap_err(),
        certificates::revoke(store, &stranger, machine, &serial, &reason(), now())
            .await
            .map(drop)
            .unwrap_err(),
    ];
    for error in certificate_errors {
        assert!(matches!(&error, CertificateError::Store(e) if missing(e)), "{error:?}");
    }
    let token_errors = [
        device_tokens::list(store, &stranger, machine).await.map(drop).unwrap_err(),
        device_tokens::create(store, &stranger, machine, now()).await.map(drop).unwrap_err(),
        device_tokens::revoke(store, &stranger, machine, token, now()).await.unwrap_err(),
    ];
    for error in token_errors {
        assert!(matches!(&error, DeviceTokenError::Store(e) if missing(e)), "{error:?}");
    }
    assert!(accepts_certificate(store, machine, &serial).await.unwrap());

    // A machine of one's own doesn't open another's credentials either.
    let own = platform.machine_of(stranger.organization, None).await;
    let result = certificates::revoke(store, &stranger, own, &serial, &reason(), now()).await;
    assert!(
        matches!(result, Err(CertificateError::Store(StoreError::NotFound("certificate")))),
        "{result:?}"
    );
}
