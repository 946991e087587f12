//! The story of a machine, through the real programs: it enrols, reports, goes away, comes back,
//! and is shut out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_schemas::api::enrollment::renewal_text;
use millwright_tests::raw_mqtt::Connect;
use millwright_tests::{Agent, Api, Device, Platform, Version, device, eventually};
use rcgen::{KeyPair, SigningKey};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
/// From a revocation to the end of the connection.
const CUT_OFF: Duration = Duration::from_secs(10);

const HOST: &str = "[[drivers]]\nkind = \"host\"\ninterval_ms = 500\n";
const MILL: &str = "[[drivers]]\nkind = \"simulator\"\nmodel = \"cnc_mill\"\ninterval_ms = 200\n\
         time_to_fault_s = 10.0\n";

async fn is_connected(api: &Api, machine: &str, wanted: bool) -> anyhow::Result<()> {
    let machine = api.get(&format!("/machines/{machine}")).await?;
    let connection = &machine["connection"];
    ensure!(connection["connected"] == wanted, "connection is {connection}");
    Ok(())
}

async fn has_number(api: &Api, machine: &str, signal: &str) -> anyhow::Result<f64> {
    api.latest(machine, signal).await?.as_f64().context("not a number")
}

/// The codes of the faults that a machine has raised or cleared.
async fn codes(api: &Api, machine: &str, kind: &str) -> anyhow::Result<Vec<String>> {
    let events = api.machine_events(machine, kind).await?;
    let code = |event: &Value| event["data"]["code"].as_str().map(str::to_owned);
    events.iter().map(|event| code(event).context("a code")).collect()
}

#[tokio::test]
async fn what_machines_measure_and_report_arrives() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let mut host = Agent::enroll(&platform, &api, "host", HOST).await;
    let mut mill = Agent::enroll(&platform, &api, "mill", MILL).await;
    host.run();
    mill.run();

    eventually("the computer's load arrives", SOON, async || {
        has_number(&api, host.machine(), "host.cpu.load").await
    })
    .await;
    eventually("the mill's temperature arrives", SOON, async || {
        has_number(&api, mill.machine(), "spindle.temperature").await
    })
    .await;
    eventually("the mill's samples make a series", SOON, async || {
        let path = format!(
            "/machines/{}/telemetry?signal=spindle.temperature&points=500&from=2020-01-01T00:00:00Z\
             &to=2100-01-01T00:00:00Z",
            mill.machine()
        );
        let answer = api.get(&path).await?;
        let series = &answer["series"][0];
        ensure!(series["signal"] == "spindle.temperature", "{answer}");
        ensure!(!series["points"].as_array().context("points")?.is_empty(), "{answer}");
        Ok(())
    })
    .await;

    let path =
        format!("/telemetry/stream?machine_id={}&signal=spindle.temperature", mill.machine());
    let mut stream = api.stream(&path).await.expect("the stream opens");
    let live = stream.next(SOON).await.expect("a live sample");
    assert!(live.to_string().contains("spindle.temperature"), "{live}");

    eventually("the mill wears out and reports it", SOON, async || {
        ensure!(!codes(&api, mill.machine(), "fault.raised").await?.is_empty(), "no fault yet");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_local_program_raises_a_fault_and_the_machine_comes_and_goes() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "press", HOST).await;
    agent.run();
    eventually("the machine is online", SOON, async || {
        is_connected(&api, agent.machine(), true).await
    })
    .await;

    agent.reporter().raise("E-204", "axis.x").expect("the agent takes the fault");
    eventually("the fault is at the API", SOON, async || {
        let raised = codes(&api, agent.machine(), "fault.raised").await?;
        ensure!(raised == ["E-204"], "raised: {raised:?}");
        Ok(())
    })
    .await;
    agent.reporter().clear("E-204", "axis.x").expect("the agent takes the clear");
    eventually("the clear is at the API", SOON, async || {
        let cleared = codes(&api, agent.machine(), "fault.cleared").await?;
        ensure!(cleared == ["E-204"], "cleared: {cleared:?}");
        Ok(())
    })
    .await;

    agent.stop().await;
    eventually("the machine is offline", SOON, async || {
        is_connected(&api, agent.machine(), false).await
    })
    .await;
    agent.run();
    eventually("the machine is online again", SOON, async || {
        is_connected(&api, agent.machine(), true).await
    })
    .await;
}

#[tokio::test]
async fn a_revoked_certificate_is_cut_off_and_stays_out() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "stolen").await;
    let tls = device.tls();
    let mut connection = device.reopen(&tls, Version::V5).await.expect("TLS");
    let connect = Connect { client_id: &device.machine, ..Connect::default() };
    assert_eq!(connection.connect(&connect).await.expect("CONNACK"), 0);

    let path = format!("/machines/{}/certificates", device.machine);
    let certificates = api.get(&path).await.expect("the certificates");
    let serial = certificates["items"][0]["serial"].as_str().expect("a serial").to_owned();
    api.post(&format!("{path}/{serial}/revoke"), &json!({ "reason": "stolen" }))
        .await
        .expect("the certificate is revoked");

    connection.closed(CUT_OFF).await.expect("the live connection is cut");
    for version in Version::ALL {
        // Anew, and by resuming the TLS session of before.
        for connection in [device.open(version).await, device.reopen(&tls, version).await] {
            let Ok(mut connection) = connection else { continue };
            let answer = connection.connect(&connect).await;
            assert!(answer.as_ref().map_or(true, |code| *code != 0), "{version:?}: {answer:?}");
        }
    }
    eventually("it is seen as offline", SOON, async || {
        is_connected(&api, &device.machine, false).await
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_is_cut_off_and_so_is_a_machine_out_of_use() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "old").await;
    let machine = format!("/machines/{}", device.machine);
    let token = api.post(&format!("{machine}/device-tokens"), &json!({})).await.expect("a token");
    let (id, secret) = (token["id"].as_str().unwrap(), token["token"].as_str().unwrap());
    let (user, password) = (Some(device.machine.as_str()), Some(secret));
    let by_token = Connect { client_id: "old", user, password, ..Connect::default() };

    let mut connection = device.open_without_certificate(Version::V3).await.expect("TLS");
    assert_eq!(connection.connect(&by_token).await.expect("CONNACK"), 0);
    api.delete(&format!("{machine}/device-tokens/{id}")).await.expect("revoked");
    connection.closed(CUT_OFF).await.expect("the live connection is cut");
    let mut connection = device.open_without_certificate(Version::V3).await.expect("TLS");
    let answer = connection.connect(&by_token).await;
    assert!(answer.as_ref().map_or(true, |code| *code != 0), "{answer:?}");

    let mut connection = device.connect(Version::V5).await;
    api.decommission(&device.machine).await;
    connection.closed(CUT_OFF).await.expect("the live connection is cut");
    if let Ok(mut connection) = device.open(Version::V5).await {
        let connect = Connect { client_id: "old", ..Connect::default() };
        let answer = connection.connect(&connect).await;
        assert!(answer.as_ref().map_or(true, |code| *code != 0), "{answer:?}");
    }
}

#[tokio::test]
async fn a_simple_device_reports_with_a_token() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let machine = api.create_machine("thermometer").await;
    let token = api.device_token(&machine).await;
    // Any machine's enrolment shows the CA; a device gets it with its firmware.
    let other = Device::enroll(&platform, &api, "other").await;

    let address = platform.mqtt();
    let mut options = MqttOptions::new("thermometer", "localhost", address.port());
    let tls = device::tls(&other.ca, None);
    options
        .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)))
        .set_credentials(&machine, &token)
        .set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 10);
    let topic = "mw/v1/me/up/telemetry";
    client.publish(topic, QoS::AtLeastOnce, false, r#"{"temperature":21.5}"#).await.unwrap();
    let acknowledged = async {
        loop {
            match events.poll().await.expect("the connection holds") {
                Event::Incoming(Packet::PubAck(_)) => return,
                _ => continue,
            }
        }
    };
    tokio::time::timeout(SOON, acknowledged).await.expect("the message is acknowledged");
    // Acknowledged means committed: no waiting here.
    assert_eq!(has_number(&api, &machine, "temperature").await.expect("the value"), 21.5);
}

#[tokio::test]
async fn a_certificate_is_renewed_by_its_old_key() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "renewed").await;
    let anonymous = Api::anonymous(&platform.url());

    let (key, csr) = device::request();
    let old_key = KeyPair::from_pem(&device.key).expect("the old key");
    let thief = KeyPair::generate().expect("a key");
    let request = |signer: &KeyPair| {
        let signed_at = chrono::Utc::now().timestamp();
        let machine = device.machine.parse().expect("an id");
        let signature = signer.sign(&renewal_text(machine, signed_at, &csr)).expect("a signature");
        json!({
            "certificate": device.certificate, "csr": csr, "signed_at": signed_at,
            "signature": URL_SAFE_NO_PAD.encode(signature),
        })
    };
    let stolen = request(&thief);
    let (status, problem) = anonymous
        .send(reqwest::Method::POST, "/enroll/renew", Some(&stolen))
        .await
        .expect("an answer");
    assert!(status.is_client_error(), "{status}: {problem}");

    let answer = anonymous.post("/enroll/renew", &request(&old_key)).await.expect("renewed");
    let renewed = Device::from_answer(&platform, &answer, key.serialize_pem());
    assert_eq!(renewed.machine, device.machine);
    assert_ne!(renewed.certificate, device.certificate);
    let mut connection = renewed.connect(Version::V3).await;
    connection.ping().await.expect("the new certificate works");
}

#[tokio::test]
async fn an_agent_that_was_away_follows_rotated_keys() {
    let mut platform = Platform::start().await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "away", HOST).await;
    agent.run();
    eventually("the machine is online", SOON, async || {
        is_connected(&api, agent.machine(), true).await
    })
    .await;
    agent.stop().await;
    eventually("the machine is offline", SOON, async || {
        is_connected(&api, agent.machine(), false).await
    })
    .await;

    let rotate = async |what: &str| {
        let rotated = api.post("/trust/rotations", &json!({ "what": what })).await;
        rotated.expect("the key is rotated")
    };
    let first = rotate("command_key").await;
    rotate("ca").await;
    rotate("command_key").await;
    let old_key = json!({ "what": "command_key", "id": first["command_keys"][0] });
    let last = api.post("/trust/retirements", &old_key).await.expect("the old key is retired");
    assert_eq!(last["version"].as_u64(), first["version"].as_u64().map(|version| version + 3));
    platform.restart().await;
    let api = platform.api().await;

    let started = chrono::Utc::now();
    agent.run();
    eventually("the agent follows and is online", Duration::from_secs(60), async || {
        is_connected(&api, agent.machine(), true).await
    })
    .await;
    eventually("the agent has followed the whole chain", SOON, async || {
        let status = agent.status()?;
        ensure!(status["machine"]["trust_version"] == last["version"], "{}", status["machine"]);
        Ok(())
    })
    .await;
    eventually("it reports again", SOON, async || {
        let signals = api.items(&format!("/machines/{}/signals", agent.machine())).await?;
        let fresh = signals.iter().any(|item| {
            let at =
                item["ts"].as_str().unwrap_or_default().parse::<chrono::DateTime<chrono::Utc>>();
            at.is_ok_and(|at| at >= started)
        });
        ensure!(fresh, "nothing newer than {started}");
        Ok(())
    })
    .await;
}
