//! A machine that watches by itself: what it says of its alarms is kept, and raises nothing.

use serde_json::json;

use crate::harness::{Site, T0, above};

/// Alarms: seconds of raise and clear after the start.
const ALARMS: &str = "SELECT origin, count, active, (raised_at - 1767225600000000) / 1000000, \
                      (cleared_at - 1767225600000000) / 1000000 FROM alarms ORDER BY id";

/// An event by which the machine tells of its own alarm, so many seconds after the start.
fn local(id: u8, change: &str, s: i64) -> String {
    let data = json!({
        "rule": "00000000-0000-0000-0000-000000000009", "rule_version": 1, "change": change,
        "at_us": T0 + s * 1_000_000, "source": "t", "severity": "major", "message": "hot",
    });
    let id = format!("0198b2c4-7c1e-7000-8000-0000000000{id:02x}");
    json!({"id": id, "ts": T0 / 1_000 + s * 1_000, "type": "alarm.local", "data": data}).to_string()
}

fn value(s: i64, value: f64) -> String {
    json!({"ts": T0 / 1_000 + s * 1_000, "values": {"t": value}}).to_string()
}

#[tokio::test]
async fn an_alarm_that_both_find_is_one_in_whatever_order_its_parts_come() {
    let samples = [value(1, 99.0), value(7, 90.0)];
    let raised = local(1, "raised", 6);
    for before in [true, false] {
        let mut site = Site::new().await;
        site.rule(9, above("t", 80.0, 5.0, 0.0)).await;
        if before {
            site.events(&[&raised]).await;
            assert_eq!(site.rows(ALARMS).await.len(), 0, "the samples tell it");
        }
        site.telemetry(&[&samples[0], &samples[1]]).await;
        assert_eq!(site.rows(ALARMS).await, ["rule|1|1|6|NULL"]);
        // Late, and once more: it may have been acknowledged without the machine's knowing.
        site.events(&[&raised, &raised]).await;
        site.telemetry(&[&samples[1]]).await;
        assert_eq!(site.rows(ALARMS).await, ["rule|1|1|6|NULL"]);
        // Over, as the machine says; it isn't until the samples say so.
        site.events(&[&local(2, "cleared", 9)]).await;
        assert_eq!(site.rows(ALARMS).await, ["rule|1|1|6|NULL"]);
        site.telemetry(&[&value(9, 70.0)]).await;
        site.events(&[&local(2, "cleared", 9)]).await;
        assert_eq!(site.rows(ALARMS).await, ["rule|1|0|6|9"]);
        let kept = site.rows("SELECT type FROM machine_events ORDER BY id").await;
        assert_eq!(kept, ["alarm.local", "alarm.local"]);
    }
}

#[tokio::test]
async fn what_only_the_machine_says_is_no_alarm() {
    let mut site = Site::new().await;
    site.rule(9, above("t", 80.0, 0.0, 0.0)).await;
    // Of a rule that there is, of its samples nothing; and of one that there never was.
    let strange = local(3, "raised", 6).replace("000000000009", "000000000042");
    site.events(&[&local(1, "raised", 6), &strange]).await;
    assert_eq!(site.rows(ALARMS).await.len(), 0);
    assert_eq!(site.rows("SELECT count(*) FROM jobs").await, ["0"]);
    assert_eq!(site.rows("SELECT count(*) FROM machine_events").await, ["2"]);
}
