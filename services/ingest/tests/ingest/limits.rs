//! What one machine may take up.

use millwright_ingest::limits::MachineLimits;
use millwright_schemas::Timestamp;
use millwright_schemas::topics::UpChannel;

use crate::harness::{Site, T0, telemetry, uplink};

#[tokio::test]
async fn signals_are_limited_by_the_minute_and_for_ever() {
    let limits = MachineLimits { signals: 5, new_signals_a_minute: 3, ..Default::default() };
    let mut site = Site::with(limits).await;
    let all = r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}"#;
    site.telemetry(&[all]).await;
    assert_eq!(site.rows("SELECT signal FROM series ORDER BY 1").await, ["a", "b", "c"]);
    let mut later = telemetry(1, all);
    later.received_at = Timestamp::from_micros(T0 + 60_000_000);
    site.send_all(vec![later]).await;
    let signals = site.rows("SELECT signal FROM series ORDER BY 1").await;
    assert_eq!(signals, ["a", "b", "c", "d", "e"]);
    let rows = site.rows("SELECT code, reason FROM quarantine ORDER BY id").await;
    assert_eq!(rows.len(), 2);
    assert!(rows[0].starts_with("too_many_signals|d: the machine has had 3 new"), "{rows:?}");
    assert_eq!(rows[1], "too_many_signals|f: the machine has 5 signals already");
}

#[tokio::test]
async fn quarantine_drops_the_oldest_and_counts_them() {
    let mut site = Site::new().await;
    let bad = |n: u32| uplink(1, UpChannel::Telemetry, format!("bad {n}").as_bytes());
    site.send_all((0..1_203).map(bad).collect()).await;
    let rows = site.rows("SELECT count(*), min(hex(payload)) FROM quarantine").await;
    // "bad 1000"
    assert_eq!(rows, ["1000|6261642031303030"]);
    let counters = "SELECT quarantined, quarantine_dropped FROM machine_counters";
    assert_eq!(site.rows(counters).await, ["1203|203"]);
    let oldest = site.rows("SELECT hex(payload) FROM quarantine ORDER BY id LIMIT 1").await;
    // "bad 203"
    assert_eq!(oldest, ["62616420323033"]);
    // And by size: 20 of 256 KiB are more than 4 MiB.
    let large = vec![b'x'; 256 * 1024];
    site.send_all((0..20).map(|_| uplink(1, UpChannel::Telemetry, &large)).collect()).await;
    let rows = site.rows("SELECT count(*), sum(length(payload)) <= 4194304 FROM quarantine").await;
    assert_eq!(rows, ["15|1"]);
}

#[tokio::test]
async fn one_machine_does_not_use_up_anothers_limits() {
    let limits = MachineLimits { signals: 1, ..Default::default() };
    let mut site = Site::with(limits).await;
    site.send_all(vec![telemetry(1, r#"{"a":1,"b":1}"#), telemetry(2, r#"{"b":1}"#)]).await;
    assert_eq!(site.rows("SELECT signal FROM series ORDER BY 1").await, ["a", "b"]);
}
