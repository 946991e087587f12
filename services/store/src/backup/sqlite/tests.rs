//! Back-up and restore of a real database that is in use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{OrganizationId, Timestamp};
use serde_json::Map;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

use super::super::container::{Archive, Writer};
use super::*;
use crate::backup::mark::RESTORED;
use crate::backup::{BackupError, DatabaseKind, Manifest, Restored, Watch};
use crate::changes::{self, Change};
use crate::testing::{machine, now, organization};
use crate::{DATABASE_FILE, DataFolderLock, Scope, Store, events};

/// A change leaves a row in `audit` and one in `events`, in one transaction.
async fn change(store: &Store, organization: OrganizationId, id: usize) {
    let tx = store.begin().await.unwrap();
    let change = Change {
        organization,
        actor: Actor::Platform,
        action: "machine.created",
        subject: Subject::new("machine", id),
        version: None,
        details: Map::new(),
        at: now(),
    };
    changes::record(&tx, change).await.unwrap();
    tx.commit().await.unwrap();
}

async fn filled() -> (Store, TempDir, OrganizationId) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_sqlite(folder.path()).await.unwrap();
    let organization = organization(&store, None).await;
    machine(&store, organization).await;
    for id in 0..20 {
        change(&store, organization, id).await;
    }
    events::assign_positions(&store).await.unwrap();
    (store, folder, organization)
}

fn order(data_dir: &Path, output: &Path) -> Backup {
    Backup {
        data_dir: data_dir.to_owned(),
        output: output.to_owned(),
        with_keys: false,
        verify: true,
        now: now(),
    }
}

async fn made(data_dir: &Path, output: &Path) -> Manifest {
    backup(order(data_dir, output), &Watch::nobody()).await.unwrap()
}

async fn put(input: &Path, data_dir: &Path, replace: bool) -> Result<Restored, BackupError> {
    let (input, data_dir) = (input.to_owned(), data_dir.to_owned());
    restore(Restore { input, data_dir, replace, now: now() }, &Watch::nobody()).await
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn open(data_dir: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data_dir.join(DATABASE_FILE));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn count(data_dir: &Path, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut open(data_dir).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_writer_is_of_one_moment_and_is_restored() {
    let (store, folder, organization) = filled().await;
    let output = folder.path().join("b.mwb");
    let stop = Arc::new(AtomicBool::new(false));
    let (writes, written) = (store.clone(), Arc::new(AtomicUsize::new(20)));
    let (asked, counted) = (Arc::clone(&stop), Arc::clone(&written));
    let writer = tokio::spawn(async move {
        while !asked.load(Ordering::Relaxed) {
            change(&writes, organization, counted.fetch_add(1, Ordering::Relaxed)).await;
        }
    });
    let manifest = made(folder.path(), &output).await;
    let before = written.load(Ordering::Relaxed);
    while written.load(Ordering::Relaxed) < before + 3 {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    assert_eq!(manifest.tables["audit"], manifest.tables["events"], "one moment");
    assert_eq!(manifest.last_position, 20);
    assert!(manifest.tables["audit"] < count(folder.path(), "audit").await.unsigned_abs());
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(verify(&output, None, &Watch::nobody()).await.unwrap(), manifest);

    let target = tempfile::tempdir().unwrap();
    let restored = put(&output, target.path(), false).await.unwrap();
    assert_eq!(restored.manifest, manifest);
    assert!(!restored.has_keys && restored.replaced.is_none());
    assert_eq!(names(target.path()), ["lock", DATABASE_FILE]);
    Store::open_sqlite(target.path()).await.unwrap().close().await;
    for (table, rows) in &manifest.tables {
        let more = i64::from(table == "audit" || table == "events");
        assert_eq!(
            count(target.path(), table).await - more,
            i64::try_from(*rows).unwrap(),
            "{table}"
        );
    }
}

#[tokio::test]
async fn events_go_on_beyond_what_readers_have_seen() {
    let (store, folder, organization) = filled().await;
    let output = folder.path().join("b.mwb");
    made(folder.path(), &output).await;
    for id in 20..30 {
        change(&store, organization, id).await;
    }
    let seen = events::assign_positions(&store).await.unwrap().unwrap();
    assert_eq!(seen, 30);

    let target = tempfile::tempdir().unwrap();
    let restored = put(&output, target.path(), false).await.unwrap();
    let again = Store::open_sqlite(target.path()).await.unwrap();
    change(&again, organization, 99).await;
    events::assign_positions(&again).await.unwrap();
    let come = events::after(&again, Scope::Platform, seen, &[], 10).await.unwrap();
    let come: Vec<_> = come.iter().map(|e| (e.position, e.event_type.as_str())).collect();
    let position = restored.mark.position;
    assert_eq!(come, [(position, RESTORED), (position + 1, "machine.created")]);
    let page = crate::page::PageRequest::parse("audit", &Default::default()).unwrap();
    let records =
        crate::audit::list(&again, Scope::Platform, &Default::default(), &page).await.unwrap();
    let (_, record) = records.iter().find(|(_, record)| record.action == RESTORED).unwrap();
    assert_eq!(record.details["backup_last_position"], 20);
}

#[tokio::test]
async fn what_was_open_is_ended() {
    let (store, folder, organization) = filled().await;
    let machine = machine(&store, organization).await;
    for sql in [
        "INSERT INTO machine_status (machine_id, generation, connected) VALUES (?1, 4, 1)",
        "INSERT INTO enrollment_codes (code_hash, machine_id, organization_id, created_at, \
         expires_at) VALUES (x'01', ?1, ?2, 1, 9223372036854775807)",
        "INSERT INTO machine_capabilities (machine_id, agent_version, ledger, last_ord, commands, \
         reported_at) VALUES (?1, '1', randomblob(16), 3, '[]', 1)",
        "INSERT INTO machine_rules (machine_id, version, content, left_out, applied_version, \
         applied_at, watching, refused) VALUES (?1, 3, randomblob(16), 0, 3, 1, 1, '[]')",
        "INSERT INTO commands (id, organization_id, machine_id, ord, name, args, state, issued_by, \
         issued_by_name, expires_at, deadline_s, version, created_at, updated_at) VALUES \
         (x'02', ?2, ?1, 1, 'a', '{}', 'running', '{}', 'A', 1, 1, 1, 1, 1), \
         (x'03', ?2, ?1, 2, 'a', '{}', 'succeeded', '{}', 'A', 1, 1, 1, 1, 1), \
         (x'04', ?2, ?1, 3, 'a', '{}', 'queued', '{}', 'A', 1, 1, 1, 1, 1)",
    ] {
        let query = sqlx::query(sql).bind(machine.uuid()).bind(organization.uuid());
        query.execute(&mut open(folder.path()).await).await.unwrap();
    }
    let output = folder.path().join("b.mwb");
    made(folder.path(), &output).await;
    let target = tempfile::tempdir().unwrap();
    let restored = put(&output, target.path(), false).await.unwrap();
    let mark = restored.mark;
    assert_eq!((mark.connections, mark.commands, mark.sessions, mark.codes), (1, 2, 0, 1));

    let again = Store::open_sqlite(target.path()).await.unwrap();
    let states: Vec<String> = sqlx::query_scalar("SELECT state FROM commands ORDER BY ord")
        .fetch_all(&mut open(target.path()).await)
        .await
        .unwrap();
    assert_eq!(states, ["interrupted", "succeeded", "interrupted"]);
    let tx = again.begin().await.unwrap();
    let next = crate::commands::next_ord(&tx, machine).await.unwrap();
    assert_eq!(next, now().seconds() + 1, "beyond any place that its agent has seen");
    let version: i64 = sqlx::query_scalar("SELECT version FROM machine_rules")
        .fetch_one(&mut open(target.path()).await)
        .await
        .unwrap();
    assert_eq!(version, now().seconds(), "beyond any version of its rules that it was given");
    let connected: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM machine_status WHERE connected")
        .fetch_one(&mut open(target.path()).await)
        .await
        .unwrap();
    assert_eq!(connected, 0);
}

#[tokio::test]
async fn nothing_is_restored_from_a_damaged_file_or_over_something() {
    let (_store, folder, _) = filled().await;
    let output = folder.path().join("b.mwb");
    let manifest = made(folder.path(), &output).await;
    let target = tempfile::tempdir().unwrap();

    let mut bytes = fs::read(&output).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let broken = folder.path().join("broken.mwb");
    fs::write(&broken, &bytes).unwrap();
    let error = put(&broken, target.path(), true).await.unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert!(verify(&broken, None, &Watch::nobody()).await.unwrap_err().is_damage());
    assert!(names(target.path()).is_empty(), "the folder wasn't touched");

    let error = put(&output, folder.path(), false).await.unwrap_err().to_string();
    assert!(error.contains("its database has 1 machines and events up to position 20"), "{error}");
    let lock = DataFolderLock::acquire(folder.path()).unwrap();
    let error = put(&output, folder.path(), true).await.unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    drop(lock);
    assert_eq!(count(folder.path(), "machines").await, 1);

    let newer = folder.path().join("newer.mwb");
    let migrations = vec!["m9999_later".to_owned()];
    let empty = Manifest { migrations, ..Manifest::begin(DatabaseKind::Sqlite, now()) };
    Writer::create(&newer).unwrap().finish(empty).unwrap();
    let error = put(&newer, target.path(), true).await.unwrap_err().to_string();
    assert!(error.contains("needs a newer millwright") && error.contains("m9999"), "{error}");
    let other = folder.path().join("other.mwb");
    let empty = Manifest::begin(DatabaseKind::Postgres, now());
    Writer::create(&other).unwrap().finish(empty).unwrap();
    let error = put(&other, target.path(), true).await.unwrap_err().to_string();
    assert!(error.contains("is a backup of PostgreSQL"), "{error}");
    assert!(names(target.path()).is_empty(), "{manifest:?}");
}

#[tokio::test]
async fn what_is_replaced_is_kept() {
    let (store, folder, organization) = filled().await;
    let output = folder.path().join("b.mwb");
    made(folder.path(), &output).await;
    change(&store, organization, 20).await;
    // Without closing it: all of the log has to be kept.
    drop(store);
    let restored = put(&output, folder.path(), true).await.unwrap();
    let kept = restored.replaced.unwrap();
    assert!(kept.to_string_lossy().contains("millwright.db.replaced-2"), "{kept:?}");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(&kept, elsewhere.path().join(DATABASE_FILE)).unwrap();
    assert_eq!(count(elsewhere.path(), "audit").await, 21);
    assert_eq!(count(folder.path(), "audit").await, 20 + 1);
}

#[tokio::test]
async fn keys_go_along_only_when_asked_for() {
    let (_store, folder, _) = filled().await;
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("ca-1.pem"), "secret").unwrap();
    fs::write(keys.join(".ca-2.pem.new"), "half").unwrap();
    let (without, with) = (folder.path().join("a.mwb"), folder.path().join("b.mwb"));
    assert!(!made(folder.path(), &without).await.has_keys());
    let order = Backup { with_keys: true, ..order(folder.path(), &with) };
    assert!(backup(order, &Watch::nobody()).await.unwrap().has_keys());

    let target = tempfile::tempdir().unwrap();
    let restored = put(&with, target.path(), false).await.unwrap();
    assert!(restored.has_keys);
    let key = target.path().join("keys/ca-1.pem");
    assert_eq!(fs::read_to_string(&key).unwrap(), "secret");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&target.path().join("keys")), ["ca-1.pem"]);

    // Keys that were put in place first are no obstacle, other ones are.
    let target = tempfile::tempdir().unwrap();
    fs::create_dir(target.path().join("keys")).unwrap();
    fs::write(target.path().join("keys/ca-1.pem"), "another").unwrap();
    let error = put(&with, target.path(), false).await.unwrap_err().to_string();
    assert!(error.contains("its keys are other ones"), "{error}");
    assert!(put(&without, target.path(), false).await.unwrap().has_keys);
    put(&with, target.path(), true).await.unwrap();
    assert_eq!(fs::read_to_string(target.path().join("keys/ca-1.pem")).unwrap(), "secret");
    assert!(names(target.path()).iter().any(|name| name.starts_with("keys.replaced-")));
}

#[tokio::test]
async fn one_that_is_called_off_anywhere_leaves_nothing() {
    let (_store, folder, _) = filled().await;
    let whole = folder.path().join("whole.mwb");
    made(folder.path(), &whole).await;
    let place = tempfile::tempdir().unwrap();
    let stopping = |after: usize| {
        let left = AtomicUsize::new(after);
        Watch::new(move |_, _, _| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
        })
    };
    let mut backups = 0;
    loop {
        let output = place.path().join("b.mwb");
        match backup(order(folder.path(), &output), &stopping(backups)).await {
            Ok(_) => break fs::remove_file(output).unwrap(),
            Err(BackupError::Stopped(_)) => {
                assert!(
                    names(place.path()).is_empty(),
                    "after {backups}: {:?}",
                    names(place.path())
                );
            }
            Err(error) => panic!("after {backups}: {error}"),
        }
        backups += 1;
    }
    let mut restores = 0;
    loop {
        let order = Restore {
            input: whole.clone(),
            data_dir: place.path().join("data"),
            replace: false,
            now: now(),
        };
        match restore(order, &stopping(restores)).await {
            Ok(_) => break,
            Err(BackupError::Stopped(_)) => {
                let left: Vec<PathBuf> = [place.path().join("data").join(DATABASE_FILE)].into();
                assert!(!left[0].exists(), "after {restores}");
            }
            Err(error) => panic!("after {restores}: {error}"),
        }
        restores += 1;
    }
    assert_eq!(names(&place.path().join("data")), ["lock", DATABASE_FILE]);
    assert!(backups > 5 && restores > 5, "{backups}, {restores}");
}

#[tokio::test]
async fn a_database_with_a_broken_reference_is_not_taken_for_sound() {
    let (_store, folder, _) = filled().await;
    let mut connection = open(folder.path()).await;
    for sql in [
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO signal_units (machine_id, signal) VALUES (x'99', 's')",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    drop(connection);
    let output = folder.path().join("b.mwb");
    let error = backup(order(folder.path(), &output), &Watch::nobody()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("a row of signal_units refers to none of machines"), "{told}");
    assert!(!output.exists());
    // What there is can still be taken along.
    let order = Backup { verify: false, ..order(folder.path(), &output) };
    backup(order, &Watch::nobody()).await.unwrap();
    assert!(Archive::open(&output).is_ok());
    let at = Timestamp::from_micros(now().micros());
    assert_eq!(Archive::open(&output).unwrap().manifest().created_at, at);
}
