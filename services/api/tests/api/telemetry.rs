//! What machines have sent, as it is read: through ingest into the database, and out by the API.

use std::time::Duration;

use bytes::Bytes;
use millwright_core::access::Role;
use millwright_ingest::intake::{AckLine, Generation, Uplink};
use millwright_ingest::limits::{LEARNED_BYTES_MAX, MachineLimits, REBUILDS_MAX};
use millwright_ingest::live::Live;
use millwright_ingest::metrics::IngestMetrics;
use millwright_ingest::{Ingest, IngestOptions};
use millwright_schemas::topics::UpChannel;
use millwright_schemas::{MachineId, Timestamp};
use serde_json::{Value, json};

use crate::harness::{PASSWORD, TestApi};

/// Receive time of the first message: 2026-01-01.
pub const T0: i64 = 1_767_225_600_000;
const OUTBOX: &str = "0198b2c4-7c1e-7000-8000-0000000000aa";

/// An API with ingest on the same database.
pub struct Plant {
    pub api: TestApi,
    pub ingest: Ingest,
    pub token: String,
    pub machine: MachineId,
}

impl Plant {
    pub async fn start() -> Self {
        let api = TestApi::start().await;
        let ingest = start_ingest(&api, api.state.live.clone());
        let token = api.admin().await;
        let new = json!({"name": "Mill", "serial_number": "1"});
        let made = api.call(&token, "POST", "/machines", Some(new)).await.json(201);
        let machine = made["id"].as_str().unwrap().parse().unwrap();
        Self { api, ingest, token, machine }
    }

    /// Goes on with an ingest that copies to somewhere else.
    pub async fn restart_ingest(&mut self, live: Live) {
        let new = start_ingest(&self.api, live);
        assert!(std::mem::replace(&mut self.ingest, new).stop(Duration::from_secs(30)).await);
    }

    /// Hands in messages and waits until they are committed.
    pub async fn send(&self, channel: UpChannel, payloads: &[&str]) {
        self.send_raw(channel, payloads.iter().map(|text| text.as_bytes().to_vec()).collect())
            .await;
    }

    /// The same, received at this time in milliseconds.
    pub async fn send_at(&self, at_ms: i64, channel: UpChannel, payloads: &[&str]) {
        let payloads = payloads.iter().map(|text| text.as_bytes().to_vec()).collect();
        self.hand_in(at_ms, channel, payloads).await;
    }

    async fn send_raw(&self, channel: UpChannel, payloads: Vec<Vec<u8>>) {
        self.hand_in(T0, channel, payloads).await;
    }

    async fn hand_in(&self, at_ms: i64, channel: UpChannel, payloads: Vec<Vec<u8>>) {
        let line = AckLine::new();
        let count = payloads.len() as u64;
        for payload in payloads {
            let uplink = Uplink {
                sender: self.machine,
                generation: Generation(1),
                machine: self.machine,
                channel: channel.clone(),
                payload: Bytes::from(payload),
                received_at: Timestamp::from_millis(at_ms),
                acks: Some(line.clone()),
            };
            self.ingest.intake().send(uplink).await.unwrap();
        }
        let done = std::future::poll_fn(|cx| {
            line.register(cx.waker());
            if line.committed() >= count {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        });
        tokio::time::timeout(Duration::from_secs(30), done).await.expect("committed");
    }

    pub async fn samples(&self, payloads: &[&str]) {
        self.send(UpChannel::Telemetry, payloads).await;
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/machines/{}/{rest}", self.machine)
    }

    pub async fn get(&self, rest: &str) -> Value {
        self.api.call(&self.token, "GET", &self.path(rest), None).await.json(200)
    }
}

fn start_ingest(api: &TestApi, live: Live) -> Ingest {
    let options = IngestOptions {
        limits: MachineLimits::default(),
        learned_bytes_max: LEARNED_BYTES_MAX,
        rebuilds_max: REBUILDS_MAX,
        live,
        metrics: IngestMetrics::register(&prometheus::Registry::new()).unwrap(),
        now: || Timestamp::from_millis(T0),
    };
    Ingest::start(api.state.store.clone(), options)
}

/// Signs in somebody of another organization.
pub async fn stranger(api: &TestApi) -> String {
    let other = api.child_organization("Elsewhere").await;
    let body = json!({"email": "s@example.org", "name": "S", "role": "admin",
        "password": PASSWORD, "organization_id": other});
    api.call(&api.admin().await, "POST", "/users", Some(body)).await.json(201);
    api.sign_in("s@example.org", PASSWORD).await
}

#[tokio::test]
async fn signals_with_their_newest_values() {
    let plant = Plant::start().await;
    plant
        .samples(&[
            &format!(r#"{{"ts":{T0},"b":true,"a":1.5,"c":"O1","d":null}}"#),
            &format!(r#"{{"ts":{},"a":2}}"#, T0 + 5),
        ])
        .await;
    let list = plant.get("signals").await;
    let values: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["signal"].as_str().unwrap(), s["kind"].clone(), s["value"].clone()))
        .collect();
    assert_eq!(
        values,
        [
            ("a", json!("number"), json!(2.0)),
            ("b", json!("boolean"), json!(true)),
            ("c", json!("text"), json!("O1")),
            ("d", Value::Null, Value::Null),
        ]
    );
    assert_eq!(list["items"][0]["ts"], "2026-01-01T00:00:00.005Z");
    assert_eq!(list["items"][0]["quality"], "good");
    assert_eq!(list["items"][0]["received_at"], "2026-01-01T00:00:00Z");
    assert_eq!(list["next_cursor"], Value::Null);

    let first = plant.get("signals?limit=3").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    let next = first["next_cursor"].as_str().unwrap();
    let second = plant.get(&format!("signals?limit=3&cursor={next}")).await;
    assert_eq!(second["items"][0]["signal"], "d");
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn charts_have_no_more_points_than_asked_for() {
    let plant = Plant::start().await;
    let samples: Vec<String> = (0..600)
        .map(|n| {
            let ts = T0 + n * 1_000;
            format!(r#"{{"ts":{ts},"values":{{"a":{n},"on":{},"p":"P{}"}}}}"#, n >= 300, n / 200)
        })
        .collect();
    plant.samples(&[&format!(r#"{{"samples":[{}]}}"#, samples.join(","))]).await;
    let to = T0 + 600_000;
    let range = format!("from={T0}&to={to}");

    let chart =
        plant.get(&format!("telemetry?signal=a&signal=on&signal=p&{range}&points=10")).await;
    let [a, on, p] = [0, 1, 2].map(|i| chart["series"][i].clone());
    assert_eq!(a["kind"], "number");
    assert_eq!(a["resolution"], 60.0);
    let points = a["points"].as_array().unwrap();
    assert_eq!(points.len(), 10);
    assert_eq!(points[0], json!([T0, 29.5, 0.0, 59.0]));
    assert_eq!(points[9], json!([T0 + 540_000, 569.5, 540.0, 599.0]));
    assert_eq!(on["points"], json!([[T0, false], [T0 + 300_000, true]]));
    assert_eq!(p["points"], json!([[T0, "P0"], [T0 + 200_000, "P1"], [T0 + 400_000, "P2"]]));
    assert_eq!(p["truncated"], false);

    let raw =
        plant.get("telemetry?signal=a&from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:02Z").await;
    assert_eq!(raw["series"][0]["resolution"], 0.0);
    let expected = json!([[T0, 0.0, 0.0, 0.0], [T0 + 1_000, 1.0, 1.0, 1.0]]);
    assert_eq!(raw["series"][0]["points"], expected);

    let few = plant.get(&format!("telemetry?signal=p&{range}&points=2")).await;
    assert_eq!(few["series"][0]["truncated"], true);
    let unknown = plant.get(&format!("telemetry?signal=x&{range}")).await;
    assert_eq!(
        unknown["series"][0],
        json!({"signal": "x", "unit": null, "kind": null, "resolution": 0.0,
        "truncated": false, "points": []})
    );
    // A time zone whose plus wasn't escaped.
    plant.get("telemetry?signal=a&from=2026-01-01T00:00:00+01:00").await;
}

#[tokio::test]
async fn reported_events_newest_first() {
    let plant = Plant::start().await;
    let event = |n: i64, what: &str| {
        format!(r#"{{"ts":{},"type":"{what}","data":{{"code":"E-{n}"}}}}"#, T0 + n)
    };
    plant
        .send(
            UpChannel::Events,
            &[
                &event(1, "fault.raised"),
                &event(2, "fault.cleared"),
                &event(3, "door.opened"),
                &event(3, "door.shut"),
            ],
        )
        .await;
    let codes = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|e| e["data"]["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&plant.get("events").await), ["E-3", "E-3", "E-2", "E-1"]);
    assert_eq!(codes(&plant.get("events?type=fault.*").await), ["E-2", "E-1"]);
    assert_eq!(codes(&plant.get("events?type=fault.raised").await), ["E-1"]);
    let range = format!("events?from={}&to={}", T0 + 2, T0 + 3);
    assert_eq!(codes(&plant.get(&range).await), ["E-2"]);
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = plant.get(&format!("events?limit=1{cursor}")).await;
        all.push(page["items"][0]["type"].as_str().unwrap().to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    all.sort();
    assert_eq!(all, ["door.opened", "door.shut", "fault.cleared", "fault.raised"]);
}

#[tokio::test]
async fn loss_and_quarantine_are_shown() {
    let plant = Plant::start().await;
    let counted = format!(r#"{{"outbox":"{OUTBOX}","seq":5,"through_ts":{T0},"samples":[]}}"#);
    let sample = format!(r#"{{"ts":{T0},"a":1}}"#);
    plant.samples(&[&counted, &sample, &sample, "{\"a\":NaN}"]).await;
    plant.send_raw(UpChannel::Telemetry, vec![b"\xff\x00".to_vec()]).await;

    let loss = plant.get("loss").await;
    assert_eq!(loss["gaps"][0]["from_seq"], 1);
    assert_eq!(loss["gaps"][0]["to_seq"], 4);
    assert_eq!(loss["gaps"][0]["topic"], "telemetry");
    assert_eq!(loss["streams"][0]["last_seq"], 5);
    assert_eq!(loss["streams"][0]["through_ts"], "2026-01-01T00:00:00Z");
    let counters = json!({"duplicates": 1, "conflicts": 0, "quarantined": 2, "quarantine_dropped": 0,
        "late": 0, "ahead": 0});
    assert_eq!(loss["counters"], counters);

    let list = plant.get("quarantine").await;
    assert_eq!(list["counters"], counters);
    assert_eq!(list["items"][0]["payload_encoding"], "base64");
    assert_eq!(list["items"][0]["payload"], "/wA=");
    assert_eq!(list["items"][1]["code"], "broken_json");
    assert_eq!(list["items"][1]["payload"], "{\"a\":NaN}");
    let first = plant.get("quarantine?limit=1").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = plant.get(&format!("quarantine?limit=1&cursor={next}")).await;
    assert_eq!(second["items"][0]["code"], "broken_json");
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_machine_of_another_organization_does_not_exist() {
    let plant = Plant::start().await;
    plant.samples(&[&format!(r#"{{"ts":{T0},"a":1}}"#)]).await;
    let stranger = stranger(&plant.api).await;
    for rest in ["signals", "telemetry?signal=a", "events", "loss", "quarantine"] {
        let answer = plant.api.call(&stranger, "GET", &plant.path(rest), None).await;
        answer.problem(404, "not-found");
    }
    let stream = format!("/telemetry/stream?machine_id={}", plant.machine);
    plant.api.call(&stranger, "GET", &stream, None).await.problem(404, "not-found");
    let theirs = plant.api.call(&stranger, "GET", "/events?types=machine.*", None).await.json(200);
    assert_eq!(theirs["items"], json!([]));
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let plant = Plant::start().await;
    let many: String = (0..21).map(|n| format!("&signal=s{n}")).collect();
    for (rest, field) in [
        ("telemetry", "signal"),
        ("telemetry?signal=", "signal"),
        (&format!("telemetry?points=1{many}"), "signal"),
        ("telemetry?signal=a&from=yesterday", "from"),
        ("telemetry?signal=a&to=2026-13-01T00:00:00Z", "to"),
        ("telemetry?signal=a&from=2000&to=1000", "from"),
        ("telemetry?signal=a&points=0", "points"),
        ("telemetry?signal=a&points=5001", "points"),
        ("telemetry?signal=a&points=many", "points"),
        ("signals?limit=501", "limit"),
        ("signals?cursor=!", "cursor"),
        ("events?from=x", "from"),
        ("events?from=2&to=1", "from"),
        ("events?cursor=AAAA", "cursor"),
        ("quarantine?cursor=AAAA", "cursor"),
        ("telemetry?signal=a&form=1000", "form"),
        ("signals?signal=a", "signal"),
        ("events?typ=fault.raised", "typ"),
        ("quarantine?bogus", "bogus"),
    ] {
        let answer = plant.api.call(&plant.token, "GET", &plant.path(rest), None).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], field, "{rest}");
    }
    for (path, field) in [
        ("/events?after=-1", "after"),
        ("/events?limit=0", "limit"),
        ("/events?cursor=x", "cursor"),
        ("/events?cursor=-1", "cursor"),
        ("/events?after=1&cursor=1", "cursor"),
        ("/events?type=machine.created", "type"),
        ("/events/stream?bogus=1", "bogus"),
        ("/telemetry/stream?bogus=1", "bogus"),
        ("/machines?bogus=1", "bogus"),
        ("/sites?bogus=1", "bogus"),
        ("/organizations?bogus=1", "bogus"),
        ("/users?bogus=1", "bogus"),
        ("/api-tokens?bogus=1", "bogus"),
        ("/audit?bogus=1", "bogus"),
        ("/trust?after=0&bogus=1", "bogus"),
        ("/events?types=Machine", "types"),
        ("/events/stream?after=-1", "after"),
        ("/events/stream?types=%20;", "types"),
        ("/telemetry/stream", "machine_id"),
        ("/telemetry/stream?machine_id=1", "machine_id"),
    ] {
        let answer = plant.api.call(&plant.token, "GET", path, None).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], field, "{path}");
    }
    // A cursor of another list.
    plant.api.person(Role::Viewer).await;
    let people = plant.api.call(&plant.token, "GET", "/users?limit=1", None).await.json(200);
    let cursor = people["next_cursor"].as_str().unwrap();
    for list in ["machines", "sites", "organizations", "api-tokens", "audit"] {
        let path = format!("/{list}?cursor={cursor}");
        let answer = plant.api.call(&plant.token, "GET", &path, None).await;
        assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "cursor", "{path}");
    }
    let header = [("last-event-id", "x")];
    let answer = plant.api.call_with(&plant.token, "GET", "/events/stream", None, &header).await;
    assert_eq!(answer.problem(422, "invalid")["errors"][0]["field"], "Last-Event-ID");
}

#[tokio::test]
async fn domain_events_by_position() {
    let plant = Plant::start().await;
    let fault = format!(r#"{{"ts":{T0},"type":"fault.raised","data":{{"code":"E-1"}}}}"#);
    plant.send(UpChannel::Events, &[&fault]).await;
    let mut positions = plant.api.state.positions.clone();
    let find = async {
        loop {
            let last = positions.last();
            let path = "/events?types=machine.fault_raised";
            let found = plant.api.call(&plant.token, "GET", path, None).await.json(200);
            if found["items"][0].is_object() {
                return found;
            }
            assert!(positions.beyond(last).await);
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), find).await.unwrap();
    let event = &found["items"][0];
    assert_eq!(event["type"], "machine.fault_raised");
    assert_eq!(event["actor"], json!({"kind": "machine", "id": plant.machine, "name": "Mill"}));
    assert_eq!(event["subject"], json!({"kind": "machine", "id": plant.machine.to_string()}));
    assert_eq!(event["data"]["code"], "E-1");
    assert_eq!(event["occurred_at"], "2026-01-01T00:00:00Z");
    let next = found["next_after"].as_i64().unwrap();
    assert!(next >= event["position"].as_i64().unwrap());

    let all = plant.api.call(&plant.token, "GET", "/events?limit=2", None).await.json(200);
    let places: Vec<i64> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["position"].as_i64().unwrap())
        .collect();
    assert_eq!(places, [1, 2]);
    assert_eq!(all["next_after"], 2);
    let path = format!("/events?limit=2&cursor={}", all["next_cursor"].as_str().unwrap());
    let more = plant.api.call(&plant.token, "GET", &path, None).await.json(200);
    assert_eq!(more["items"][0]["position"], 3);
    let viewer = plant.api.person(Role::Viewer).await;
    plant.api.call(&viewer, "GET", "/events", None).await.json(200);
}
