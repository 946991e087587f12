//! Bad input: each kind has a stated behaviour, and the good beside it is stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_tests::{Agent, Api, Device, Platform, Version, device, eventually};
use reqwest::Method;
use serde_json::{Value, json};

async fn quarantined(api: &Api, machine: &str) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let items = api.quarantine(machine).await.expect("the quarantine");
    items.iter().map(|item| (text(item, "code"), text(item, "reason"))).collect()
}

/// Publishes samples that are at fault; they must be acknowledged, so that they don't loop.
async fn publish(device: &Device, version: Version, topic: &str, payload: &[u8]) {
    let mut connection = device.connect(version).await;
    let answer = connection.publish(&device.topic(topic), payload).await;
    assert!(answer.is_ok(), "{version:?}: not acknowledged: {answer:?}");
    connection.ping().await.expect("the connection lives on");
}

#[tokio::test]
async fn what_is_no_message_is_quarantined_with_the_reason() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let long_name = format!("{{\"{}\":1}}", "n".repeat(300));
    let long_text = format!("{{\"text\":\"{}\"}}", "t".repeat(5_000));
    let cases: [(&str, &str, &str); 14] = [
        ("up/telemetry", "", "broken_json"),
        ("up/telemetry", "{\"a\":", "broken_json"),
        ("up/telemetry", "{\"a\":NaN}", "broken_json"),
        ("up/telemetry", "{\"a\":Infinity}", "broken_json"),
        ("up/telemetry", "{\"a\":1e999}", "broken_json"),
        ("up/telemetry", "[1,2,3]", "unknown_form"),
        ("up/telemetry", "\"hello\"", "unknown_form"),
        ("up/telemetry", "{\"samples\":7}", "unknown_form"),
        ("up/telemetry", "{\"ts\":\"yesterday\",\"a\":1}", "invalid_field"),
        ("up/telemetry", &long_name, "invalid_name"),
        ("up/telemetry", &long_text, "invalid_value"),
        ("up/telemetry", "{\"a\":9007199254740993}", "invalid_value"),
        ("up/events", "{\"type\":\"Not A Type\"}", "unknown_form"),
        ("up/events", "{\"type\":\"fault.raised\",\"data\":{}}", "invalid_field"),
    ];
    for (index, (topic, payload, code)) in cases.into_iter().enumerate() {
        let device = Device::enroll(&platform, &api, &format!("case-{index}")).await;
        let version = Version::ALL[index % 2];
        publish(&device, version, topic, payload.as_bytes()).await;
        let found = quarantined(&api, &device.machine).await;
        assert_eq!(found.len(), 1, "{payload:?}: {found:?}");
        assert_eq!(found[0].0, code, "{payload:?}: {found:?}");
        assert!(!found[0].1.is_empty(), "{payload:?} has a reason");
    }
}

#[tokio::test]
async fn a_value_at_fault_leaves_the_others() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "mixed").await;
    let topic = "up/telemetry";
    publish(&device, Version::V5, topic, br#"{"good":1.5,"list":[1],"object":{"x":1},"":2}"#).await;
    assert_eq!(api.latest(&device.machine, "good").await.expect("stored"), 1.5);
    let found = quarantined(&api, &device.machine).await;
    assert_eq!(found.len(), 1, "one entry a message: {found:?}");
    for name in ["list", "object", "a signal name must not be empty"] {
        assert!(found[0].1.contains(name), "{name} isn't named: {found:?}");
    }
    assert_eq!(signals(&api, &device.machine).await, 1, "no signal without a name");

    // The first sample fixes a signal's kind.
    publish(&device, Version::V3, topic, br#"{"good":"text now","other":2}"#).await;
    assert_eq!(api.latest(&device.machine, "good").await.expect("stored"), 1.5);
    assert_eq!(api.latest(&device.machine, "other").await.expect("stored"), 2.0);
    let found = quarantined(&api, &device.machine).await;
    assert_eq!(found.len(), 2, "{found:?}");
}

#[tokio::test]
async fn a_poisonous_message_among_good_ones_is_set_aside_alone() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "poisoned").await;
    let mut connection = device.connect(Version::V5).await;
    let now = chrono::Utc::now().timestamp_millis();
    let mut ids = Vec::new();
    for index in 0..40 {
        let payload = if index == 20 {
            "{\"poison\":".to_owned()
        } else {
            json!({ "ts": now + index, "values": { "counter": index } }).to_string()
        };
        let topic = device.topic("up/telemetry");
        ids.push(connection.send_publish(&topic, payload.as_bytes()).await.expect("sent"));
    }
    for id in ids {
        connection.acknowledged(id).await.expect("an acknowledgement for each");
    }
    let database = platform.database().await;
    let points = database.points(&device.machine).await.unwrap();
    let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
    let wanted: Vec<f64> = (0..40).filter(|index| *index != 20).map(f64::from).collect();
    assert_eq!(values, wanted);
    assert_eq!(quarantined(&api, &device.machine).await.len(), 1);
}

#[tokio::test]
async fn a_message_that_the_database_refuses_is_set_aside_alone() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "refused").await;
    let mut other = platform.peer().await;
    other.refuse("points", Some("NEW.value = 666"), "poisonous value").await;
    let mut connection = device.connect(Version::V5).await;
    // All of them wait for the lock, and then share a batch.
    other.lock().await;
    let now = chrono::Utc::now().timestamp_millis();
    let topic = device.topic("up/telemetry");
    let mut ids = Vec::new();
    for index in 0..40 {
        let value = if index == 20 { 666 } else { index };
        let payload = json!({ "ts": now + index, "values": { "counter": value } }).to_string();
        ids.push(connection.send_publish(&topic, payload.as_bytes()).await.expect("sent"));
    }
    other.unlock().await;
    for id in ids {
        assert_eq!(connection.acknowledged(id).await.expect("an acknowledgement for each"), 0);
    }

    let points = platform.database().await.points(&device.machine).await.unwrap();
    let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
    let wanted: Vec<f64> = (0..40).filter(|index| *index != 20).map(f64::from).collect();
    assert_eq!(values, wanted);
    let found = quarantined(&api, &device.machine).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "refused_by_database", "{found:?}");
    assert!(found[0].1.contains("poisonous value"), "{found:?}");
}

#[tokio::test]
async fn a_locked_database_delays_acknowledgements_and_loses_nothing() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "patient").await;
    let mut connection = device.connect(Version::V5).await;
    let topic = device.topic("up/telemetry");
    let mut lock = platform.peer().await;
    lock.lock().await;
    let now = chrono::Utc::now().timestamp_millis();
    let mut ids = Vec::new();
    for index in 0..20 {
        let payload = json!({ "ts": now + index, "values": { "counter": index } }).to_string();
        ids.push(connection.send_publish(&topic, payload.as_bytes()).await.expect("sent"));
    }
    // Longer than the platform waits for a statement: its first attempt fails.
    let held = tokio::time::timeout(Duration::from_secs(7), connection.acknowledged(ids[0])).await;
    assert!(held.is_err(), "acknowledged before it was stored: {held:?}");
    lock.unlock().await;
    for id in ids {
        connection.acknowledged(id).await.expect("an acknowledgement for each");
    }
    let points = platform.database().await.points(&device.machine).await.unwrap();
    let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
    assert_eq!(values, (0..20).map(f64::from).collect::<Vec<_>>());
    assert_eq!(quarantined(&api, &device.machine).await, [], "no message was at fault");
}

#[tokio::test]
async fn there_is_a_bound_on_signals() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "many").await;
    let values: serde_json::Map<String, Value> =
        (0..2_001).map(|index| (format!("s{index}"), json!(index))).collect();
    let payload = json!({ "values": values }).to_string();
    publish(&device, Version::V5, "up/telemetry", payload.as_bytes()).await;
    let signals = api.items(&format!("/machines/{}/signals", device.machine)).await.unwrap();
    assert!((1..=2_000).contains(&signals.len()), "{} signals", signals.len());
    let found = quarantined(&api, &device.machine).await;
    assert!(!found.is_empty(), "what was beyond the bound is told");
    // Known signals go on.
    let known = signals[0]["signal"].as_str().unwrap();
    let payload = json!({ "values": { known: -1 } }).to_string();
    publish(&device, Version::V5, "up/telemetry", payload.as_bytes()).await;
    assert_eq!(api.latest(&device.machine, known).await.expect("stored"), -1.0);
}

#[tokio::test]
async fn a_clock_far_off_quarantines_samples_but_never_faults() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "clockless").await;
    for (index, ts) in [1_000i64, 4_102_444_800_000, i64::MAX / 2_000].into_iter().enumerate() {
        let samples = json!({ "ts": ts, "values": { "a": 1 } }).to_string();
        publish(&device, Version::V5, "up/telemetry", samples.as_bytes()).await;
        let found = quarantined(&api, &device.machine).await;
        assert_eq!(found.len(), index + 1, "{ts}: {found:?}");

        let code = format!("E-{index}");
        let fault = json!({
            "ts": ts, "type": "fault.raised", "data": { "code": code, "severity": "apocalyptic" },
        });
        publish(&device, Version::V5, "up/events", fault.to_string().as_bytes()).await;
        let raised = api.machine_events(&device.machine, "fault.raised").await.unwrap();
        assert_eq!(raised.len(), index + 1, "{ts}: a fault is never quarantined: {raised:?}");
    }
    assert_eq!(signals(&api, &device.machine).await, 0);
}

async fn signals(api: &Api, machine: &str) -> usize {
    api.items(&format!("/machines/{machine}/signals")).await.unwrap().len()
}

#[tokio::test]
async fn an_enrolment_code_works_once_and_in_time() {
    let mut platform = Platform::start().await;
    let api = platform.api().await;
    let anonymous = Api::anonymous(&platform.url());
    let machine = api.create_machine("enrolled").await;
    let code = api.enrollment_code(&machine).await;
    let enroll = async |code: &str, csr: &str| {
        let body = json!({ "code": code, "csr": csr });
        anonymous.send(Method::POST, "/enroll", Some(&body)).await.expect("an answer")
    };

    let (_, csr) = device::request();
    let (status, first) = enroll(&code, &csr).await;
    assert!(status.is_success(), "{status}: {first}");
    // Its answer was lost: the same code with the same key answers the same.
    let (status, again) = enroll(&code, &csr).await;
    assert!(status.is_success(), "{status}: {again}");
    assert_eq!(again["certificate"], first["certificate"]);

    let (_, other_csr) = device::request();
    let invented = format!("mwe1.{}.{}", "0".repeat(32), "0".repeat(64));
    let late = api.enrollment_code(&machine).await;
    expire_codes(&mut platform).await;
    for (what, code, csr) in [
        ("reused with another key", &code, other_csr.as_str()),
        ("invented", &invented, &other_csr),
        ("cut off", &code[..40].to_owned(), &other_csr),
        ("expired", &late, &other_csr),
        ("without a request", &late, "hello"),
    ] {
        let (status, problem) = enroll(code, csr).await;
        assert!(status.is_client_error(), "{what}: {status}: {problem}");
        assert!(problem["title"].is_string(), "{what}: {problem}");
        assert!(!problem.to_string().contains(code.as_str()), "{what}: the code is repeated");
    }

    // The agent says so, and keeps nothing.
    let agent = Agent::prepare(platform.folder(), &machine, "late", "");
    let output = agent.try_enroll(&platform.url(), &late);
    assert!(!output.status.success());
    assert!(!output.stderr.is_empty(), "{output:?}");
}

/// Lets a day pass for enrolment codes, without the platform noticing.
async fn expire_codes(platform: &mut Platform) {
    platform.stop().await;
    let mut peer = platform.peer().await;
    peer.execute("UPDATE enrollment_codes SET expires_at = 1 WHERE used_at IS NULL").await;
    drop(peer);
    platform.resume().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection_and_nothing_else() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "large").await;
    for version in Version::ALL {
        let mut connection = device.connect(version).await;
        let payload = vec![b' '; 400 * 1024];
        let answer = connection.publish(&device.topic("up/telemetry"), &payload).await;
        assert!(answer.is_err(), "{version:?}: {answer:?}");
    }
    publish(&device, Version::V5, "up/telemetry", br#"{"a":1}"#).await;
    eventually("the platform is well", Duration::from_secs(5), async || {
        ensure!(signals(&api, &device.machine).await == 1, "not stored");
        Ok(())
    })
    .await;
}
