//! A rule tried on history by the real worker, over a kill of the platform.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_tests::{Device, Platform, Version, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_backtest_is_done_by_the_worker_and_survives_a_kill() {
    let mut platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "furnace").await;
    let mut connection = device.connect(Version::V5).await;
    let start = chrono::Utc::now().timestamp_millis() - 3_600_000;
    // Ten times hot for 10 s.
    let samples: Vec<Value> = (0..210_i64)
        .map(|n| {
            let hot = (n / 10) % 2 == 1;
            json!({"ts": start + n * 1_000, "values": {"temperature": if hot { 95 } else { 20 }}})
        })
        .collect();
    let topic = device.topic("up/telemetry");
    let message = json!({"samples": samples}).to_string();
    let code = connection.publish(&topic, message.as_bytes()).await.expect("PUBACK");
    assert_eq!(code, 0);
    let body = json!({
        "name": "Too hot", "machine_id": device.machine, "severity": "major",
        "condition": {"kind": "threshold", "signal": "temperature", "above": 80, "hold_s": 2},
    });
    let mut preview = body.clone();
    preview["backtest"] = json!({"preview": true});
    let asked: Vec<Value> = vec![
        api.post("/rules/backtest", &body).await.unwrap(),
        api.post("/rules/backtest", &body).await.unwrap(),
        api.post("/rules/backtest", &preview).await.unwrap(),
    ];
    platform.kill();
    platform.resume().await;
    for one in asked {
        let path = format!("/rules/backtests/{}", one["id"].as_str().unwrap());
        let done = eventually("the backtest is done", SOON, async || {
            let seen = api.get(&path).await?;
            ensure!(seen["state"] == "succeeded", "{seen}");
            Ok(seen)
        })
        .await;
        let totals = &done["result"]["rule"]["totals"];
        assert_eq!((&totals["alarms"], &totals["values"]), (&json!(10), &json!(210)), "{done}");
        assert_eq!(totals["in_alarm_s"], 80.0, "{done}");
    }
    assert!(api.open_alarms(&device.machine).await.unwrap().is_empty());
}
