//! Devices without the agent: the programs that people use, as they use them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::{Command, Output};

use millwright_tests::gate::TlsProxy;
use millwright_tests::{Api, Platform, clients};
use serde_json::{Value, json};

const TOPIC: &str = "mw/v1/me/up/telemetry";
/// Everybody's orders.
const FOREIGN: &str = "mw/v1/+/+/down/#";

struct Site {
    platform: Platform,
    api: Api,
    machine: String,
    token: String,
    ca_file: PathBuf,
}

impl Site {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let api = platform.api().await;
        let machine = api.create_machine("plain").await;
        let token = api.device_token(&machine).await;
        let ca = reqwest::get(format!("{}/api/v1/trust/ca.pem", platform.url())).await.unwrap();
        let ca_file = platform.folder().join("ca.pem");
        std::fs::write(&ca_file, ca.text().await.unwrap()).unwrap();
        Self { platform, api, machine, token, ca_file }
    }

    /// As the guide shows it.
    fn mosquitto(&self, program: &str, version: &str) -> Option<Command> {
        let mut command = clients::mosquitto(program)?;
        command.args(["-h", "localhost", "-p", &self.platform.mqtt().port().to_string()]);
        command.arg("--cafile").arg(&self.ca_file);
        command.args(["-u", &self.machine, "-P", &self.token, "-q", "1", "-d", "-V", version]);
        Some(command)
    }

    fn paho(&self) -> Option<Command> {
        let mut command = clients::paho()?;
        command.args(["--user", &self.machine, "--host", "localhost"]);
        command.args(["--topic", TOPIC, "--filter", FOREIGN]);
        Some(command)
    }

    async fn latest(&self, signal: &str) -> Value {
        self.api.latest(&self.machine, signal).await.expect("stored")
    }
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("it runs")
}

fn text(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[tokio::test]
async fn mosquitto_publishes_and_is_acknowledged() {
    let site = Site::start().await;
    for (index, version) in ["mqttv311", "mqttv5"].into_iter().enumerate() {
        let n = index as i64;
        let ts = chrono::Utc::now().timestamp_millis();
        let flat = json!({"temperature": 20 + n, "running": true, "program": "O1001"});
        let full = json!({"ts": ts, "values": {"pressure": 5 + n}});
        for payload in [flat, full] {
            let Some(mut publish) = site.mosquitto("mosquitto_pub", version) else { return };
            publish.args(["-t", TOPIC, "-m", &payload.to_string()]);
            let output = run(publish).await;
            assert!(output.status.success(), "{version}: {}", text(&output));
            assert!(text(&output).contains("received PUBACK"), "{}", text(&output));
        }
        assert_eq!(site.latest("temperature").await, json!(20.0 + n as f64));
        assert_eq!(site.latest("pressure").await, json!(5.0 + n as f64));
    }
    assert_eq!(site.latest("running").await, json!(true));
    assert_eq!(site.latest("program").await, json!("O1001"));
}

#[tokio::test]
async fn mosquitto_is_refused_what_isnt_its_own() {
    let site = Site::start().await;
    for version in ["mqttv311", "mqttv5"] {
        let Some(mut subscribe) = site.mosquitto("mosquitto_sub", version) else { return };
        // It waits for messages, if it gets in.
        subscribe.args(["-t", FOREIGN, "-W", "20"]);
        let output = run(subscribe).await;
        assert!(text(&output).contains("denied"), "{version}: {}", text(&output));

        let mut wrong = site.mosquitto("mosquitto_pub", version).unwrap();
        wrong.args(["-P", "mwd_wrong", "-t", TOPIC, "-m", "{\"evil\":1}"]);
        let output = run(wrong).await;
        assert!(!output.status.success(), "{version}: {}", text(&output));
        let said = text(&output).to_lowercase();
        assert!(said.contains("refused") || said.contains("bad user name"), "{version}: {said}");
    }
    assert!(site.api.latest(&site.machine, "evil").await.is_err());
}

#[tokio::test]
async fn paho_publishes_over_tls_and_over_websocket() {
    let site = Site::start().await;
    let proxy = TlsProxy::start(site.platform.folder(), site.platform.http()).await;
    let mqtt = site.platform.mqtt().port().to_string();
    let http = site.platform.http().port().to_string();
    let https = proxy.address.port().to_string();
    let (ca, proxy_ca) = (site.ca_file.to_str().unwrap(), proxy.ca_file.to_str().unwrap());
    let ways: [&[&str]; 3] = [
        &["--port", &mqtt, "--cafile", ca],
        &["--port", &http, "--websocket"],
        &["--port", &https, "--websocket", "--cafile", proxy_ca],
    ];
    let mut n = 0;
    for way in ways {
        for version in [None, Some("--mqtt5")] {
            n += 1;
            let Some(mut paho) = site.paho() else { return };
            let ts = chrono::Utc::now().timestamp_millis();
            let flat = json!({"flow": n}).to_string();
            let full = json!({"ts": ts, "values": {"level": n}}).to_string();
            paho.args(way).args(version).args(["--password", &site.token, &flat, &full]);
            let output = run(paho).await;
            assert!(output.status.success(), "{way:?}: {}", text(&output));
            let told: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(told["connect"], 0, "{way:?}: {told}");
            assert_eq!(told["acknowledged"], 2, "{way:?}: {told}");
            let codes = told["subscribe"].as_array().expect("a SUBACK");
            assert!(codes.iter().all(|code| code.as_i64() >= Some(0x80)), "{way:?}: {told}");
            assert_eq!(site.latest("flow").await, json!(f64::from(n)));
            assert_eq!(site.latest("level").await, json!(f64::from(n)));
        }
    }
}

#[tokio::test]
async fn paho_with_a_wrong_token_is_refused() {
    let site = Site::start().await;
    let http = site.platform.http().port().to_string();
    let Some(mut paho) = site.paho() else { return };
    paho.args(["--port", &http, "--websocket", "--password", "mwd_wrong", "{\"evil\":1}"]);
    let output = run(paho).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_ne!(told["connect"], 0, "{}", text(&output));
    assert!(site.api.latest(&site.machine, "evil").await.is_err());
}
