//! A database that can't be written to for a while.

use std::sync::Arc;

use millwright_ingest::intake::AckLine;
use millwright_store::Engine;

use crate::harness::{Site, T0, committed, telemetry, until};

fn sample(n: i64) -> String {
    format!(r#"{{"ts":{},"a":{n},"text":"{}"}}"#, T0 / 1000 + n, "x".repeat(4_000))
}

#[tokio::test]
async fn a_locked_database_stops_acknowledgements_and_loses_nothing() {
    let mut site = Site::new().await;
    let mut other = site.database.peer().await;
    other.lock().await;
    let line = AckLine::new();
    for n in 0..50 {
        let mut message = telemetry(1, &sample(n));
        message.acks = Some(Arc::clone(&line));
        site.send(message).await;
    }
    let health = site.ingest.health();
    until("stalled", || health.stall().is_some()).await;
    let stall = health.stall().unwrap();
    assert!(stall.reason.contains("lock"), "{stall:?}");
    assert_eq!(line.committed(), 0);
    other.unlock().await;
    committed(&line, 50).await;
    until("well again", || health.stall().is_none()).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["50"]);
    assert_eq!(site.rows("SELECT count(*) FROM machine_counters").await, ["0"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_database_is_no_fault_of_the_messages() {
    let mut site = Site::new().await;
    site.telemetry(&[&sample(0)]).await;
    site.execute("ALTER TABLE machine_counters RENAME TO away").await;
    site.execute("ALTER TABLE latest RENAME TO latest_away").await;
    let line = AckLine::new();
    for n in 1..=20 {
        let mut message = telemetry(1, &sample(n));
        message.acks = Some(Arc::clone(&line));
        site.send(message).await;
    }
    let health = site.ingest.health();
    until("stalled", || health.stall().is_some()).await;
    assert!(health.stall().unwrap().reason.contains("latest"), "{:?}", health.stall());
    assert_eq!(line.committed(), 0);
    site.execute("ALTER TABLE latest_away RENAME TO latest").await;
    site.execute("ALTER TABLE away RENAME TO machine_counters").await;
    committed(&line, 20).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["21"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
}

#[tokio::test]
async fn a_full_disk_is_waited_out() {
    let mut site = Site::new().await;
    if site.store.engine() != Engine::Sqlite {
        eprintln!("SKIPPED: only the embedded database can be bounded from within");
        return;
    }
    site.telemetry(&[&sample(0)]).await;
    let pages: u32 = site.rows("PRAGMA page_count").await[0].parse().unwrap();
    site.store.limit_pages(pages + 5).await.unwrap();
    let line = AckLine::new();
    for n in 1..=50 {
        let mut message = telemetry(1, &sample(n));
        message.acks = Some(Arc::clone(&line));
        site.send(message).await;
    }
    until("a retry", || site.metric("retries_total") >= 2.0).await;
    assert!(line.committed() < 50);
    site.store.limit_pages(1_000_000).await.unwrap();
    committed(&line, 50).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["51"]);
    // The writer still works for everyone else.
    site.store.begin().await.unwrap().rollback().await.unwrap();
}
