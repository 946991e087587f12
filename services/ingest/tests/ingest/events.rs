//! Reported events.

use crate::harness::{Site, T0};

const ID: &str = "0198b2c4-7c1e-7000-8000-000000000001";

fn fault(id: &str, rest: &str, code: &str) -> String {
    format!(
        r#"{{"id":"{id}",{rest}"type":"fault.raised","data":{{"code":"{code}","severity":"odd"}}}}"#
    )
}

#[tokio::test]
async fn a_fault_is_stored_and_told_once() {
    let mut site = Site::new().await;
    let ts = format!("\"ts\":{},", T0 / 1000);
    site.events(&[&fault(ID, &ts, "E-1"), &fault(ID, &ts, "E-1")]).await;
    site.events(&[&fault(ID, &ts, "E-1"), &fault(ID, &ts, "E-2")]).await;
    assert_eq!(site.rows("SELECT type, data FROM machine_events").await.len(), 1);
    let told = site
        .rows("SELECT type, json_extract(data, '$.code'), json_extract(data, '$.severity') FROM events \
               WHERE type LIKE 'machine.%'")
        .await;
    assert_eq!(told, ["machine.fault_raised|E-1|indeterminate"]);
    assert_eq!(site.rows("SELECT duplicates, conflicts FROM machine_counters").await, ["2|1"]);
    site.events(&[r#"{"type":"fault.cleared","data":{"code":"E-1"}}"#]).await;
    assert_eq!(site.rows("SELECT type FROM events WHERE type LIKE 'machine.%'").await.len(), 2);
}

#[tokio::test]
async fn a_fault_with_an_absurd_time_is_kept_with_both_times() {
    let mut site = Site::new().await;
    site.events(&[&fault(ID, "\"ts\":86400000,", "E-1")]).await;
    // Again: our own time doesn't make it another event.
    site.events(&[&fault(ID, "\"ts\":86400000,", "E-1")]).await;
    let rows = site
        .rows(
            "SELECT ts - 1767225600000000, json_extract(data, '$.reported_ts') FROM machine_events",
        )
        .await;
    assert_eq!(rows, ["0|86400000"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);
    assert_eq!(site.rows("SELECT duplicates, conflicts FROM machine_counters").await, ["1|0"]);
}

#[tokio::test]
async fn an_event_without_an_id_is_known_again_by_its_time() {
    let mut site = Site::new().await;
    let timed = format!(r#"{{"type":"door.opened","ts":{}}}"#, T0 / 1000);
    site.events(&[&timed, &timed, r#"{"type":"door.shut"}"#, r#"{"type":"door.shut"}"#]).await;
    let rows = site.rows("SELECT type, count(*) FROM machine_events GROUP BY 1 ORDER BY 1").await;
    assert_eq!(rows, ["door.opened|1", "door.shut|2"]);
}

#[tokio::test]
async fn loss_is_recorded_with_its_bounds_and_healed_by_what_comes_late() {
    let mut site = Site::new().await;
    let outbox = "0198b2c4-7c1e-7000-8000-0000000000aa";
    let message = |seq: u64| format!(r#"{{"outbox":"{outbox}","seq":{seq},"samples":[]}}"#);
    let gaps = "SELECT topic, from_seq, to_seq FROM gaps ORDER BY 1, 2";
    site.telemetry(&[&message(3)]).await;
    assert_eq!(site.rows(gaps).await, ["telemetry|1|2"]);
    site.telemetry(&[&message(10)]).await;
    let mut site = site.restart().await;
    site.telemetry(&[&message(1), &message(6), &message(7)]).await;
    assert_eq!(site.rows(gaps).await, ["telemetry|2|2", "telemetry|4|5", "telemetry|8|9"]);
    let event = format!(
        r#"{{"outbox":"{outbox}","seq":1,"type":"outbox.dropped","data":{{"topic":"telemetry"}}}}"#
    );
    site.events(&[&event]).await;
    site.telemetry(&[&message(2), &message(4), &message(5), &message(8), &message(9)]).await;
    assert_eq!(site.rows(gaps).await.len(), 0);
    let cursors = site.rows("SELECT topic, last_seq FROM stream_cursors ORDER BY 1").await;
    assert_eq!(cursors, ["events|1", "telemetry|10"]);
}
