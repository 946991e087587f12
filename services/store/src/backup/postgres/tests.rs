//! Back-up and restore of a real PostgreSQL database; where the test run has a server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::OrganizationId;
use millwright_test_database::{Peer, TestDatabase};
use serde_json::Map;

use super::*;
use crate::backup::mark::RESTORED;
use crate::backup::{BackupError, Manifest, Restored, Watch};
use crate::changes::{self, Change};
use crate::telemetry::layout::DAY_US;
use crate::telemetry::points::{PointRow, insert_any};
use crate::telemetry::spans::SPANS_MAX;
use crate::testing::{machine, now, organization};
use crate::upkeep::timescale;
use crate::{Location, Scope, Store, events};

/// An empty database on the server; `None`: this run tests SQLite.
async fn server() -> Option<(TestDatabase, String)> {
    let database = TestDatabase::empty().await;
    let url = database.url()?.to_owned();
    Some((database, url))
}

async fn change(store: &Store, organization: OrganizationId, id: usize) {
    let tx = store.begin().await.unwrap();
    let change = Change {
        organization,
        actor: Actor::Platform,
        action: "machine.created",
        subject: Subject::new("machine", id),
        version: None,
        // What COPY's text form has to escape.
        details: Map::from_iter([("note".to_owned(), "a\tb\\c\n\"ä\" \\N".into())]),
        at: now(),
    };
    changes::record(&tx, change).await.unwrap();
    tx.commit().await.unwrap();
}

async fn filled(url: &str) -> (Store, OrganizationId) {
    let store = Store::open(&Location::Postgres(url.to_owned())).await.unwrap();
    let organization = organization(&store, None).await;
    machine(&store, organization).await;
    for id in 0..20 {
        change(&store, organization, id).await;
    }
    events::assign_positions(&store).await.unwrap();
    // On two days, one of them before 1970, with numbers that text must keep as they are.
    let mut points = Vec::new();
    for day in [0, -3] {
        let at = day * DAY_US + 5;
        let row = |ts, value, quality| PointRow { series: 1, ts, value, quality };
        points.push(row(at, Some(0.1 + 0.2), 0));
        points.push(row(at + 1, None, 2));
        points.push(row(at + 2, Some(5e-324), 0));
    }
    let mut tx = store.begin_batch().await.unwrap();
    insert_any(&mut tx, &points).await.unwrap();
    tx.commit().await.unwrap();
    (store, organization)
}

fn order(url: &str, folder: &Path) -> Backup {
    let (data_dir, output) = (folder.to_owned(), folder.join("b.mwb"));
    Backup { url: url.to_owned(), data_dir, output, with_keys: false, verify: true, now: now() }
}

async fn made(url: &str, folder: &Path) -> Manifest {
    backup(order(url, folder), &Watch::nobody()).await.unwrap()
}

async fn put(input: &Path, url: &str, replace: bool) -> Result<Restored, BackupError> {
    let folder = tempfile::tempdir().unwrap();
    let (input, data_dir) = (input.to_owned(), folder.path().join("data"));
    let order = Restore { input, url: url.to_owned(), data_dir, replace, now: now() };
    restore(order, &Watch::nobody()).await
}

async fn dump(url: &str, table: &str) -> Vec<String> {
    let mut rows = Peer::postgres(url).await.rows(&format!("SELECT t::text FROM {table} t")).await;
    rows.sort();
    rows
}

/// How many rows of a continuous aggregate are kept.
async fn materialized(url: &str, view: &str) -> String {
    let mut peer = Peer::postgres(url).await;
    let table = format!(
        "SELECT format('%I.%I', materialization_hypertable_schema, \
         materialization_hypertable_name) FROM timescaledb_information.continuous_aggregates \
         WHERE view_name = '{view}'"
    );
    let table = peer.value(&table).await;
    peer.value(&format!("SELECT count(*) FROM {table}")).await
}

#[tokio::test]
async fn all_tables_are_restored_as_they_were() {
    let Some((database, url)) = server().await else { return };
    let (store, organization) = filled(&url).await;
    let manifest = made(&url, database.path()).await;
    assert_eq!(manifest.days, [-3, 0]);
    assert_eq!((manifest.last_position, manifest.tables["points"]), (20, 6));
    let file = database.path().join("b.mwb");
    assert_eq!(verify(&file, &Watch::nobody()).await.unwrap(), manifest);
    change(&store, organization, 20).await;
    let seen = events::assign_positions(&store).await.unwrap().unwrap();

    let (_target, other) = server().await.unwrap();
    let restored = put(&file, &other, false).await.unwrap();
    for table in manifest.tables.keys() {
        let (mut found, mut wanted) = (dump(&other, table).await, dump(&url, table).await);
        if table == "audit" || table == "events" {
            // One came after the backup, one with the restore.
            assert_eq!((found.len(), wanted.len()), (21, 21), "{table}");
            let note = |row: &String| row.contains(RESTORED);
            found.retain(|row| !note(row));
            wanted.retain(|row| found.contains(row));
            assert_eq!(found.len(), 20, "{table}");
        }
        assert!(found == wanted, "{table}");
    }
    if timescale::is_there(&store) {
        for view in ["rollups_1m", "rollups_1h"] {
            let made = dump(&other, view).await;
            assert_eq!(made.len(), 2, "{view}: {made:?}");
            assert_eq!(made, dump(&url, view).await, "{view}");
            assert_eq!(materialized(&other, view).await, "2", "{view}: kept, not only computed");
        }
    }
    // The platform goes on: numbers and positions after those that were given.
    let again = Store::open(&Location::Postgres(other.clone())).await.unwrap();
    assert_eq!(timescale::is_there(&again), timescale::is_there(&store), "in the form it had");
    change(&again, organization, 99).await;
    events::assign_positions(&again).await.unwrap();
    let come = events::after(&again, Scope::Platform, seen, &[], 10).await.unwrap();
    let come: Vec<_> = come.iter().map(|e| (e.position, e.event_type.as_str())).collect();
    let position = restored.mark.position;
    assert_eq!(come, [(position, RESTORED), (position + 1, "machine.created")]);
}

#[tokio::test]
async fn rollups_of_what_is_thrown_away_are_made_anew() {
    let Some((database, url)) = server().await else { return };
    let store = Store::open(&Location::Postgres(url.clone())).await.unwrap();
    if !timescale::is_there(&store) {
        eprintln!("SKIPPED: only TimescaleDB makes rollups by itself");
        return;
    }
    let far = now().micros();
    // Upkeep ran before there was anything, and again later.
    timescale::refresh(&store, None, far).await.unwrap();
    store.close().await;
    let (store, _) = filled(&url).await;
    timescale::refresh(&store, None, far).await.unwrap();
    made(&url, database.path()).await;
    let later = PointRow { series: 1, ts: 9 * DAY_US, value: Some(7.0), quality: 0 };
    let mut tx = store.begin_batch().await.unwrap();
    insert_any(&mut tx, &[later]).await.unwrap();
    tx.commit().await.unwrap();
    timescale::refresh(&store, None, far).await.unwrap();
    assert_eq!(materialized(&url, "rollups_1h").await, "3");
    store.close().await;

    put(&database.path().join("b.mwb"), &url, true).await.unwrap();
    for view in ["rollups_1m", "rollups_1h"] {
        assert_eq!(dump(&url, view).await.len(), 2, "{view}");
        assert_eq!(materialized(&url, view).await, "2", "{view}");
    }
    // And goes on.
    let store = Store::open(&Location::Postgres(url.clone())).await.unwrap();
    timescale::refresh(&store, None, far).await.unwrap();
    assert_eq!(materialized(&url, "rollups_1h").await, "2");
}

#[tokio::test]
async fn what_is_in_use_or_not_empty_is_refused() {
    let Some((database, url)) = server().await else { return };
    let (store, organization) = filled(&url).await;
    made(&url, database.path()).await;
    let file = database.path().join("b.mwb");
    change(&store, organization, 20).await;
    let error = put(&file, &url, true).await.unwrap_err();
    assert!(matches!(error, BackupError::DatabaseInUse { .. }), "{error}");
    assert!(!error.to_string().contains("://"), "{error}");
    store.close().await;
    let error = put(&file, &url, false).await.unwrap_err().to_string();
    assert!(error.contains("it has 1 machines and events up to position 20"), "{error}");
    put(&file, &url, true).await.unwrap();
    assert_eq!(dump(&url, "audit").await.len(), 20 + 1);
}

#[tokio::test]
async fn one_that_fails_leaves_all_as_it_was() {
    let Some((database, url)) = server().await else { return };
    let (store, organization) = filled(&url).await;
    made(&url, database.path()).await;
    change(&store, organization, 20).await;
    store.close().await;
    let file = database.path().join("b.mwb");
    let left = AtomicUsize::new(3);
    let stop = Watch::new(move |step, _, _| {
        let go_on = |left: usize| left.checked_sub(1);
        step != "filling tables" || left.fetch_update(Relaxed, Relaxed, go_on).is_ok()
    });
    let order = Restore {
        input: file.clone(),
        url: url.clone(),
        data_dir: database.path().join("data"),
        replace: true,
        now: now(),
    };
    let error = restore(order, &stop).await.unwrap_err();
    assert!(matches!(error, BackupError::Stopped(_)), "{error}");
    assert_eq!(dump(&url, "audit").await.len(), 21);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(put(&file, &url, true).await.unwrap_err().is_damage());
    assert_eq!(dump(&url, "audit").await.len(), 21);
}

#[tokio::test]
async fn years_of_days_are_restored_into_few_partitions() {
    let Some((database, url)) = server().await else { return };
    let (store, _) = filled(&url).await;
    if timescale::is_there(&store) {
        eprintln!("SKIPPED: only PostgreSQL without TimescaleDB has partitions");
        return;
    }
    let days: BTreeSet<i64> = (10_957..20_000).collect();
    let row = |day| PointRow { series: 1, ts: day * DAY_US, value: Some(1.0), quality: 0 };
    let rows: Vec<PointRow> = days.iter().map(|day| row(*day)).collect();
    store.make_room(&days).await.unwrap();
    let mut tx = store.begin_batch().await.unwrap();
    insert_any(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    let manifest = made(&url, database.path()).await;
    assert!(days.iter().all(|day| manifest.days.binary_search(day).is_ok()));
    assert_eq!(manifest.tables["points"], 6 + days.len() as u64);

    let Some((_other, fresh)) = server().await else { return };
    put(&database.path().join("b.mwb"), &fresh, false).await.unwrap();
    assert_eq!(dump(&fresh, "points").await, dump(&url, "points").await);
    let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'points'::regclass";
    let partitions: usize = Peer::postgres(&fresh).await.value(count).await.parse().unwrap();
    assert!(partitions <= SPANS_MAX, "{partitions}");
}
