//! The first start, with a real database.

#![allow(clippy::unwrap_used, reason = "tests")]

use millwright_identity::people::People;
use millwright_identity::people::bootstrap::{ADMIN_EMAIL, BootstrapError, bootstrap};
use millwright_identity::people::sessions::log_in;
use millwright_schemas::{Secret, Timestamp};
use millwright_store::{Location, Store};
use millwright_test_database::TestDatabase;

fn now() -> Timestamp {
    Timestamp::from_millis(1_763_775_000_000)
}

async fn start() -> (TestDatabase, People, Store) {
    let folder = TestDatabase::new().await;
    let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
    let people = People::set_up(folder.path()).unwrap();
    (folder, people, store)
}

#[tokio::test]
async fn a_given_password_works_and_a_second_start_changes_nothing() {
    let (_folder, people, store) = start().await;
    let first = Secret::new("first");
    let made = bootstrap(&people, &store, Some(first.clone()), now()).await.unwrap();
    assert_eq!(made.admin.unwrap().generated_password, None);
    let again = bootstrap(&people, &store, Some(Secret::new("second")), now()).await.unwrap();
    assert_eq!((again.organization, again.admin), (made.organization, None));
    log_in(&people, &store, ADMIN_EMAIL, first, None, now()).await.unwrap();
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_organization_and_one_administrator() {
    let (_folder, people, store) = start().await;
    let start = || bootstrap(&people, &store, Some(Secret::new("a password")), now());
    let (one, two) = tokio::join!(start(), start());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.organization, two.organization);
    assert_ne!(one.admin.is_some(), two.admin.is_some(), "{one:?}, {two:?}");
}

#[tokio::test]
async fn without_a_password_one_is_made_up() {
    let (_folder, people, store) = start().await;
    let made = bootstrap(&people, &store, None, now()).await.unwrap();
    let password = made.admin.unwrap().generated_password.unwrap();
    assert!(password.expose().len() >= 32);
    log_in(&people, &store, ADMIN_EMAIL, password, None, now()).await.unwrap();
}

#[tokio::test]
async fn an_impossible_password_is_refused_before_anything_is_made() {
    let (_folder, people, store) = start().await;
    for wrong in ["", &"x".repeat(257)] {
        let result = bootstrap(&people, &store, Some(Secret::new(wrong)), now()).await;
        assert!(matches!(result, Err(BootstrapError::Password(bytes)) if bytes == wrong.len()));
    }
    assert!(bootstrap(&people, &store, None, now()).await.unwrap().admin.is_some());
}
