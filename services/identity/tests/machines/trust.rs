//! The chain of what machines trust.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use millwright_core::access::{Actor, Role};
use millwright_identity::machines::{Trust, TrustError};
use millwright_schemas::api::credentials::{RetireTrust, RotateTrust, TrustPart, TrustVersion};
use millwright_schemas::wire::trust::{BUNDLE_TYP, TrustBundle};
use millwright_store::{Location, Store, events};
use millwright_test_database::TestDatabase;

use crate::harness::{Platform, caller, now};

/// What an agent does: a bundle is believed when a key of the one before has signed it.
fn follow(have: &TrustBundle, jws: &str) -> Option<TrustBundle> {
    let header = jsonwebtoken::decode_header(jws).ok()?;
    assert_eq!(header.typ.as_deref(), Some(BUNDLE_TYP));
    assert_eq!(header.alg, Algorithm::EdDSA);
    let kid = header.kid?;
    let key = have.command_keys.keys.iter().find(|key| key.kid == kid)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_ed_components(&key.x).ok()?;
    let next = jsonwebtoken::decode::<TrustBundle>(jws, &key, &validation).ok()?.claims;
    (next.version == have.version + 1).then_some(next)
}

fn unverified(jws: &str) -> TrustBundle {
    let payload = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

async fn rotate(platform: &Platform, what: TrustPart) -> TrustVersion {
    platform.trust.rotate(&platform.admin(), &RotateTrust { what }, now()).await.unwrap()
}

async fn retire(
    platform: &Platform,
    what: TrustPart,
    id: &str,
) -> Result<TrustVersion, TrustError> {
    let input = RetireTrust { what, id: id.to_owned() };
    platform.trust.retire(&platform.admin(), &input, now()).await
}

#[tokio::test]
async fn a_machine_follows_from_the_first_version_over_rotations_and_retirements() {
    let platform = Platform::start().await;
    let first = platform.trust.current().bundle().clone();
    rotate(&platform, TrustPart::CommandKey).await;
    let three = rotate(&platform, TrustPart::Ca).await;
    rotate(&platform, TrustPart::CommandKey).await;
    retire(&platform, TrustPart::CommandKey, &three.command_keys[0]).await.unwrap();
    retire(&platform, TrustPart::Ca, &three.cas[0]).await.unwrap();

    let chain = platform.trust.chain(1).await.unwrap();
    assert_eq!((chain.version, chain.bundles.len()), (6, 5));
    let mut have = first.clone();
    for jws in &chain.bundles {
        have = follow(&have, jws).expect("signed by a key of the version before");
    }
    assert_eq!(&have, platform.trust.current().bundle());
    assert_eq!(have.command_keys.keys.len(), 2);
    assert_eq!(have.ca_certificates.matches("BEGIN CERTIFICATE").count(), 1);
    // A version can't be passed over, and nothing else is believed.
    assert_eq!(follow(&first, &chain.bundles[1]), None);
    assert!(platform.trust.chain(6).await.unwrap().bundles.is_empty());
}

#[tokio::test]
async fn the_first_bundle_is_signed_by_its_own_key() {
    let platform = Platform::start().await;
    let chain = platform.trust.chain(0).await.unwrap();
    let first = unverified(&chain.bundles[0]);
    let itself = TrustBundle { version: 0, ..first.clone() };
    assert_eq!(follow(&itself, &chain.bundles[0]), Some(first));
}

#[tokio::test]
async fn the_first_bundle_is_on_record_once() {
    let platform = Platform::start().await;
    platform.restarted_trust().await;
    let records = platform.audited("trust.created").await;
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].organization, records[0].actor), (platform.root, Actor::Platform));
    let version = platform.trust.current().version();
    assert_eq!(records[0].details["cas"], serde_json::json!(version.cas));
    assert_eq!(records[0].details["command_keys"], serde_json::json!(version.command_keys));
    events::assign_positions(&platform.store).await.unwrap();
    assert_eq!(events::last_position(&platform.store).await.unwrap(), 1, "its event");
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let platform = Platform::start().await;
    rotate(&platform, TrustPart::CommandKey).await;
    rotate(&platform, TrustPart::Ca).await;
    let again = platform.restarted_trust().await;
    assert_eq!(again.current().bundle(), platform.trust.current().bundle());
    // Signed by the newest key.
    let jws = again.current().sign("mw-command+jws", &serde_json::json!({"jti": "1"})).unwrap();
    let kid = jsonwebtoken::decode_header(&jws).unwrap().kid;
    assert_eq!(kid, again.current().version().command_keys.pop());
}

#[tokio::test]
async fn key_files_are_private_and_of_different_keys() {
    use std::os::unix::fs::PermissionsExt as _;
    let platform = Platform::start().await;
    let mut names = Vec::new();
    for entry in fs::read_dir(platform.folder.path().join("keys")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names.len(), 2);
    assert!(names[0].starts_with("ca-") && names[1].starts_with("command-"), "{names:?}");
}

#[tokio::test]
async fn what_a_broken_rotation_left_is_set_aside() {
    let platform = Platform::start().await;
    let keys = platform.folder.path().join("keys");
    // A crash after the file and before the commit.
    let files = || fs::read_dir(&keys).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let command = files().into_iter().find(|path| path.display().to_string().contains("command-"));
    let left = keys.join("command-00112233aabbccdd.pem");
    fs::copy(command.unwrap(), &left).unwrap();
    let written = |seconds_ago: i64| {
        let at = u64::try_from(now().seconds() - seconds_ago).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(at);
        fs::File::options().write(true).open(&left).unwrap().set_modified(at).unwrap();
    };
    // It may be another process's, which is just committing it.
    written(60);
    platform.restarted_trust().await;
    assert!(left.exists());
    written(7_200);
    let again = platform.restarted_trust().await;
    assert_eq!(again.current().bundle(), platform.trust.current().bundle());
    assert!(keys.join("command-00112233aabbccdd.pem.unused").exists());
    assert!(!left.exists());
    // And the next rotation works.
    let input = RotateTrust { what: TrustPart::CommandKey };
    assert_eq!(again.rotate(&platform.admin(), &input, now()).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_rotation_goes_on_from_what_is_committed() {
    let platform = Platform::start().await;
    let other = platform.restarted_trust().await;
    rotate(&platform, TrustPart::Ca).await;
    // This one hasn't learned of it: as after a commit whose outcome was unknown.
    let input = RotateTrust { what: TrustPart::CommandKey };
    let version = other.rotate(&platform.admin(), &input, now()).await.unwrap();
    assert_eq!((version.version, version.command_keys.len(), version.cas.len()), (3, 2, 2));
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_bundle() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = TestDatabase::new().await;
    let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    let open = || Trust::open(store.clone(), folder.path(), now());
    let (one, two) = tokio::join!(open(), open());
    let (one, two) = (one.unwrap().current(), two.unwrap().current());
    assert_eq!(one.bundle(), two.bundle());
    assert_eq!(one.bundle().version, 1);
    let files = fs::read_dir(folder.path().join("keys")).unwrap().count();
    assert_eq!(files, 2, "a command key and a CA, nothing set aside");
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let platform = Platform::start().await;
    let keys = platform.folder.path().join("keys");
    for entry in fs::read_dir(&keys).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let error = Trust::open(platform.store.clone(), platform.folder.path(), now()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("keys/command-"), "{error}");
}

#[tokio::test]
async fn what_is_in_use_or_unknown_is_not_retired() {
    let platform = Platform::start().await;
    let version = platform.trust.current().version();
    for (what, id) in
        [(TrustPart::CommandKey, &version.command_keys[0]), (TrustPart::Ca, &version.cas[0])]
    {
        let result = retire(&platform, what, id).await;
        assert!(matches!(result, Err(TrustError::InUse(_))), "{result:?}");
        let result = retire(&platform, what, "00").await;
        assert!(matches!(result, Err(TrustError::Unknown(_))), "{result:?}");
    }
}

#[tokio::test]
async fn the_number_of_trusted_keys_is_bounded() {
    let platform = Platform::start().await;
    for what in [TrustPart::CommandKey, TrustPart::Ca] {
        for _ in 1..8 {
            rotate(&platform, what).await;
        }
        let input = RotateTrust { what };
        let result = platform.trust.rotate(&platform.admin(), &input, now()).await;
        assert!(matches!(result, Err(TrustError::TooMany)), "{result:?}");
    }
}

#[tokio::test]
async fn a_customers_administrator_does_not_rotate_the_platforms_keys() {
    let platform = Platform::start().await;
    let customer = caller(platform.customer().await, Role::Admin);
    let manager = caller(platform.root, Role::Manager);
    for caller in [customer, manager] {
        let input = RotateTrust { what: TrustPart::CommandKey };
        let result = platform.trust.rotate(&caller, &input, now()).await;
        assert!(matches!(result, Err(TrustError::Forbidden(_))), "{result:?}");
    }
    assert_eq!(platform.trust.current().bundle().version, 1);
}
