//! Server-sent events.

use std::time::Duration;

use millwright_api::limits::STREAMS_PER_CALLER;
use millwright_core::access::Role;
use millwright_schemas::topics::UpChannel;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::TestApi;
use crate::telemetry::{Plant, T0};

const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that is read event by event.
struct Stream {
    response: Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

impl Stream {
    async fn open(api: &TestApi, token: &str, path: &str, last: Option<&str>) -> Self {
        let mut request = api.request(Method::GET, &format!("/api/v1{path}")).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the stream's end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                let data = field("data: ");
                if !data.is_empty() {
                    let data = serde_json::from_str(&data).unwrap();
                    return Some(Event { id: field("id: "), name: field("event: "), data });
                }
                continue;
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("in time");
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    async fn expect(&mut self) -> Event {
        self.next().await.expect("an event")
    }
}

fn fault(n: i64) -> String {
    format!(r#"{{"ts":{},"type":"fault.raised","data":{{"code":"E-{n}"}}}}"#, T0 + n)
}

#[tokio::test]
async fn domain_events_come_as_they_happen_and_can_be_resumed() {
    let plant = Plant::start().await;
    let path = "/events/stream?types=machine.fault_raised";
    let mut stream = Stream::open(&plant.api, &plant.token, path, None).await;
    plant.send(UpChannel::Events, &[&fault(1), &fault(2)]).await;
    let first = stream.expect().await;
    assert_eq!(first.name, "machine.fault_raised");
    assert_eq!(first.data["data"]["code"], "E-1");
    assert_eq!(first.data["position"].to_string(), first.id);
    assert_eq!(first.data["actor"]["kind"], "machine");
    assert!(first.data["actor"]["name"].is_string(), "{}", first.data);
    assert_eq!(stream.expect().await.data["data"]["code"], "E-2");
    drop(stream);

    plant.send(UpChannel::Events, &[&fault(3)]).await;
    let mut stream = Stream::open(&plant.api, &plant.token, path, Some(&first.id)).await;
    assert_eq!(stream.expect().await.data["data"]["code"], "E-2");
    assert_eq!(stream.expect().await.data["data"]["code"], "E-3");
    let mut all = Stream::open(&plant.api, &plant.token, "/events/stream?after=0", None).await;
    assert_eq!(all.expect().await.id, "1");
}

#[tokio::test]
async fn somebody_elses_events_are_not_seen() {
    let plant = Plant::start().await;
    let stranger = crate::telemetry::stranger(&plant.api).await;
    let mut stream = Stream::open(&plant.api, &stranger, "/events/stream?after=0", None).await;
    plant.send(UpChannel::Events, &[&fault(1)]).await;
    let new = json!({"name": "Theirs", "serial_number": "2"});
    plant.api.call(&stranger, "POST", "/machines", Some(new)).await.json(201);
    loop {
        let event = stream.expect().await;
        assert_ne!(event.name, "machine.fault_raised");
        if event.name == "machine.created" {
            break;
        }
    }
}

#[tokio::test]
async fn samples_come_first_as_they_are_then_live() {
    let plant = Plant::start().await;
    plant.samples(&[&format!(r#"{{"ts":{T0},"a":1,"b":"x"}}"#)]).await;
    let path = format!("/telemetry/stream?machine_id={}&signal=a", plant.machine);
    let mut stream = Stream::open(&plant.api, &plant.token, &path, None).await;
    let first = stream.expect().await;
    assert_eq!(first.name, "sample");
    assert_eq!(first.data["signal"], "a");
    assert_eq!(first.data["value"], 1.0);
    assert_eq!(first.data["machine_id"], plant.machine.to_string());
    plant.samples(&[&format!(r#"{{"ts":{},"a":2,"b":"y"}}"#, T0 + 1)]).await;
    plant.samples(&[&format!(r#"{{"ts":{},"a":3}}"#, T0 + 2)]).await;
    assert_eq!(stream.expect().await.data["value"], 2.0);
    let third = stream.expect().await;
    assert_eq!(third.data["value"], 3.0);
    assert_eq!(third.data["ts"], "2026-01-01T00:00:00.002Z");
}

#[tokio::test]
async fn without_copies_the_stored_values_are_read() {
    let mut plant = Plant::start().await;
    let path = format!("/telemetry/stream?machine_id={}", plant.machine);
    let mut stream = Stream::open(&plant.api, &plant.token, &path, None).await;
    // As if ingest ran in another process and the bus were down: nobody publishes copies here.
    plant.restart_ingest(millwright_ingest::live::Live::new()).await;
    plant.samples(&[&format!(r#"{{"ts":{T0},"a":7}}"#)]).await;
    assert_eq!(stream.expect().await.data["value"], 7.0);
}

#[tokio::test]
async fn streams_end_with_the_session_and_with_the_platform() {
    let plant = Plant::start().await;
    let viewer = plant.api.person(Role::Viewer).await;
    let telemetry = format!("/telemetry/stream?machine_id={}", plant.machine);
    for path in ["/events/stream", &telemetry] {
        let mut stream = Stream::open(&plant.api, &viewer, path, None).await;
        // The access token is short-lived; the reader signs in again and comes back.
        plant.api.pass_seconds(86_400);
        assert!(stream.next().await.is_none(), "{path}");
        plant.api.pass_seconds(-86_400);
    }
    let mut streams = Vec::new();
    for path in ["/events/stream", &telemetry] {
        streams.push(Stream::open(&plant.api, &viewer, path, None).await);
    }
    plant.api.stop_sequencer();
    for stream in &mut streams {
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_caller_has_so_many_streams_and_no_more() {
    let plant = Plant::start().await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_PER_CALLER {
        streams.push(Stream::open(&plant.api, &plant.token, "/events/stream", None).await);
    }
    let answer = plant.api.call(&plant.token, "GET", "/events/stream", None).await;
    answer.problem(429, "too-many");
    assert_eq!(answer.header("retry-after"), "10");
    let viewer = plant.api.person(Role::Viewer).await;
    drop(Stream::open(&plant.api, &viewer, "/events/stream", None).await);
    // A place is free again once the server has seen that a reader has gone.
    streams.pop();
    let again = async {
        loop {
            let request = plant.api.request(Method::GET, "/api/v1/events/stream");
            let response = request.bearer_auth(&plant.token).send().await.unwrap();
            if response.status() == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a free place");
}
