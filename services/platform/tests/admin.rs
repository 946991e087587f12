//! `millwright admin`, as a real process on a real data folder.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use millwright_identity::people::People;
use millwright_identity::people::bootstrap::{ADMIN_EMAIL, bootstrap};
use millwright_identity::people::sessions::{SignInError, log_in, refresh};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::{Secret, Timestamp};
use millwright_store::page::PageRequest;
use millwright_store::{DATABASE_FILE, DataFolderLock, Scope, Store, audit};
use millwright_test_database::TestDatabase;

fn reset(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millwright"))
        .args(["admin", "reset-password", "--data-dir"])
        .arg(folder)
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_administrator_gets_a_new_password_and_the_old_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_millis(1_763_775_000_000);
    let old = Secret::new("an old password");
    let people = People::set_up(folder.path()).unwrap();
    let store = Store::open_sqlite(folder.path()).await.unwrap();
    bootstrap(&people, &store, Some(old.clone()), now).await.unwrap();
    let session = log_in(&people, &store, ADMIN_EMAIL, old.clone(), None, now).await.unwrap();
    store.close().await;

    let output = reset(folder.path());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let new = told.trim().strip_prefix("Sign in as admin@localhost with password ").unwrap();

    let store = Store::open_sqlite(folder.path()).await.unwrap();
    let wrong = log_in(&people, &store, ADMIN_EMAIL, old, None, now).await;
    assert!(matches!(wrong, Err(SignInError::WrongCredentials)), "{wrong:?}");
    let ended = refresh(&people, &store, &session.refresh_token, now).await;
    assert!(matches!(ended, Err(SignInError::SessionEnded)), "{ended:?}");
    log_in(&people, &store, ADMIN_EMAIL, Secret::new(new), None, now).await.unwrap();
    let page = PageRequest::parse("audit", &PageQuery::default()).unwrap();
    let records = audit::list(&store, Scope::Platform, &Default::default(), &page).await.unwrap();
    let record = records.iter().find(|(_, record)| record.action == "user.updated").unwrap();
    assert_eq!(record.1.details["changed"], serde_json::json!(["password"]));
}

#[tokio::test]
async fn a_folder_in_use_and_one_without_a_database_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let empty = reset(folder.path());
    assert!(!empty.status.success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");

    let _running = DataFolderLock::acquire(folder.path()).unwrap();
    Store::open_sqlite(folder.path()).await.unwrap().close().await;
    let refused = reset(folder.path());
    assert!(!refused.status.success() && refused.stdout.is_empty());
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("in use by another process"), "{why}");
}

#[tokio::test]
async fn a_database_is_migrated_once_and_a_second_time_changes_nothing() {
    let database = TestDatabase::empty().await;
    // Of SQLite only one that is there: no folder is made for a mistyped name.
    if database.url().is_none() {
        let refused = migrate(&database);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("no database in"), "{refused:?}");
        std::fs::write(database.path().join(DATABASE_FILE), []).unwrap();
    }
    for _ in 0..2 {
        let output = migrate(&database);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains("has the tables of millwright"), "{told}");
    }
    let tables = "SELECT count(*) FROM machines";
    assert_eq!(database.peer().await.value(tables).await, "0");
}

fn migrate(database: &TestDatabase) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millwright"));
    command.args(["admin", "migrate", "--data-dir"]).arg(database.path());
    if let Some(url) = database.url() {
        command.args(["--database", url]);
    }
    command.output().unwrap()
}
