//! The real binary against a peer that speaks as the platform does: enrolment, renewal, sending,
//! acknowledgement, coming back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod authority;
mod http;
mod mqtt;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use authority::Authority;
use http::{Http, Mood};
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::topics;
use millwright_schemas::wire::{events, telemetry};
use mqtt::Mqtt;
use rcgen::{CertificateSigningRequestParams, PublicKeyData};
use serde_json::Value;

struct Platform {
    http: Arc<Http>,
    mqtt: Mqtt,
    code: EnrollmentCode,
    folder: tempfile::TempDir,
}

impl Platform {
    fn start() -> Self {
        let authority = Arc::new(Authority::new());
        let mqtt = Mqtt::start(&authority);
        let code = EnrollmentCode::new([7; 16], authority.fingerprint());
        let http = Http::start(authority, mqtt.port);
        Self { http, mqtt, code, folder: tempfile::tempdir().unwrap() }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millwright-agent"));
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        command
    }

    fn enroll(&self) -> Output {
        let code = self.code.to_string();
        self.agent(&["enroll", "--url", &self.http.url, "--code", &code]).output().unwrap()
    }

    fn run(&self, config: &str) -> Agent {
        let file = self.folder.path().join("agent.toml");
        fs::write(&file, format!("{config}\n[connection]\nbackoff_min_ms = 100\n")).unwrap();
        let file = file.to_str().unwrap().to_owned();
        Agent(self.agent(&["run", "--config", &file]).stderr(Stdio::null()).spawn().unwrap())
    }

    fn status(&self) -> Value {
        let output = self.agent(&["status", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn raise(&self, code: &str) {
        let output = self.agent(&["fault", "raise", "--code", code]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn until_empty(&self) {
        until("the outbox is empty", || {
            let outbox = &self.status()["outbox"];
            outbox["events"] == 0 && outbox["telemetry"] == 0
        });
    }
}

struct Agent(Child);

impl Agent {
    fn terminate(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Number and type of each event of the outbox on a connection.
fn told(connection: &mqtt::Connection) -> Vec<(u64, String)> {
    let events = connection.published.iter().filter(|(topic, _)| topic.ends_with("/up/events"));
    events
        .filter_map(|(_, payload)| {
            let event = events::decode(payload).unwrap();
            Some((event.seq?, event.event_type.as_str().to_owned()))
        })
        .collect()
}

#[test]
fn enrols_sends_what_it_has_and_says_goodbye() {
    let platform = Platform::start();
    let output = platform.enroll();
    assert!(output.status.success(), "{output:?}");
    let again = platform.enroll();
    assert!(stderr(&again).contains("--force"), "{again:?}");
    let mut agent = platform.run("[[drivers]]\nkind = \"host\"\ninterval_ms = 500\n");
    until("it is connected", || platform.status()["connection"]["state"] == "connected");
    assert_eq!(platform.status()["machine"]["name"], "Mill 7");
    platform.raise("E-1");
    until("samples have arrived", || {
        let connections = platform.mqtt.connections();
        connections[0].published.iter().any(|(topic, _)| topic.ends_with("/up/telemetry"))
    });
    agent.terminate();
    let connections = platform.mqtt.connections();
    assert_eq!(connections.len(), 1);
    let connection = &connections[0];
    let machine = platform.http.machine;
    assert_eq!(connection.client_id, machine.to_string());
    assert!(connection.clean_session && connection.disconnected);
    assert_eq!(connection.subscribed, [topics::down_filter(machine)]);
    let told = told(connection);
    let types: Vec<&str> = told.iter().map(|(_, event)| event.as_str()).collect();
    assert_eq!(types, ["agent.started", "fault.snapshot", "fault.raised", "agent.stopping"]);
    let seqs: Vec<u64> = told.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let own = topics::root(machine);
    for (index, (_, payload)) in
        connection.published.iter().filter(|(topic, _)| topic.ends_with("/telemetry")).enumerate()
    {
        let message = telemetry::decode(payload).unwrap();
        assert_eq!(message.seq, Some(index as u64 + 1));
        assert!(message.rejected.is_empty() && message.through_ts.is_some());
    }
    assert!(connection.published.iter().all(|(topic, _)| topic.starts_with(&own)));
    let left = platform.status();
    assert_eq!((&left["outbox"]["events"], &left["outbox"]["telemetry"]), (&0.into(), &0.into()));
}

#[test]
fn what_isnt_acknowledged_is_sent_again_in_order() {
    let platform = Platform::start();
    assert!(platform.enroll().status.success());
    platform.mqtt.acknowledge(Some(3));
    let _agent = platform.run("drivers = []");
    until("it answers", || platform.status()["running"] == true);
    for index in 0..30 {
        platform.raise(&format!("E-{index}"));
    }
    // Three acknowledgements have come through, then the connection is lost; on the next one
    // nothing is acknowledged at all.
    until("it has seen them", || platform.status()["connection"]["acknowledged"] == 3);
    for lost in 1..=2 {
        platform.mqtt.cut();
        until("it sends again", || {
            let connections = platform.mqtt.connections();
            connections.len() > lost && told(&connections[lost]).len() >= 20
        });
    }
    platform.mqtt.acknowledge(None);
    platform.mqtt.cut();
    platform.until_empty();
    let connections = platform.mqtt.connections();
    assert_eq!(connections.len(), 4);
    let mut received = Vec::new();
    for (index, connection) in connections.iter().enumerate() {
        let seqs: Vec<u64> = told(connection).into_iter().map(|(seq, _)| seq).collect();
        assert!(seqs.is_sorted_by(|a, b| b - a == 1), "connection {index}: {seqs:?}");
        assert_eq!(seqs[0], if index == 0 { 1 } else { 4 });
        received.extend(seqs);
    }
    // The first three were acknowledged and never come again.
    for seq in 1..=3 {
        assert_eq!(received.iter().filter(|other| **other == seq).count(), 1, "{seq}");
    }
    received.sort_unstable();
    received.dedup();
    let last = received.len() as u64;
    assert!(last >= 31 && received == (1..=last).collect::<Vec<_>>(), "{received:?}");
}

#[test]
fn collects_before_it_is_enrolled_and_sends_it_afterwards() {
    let platform = Platform::start();
    let _agent = platform.run("drivers = []");
    until("it answers", || platform.status()["running"] == true);
    platform.raise("E-early");
    assert!(platform.enroll().status.success());
    platform.until_empty();
    let told = told(&platform.mqtt.connections()[0]);
    assert_eq!(told[1], (2, "fault.raised".to_owned()));
}

#[test]
fn the_same_code_after_a_lost_answer_sends_the_same_key() {
    let platform = Platform::start();
    platform.http.set(Mood::LoseAnswer);
    let lost = platform.enroll();
    assert_eq!(lost.status.code(), Some(1));
    platform.http.set(Mood::Right);
    assert!(platform.enroll().status.success());
    let seen = platform.http.seen.lock().unwrap();
    let keys: Vec<Vec<u8>> = seen
        .enrolments
        .iter()
        .map(|request| {
            let csr = CertificateSigningRequestParams::from_pem(&request.csr).unwrap();
            csr.public_key.der_bytes().to_vec()
        })
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_server_that_isnt_the_codes_is_refused() {
    let platform = Platform::start();
    platform.http.set(Mood::Forge);
    let forged = platform.enroll();
    assert!(stderr(&forged).contains("isn't signed by the platform's CA"), "{forged:?}");
    platform.http.set(Mood::Refuse);
    let refused = platform.enroll();
    let text = stderr(&refused);
    assert!(text.contains("The code doesn't work: it was used before"), "{text}");
    platform.http.set(Mood::Right);
    let other = EnrollmentCode::new([7; 16], [1; 32]).to_string();
    let arguments = ["enroll", "--url", &platform.http.url, "--code", &other];
    let wrong = platform.agent(&arguments).output().unwrap();
    assert!(stderr(&wrong).contains("isn't the one that made this code"), "{wrong:?}");
    assert!(!platform.data_dir().join("identity.json").exists());
}

#[test]
fn renews_in_time_and_connects_with_the_new_certificate() {
    for (mood, requests) in [(Mood::ShortLived, 1), (Mood::ClockAhead, 2)] {
        let platform = Platform::start();
        platform.http.set(mood);
        assert!(platform.enroll().status.success());
        let _agent = platform.run("drivers = []");
        until("it has renewed", || platform.http.seen.lock().unwrap().renewals.len() == requests);
        if mood == Mood::ClockAhead {
            let seen = platform.http.seen.lock().unwrap();
            assert_eq!(seen.renewals[1].signed_at, http::CLOCK_AHEAD_S);
        }
        platform.raise("E-1");
        platform.until_empty();
        until("it shows the new certificate", || {
            let connections = platform.mqtt.connections();
            connections
                .last()
                .is_some_and(|last| connections.len() == 1 || last.serial != connections[0].serial)
        });
        let identity = fs::read_to_string(platform.data_dir().join("identity.json")).unwrap();
        let identity: Value = serde_json::from_str(&identity).unwrap();
        let (_, pem) =
            x509_parser::pem::parse_x509_pem(identity["certificate"].as_str().unwrap().as_bytes())
                .unwrap();
        let stored = pem.parse_x509().unwrap().raw_serial_as_string();
        assert_eq!(platform.mqtt.connections().last().unwrap().serial, stored);
    }
}
