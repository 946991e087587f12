//! Machines over WebSocket, on the port of the API: what holds on their own port holds here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_schemas::wire::connect::{PROOF_LIFE_MAX_S, PROOF_TYP};
use millwright_tests::raw_mqtt::Connect;
use millwright_tests::websocket::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, ask, connect_bytes, frame, request,
};
use millwright_tests::{Api, Device, Platform, RawMqtt, Version, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
const SAMPLE: &[u8] = br#"{"temperature":20.5}"#;

struct Site {
    platform: Platform,
    api: Api,
}

impl Site {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let api = platform.api().await;
        Self { platform, api }
    }

    async fn socket(&self) -> WebSocket {
        WebSocket::open(self.platform.http()).await.expect("a WebSocket")
    }

    async fn mqtt(&self, version: Version) -> RawMqtt {
        self.socket().await.into_mqtt(version)
    }

    /// A machine with a device token: its id and the token.
    async fn machine(&self, name: &str) -> (String, String) {
        let machine = self.api.create_machine(name).await;
        let token = self.api.device_token(&machine).await;
        (machine, token)
    }

    /// A machine that is let in over WebSocket.
    async fn connected(&self, name: &str, version: Version) -> (String, RawMqtt) {
        let (machine, token) = self.machine(name).await;
        let mut mqtt = self.mqtt(version).await;
        assert_eq!(sign_in(&mut mqtt, &machine, &token).await, 0);
        (machine, mqtt)
    }
}

async fn sign_in(mqtt: &mut RawMqtt, machine: &str, password: &str) -> u8 {
    let (user, password) = (Some(machine), Some(password));
    let connect = Connect { client_id: machine, user, password, ..Connect::default() };
    mqtt.connect(&connect).await.expect("an answer")
}

/// A proof of the key of a device's certificate, with changes to its claims.
fn proof(device: &Device, change: impl FnOnce(&mut Value)) -> String {
    let now = chrono::Utc::now().timestamp();
    let mut claims = json!({
        "sub": device.machine,
        "certificate": device.serial(),
        "aud": "localhost",
        "iat": now,
        "exp": now + PROOF_LIFE_MAX_S,
    });
    change(&mut claims);
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    header.typ = Some(PROOF_TYP.to_owned());
    let key = jsonwebtoken::EncodingKey::from_ec_pem(device.key.as_bytes()).unwrap();
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[tokio::test]
async fn a_device_with_a_token_reports_and_listens_over_websocket() {
    let site = Site::start().await;
    for version in Version::ALL {
        let name = format!("{version:?}");
        let (machine, mut mqtt) = site.connected(&name, version).await;
        assert_eq!(mqtt.subscribe("mw/v1/me/down/#").await.unwrap(), 1);
        assert_eq!(mqtt.publish("mw/v1/me/up/telemetry", SAMPLE).await.unwrap(), 0);
        assert_eq!(site.api.latest(&machine, "temperature").await.unwrap(), 20.5);
        let shown = site.api.get(&format!("/machines/{machine}")).await.unwrap();
        assert_eq!(shown["connection"]["connected"], true, "{shown}");
        mqtt.disconnect().await.unwrap();
        eventually("the machine is gone", SOON, async || {
            let shown = site.api.get(&format!("/machines/{machine}")).await?;
            ensure!(shown["connection"]["connected"] == false, "{shown}");
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_wrong_password_or_another_machines_is_refused() {
    let site = Site::start().await;
    let (machine, token) = site.machine("one").await;
    let (other, _) = site.machine("two").await;
    for (user, password) in [(&machine, "mwd_wrong"), (&other, &*token), (&machine, "a.b.c")] {
        let mut mqtt = site.mqtt(Version::V5).await;
        assert_eq!(sign_in(&mut mqtt, user, password).await, 0x86, "{password}");
        mqtt.closed(SOON).await.unwrap();
    }
    let mut mqtt = site.mqtt(Version::V5).await;
    assert_eq!(sign_in(&mut mqtt, &machine, &token).await, 0);
    assert!(mqtt.subscribe("mw/v1/+/+/down/#").await.unwrap() >= 0x80);
}

#[tokio::test]
async fn the_key_of_a_certificate_is_proved_without_client_tls() {
    let site = Site::start().await;
    let device = Device::enroll(&site.platform, &site.api, "proven").await;
    let other = Device::enroll(&site.platform, &site.api, "other").await;
    let mut mqtt = site.mqtt(Version::V5).await;
    assert_eq!(sign_in(&mut mqtt, &device.machine, &proof(&device, |_| ())).await, 0);
    assert_eq!(mqtt.publish("mw/v1/me/up/telemetry", SAMPLE).await.unwrap(), 0);

    let past = chrono::Utc::now().timestamp() - 600;
    for (what, proof) in [
        ("another platform", proof(&device, |claims| claims["aud"] = json!("evil.example"))),
        ("another machine", proof(&other, |_| ())),
        ("another's key", proof(&other, |claims| claims["sub"] = json!(device.machine))),
        ("no such certificate", proof(&device, |claims| claims["certificate"] = json!("abc"))),
        (
            "over",
            proof(&device, |claims| {
                claims["iat"] = json!(past);
                claims["exp"] = json!(past + 60);
            }),
        ),
        (
            "too long",
            proof(&device, |claims| {
                claims["exp"] = json!(claims["iat"].as_i64().unwrap() + PROOF_LIFE_MAX_S + 1);
            }),
        ),
    ] {
        let mut refused = site.mqtt(Version::V5).await;
        assert_eq!(sign_in(&mut refused, &device.machine, &proof).await, 0x86, "{what}");
    }

    // Revoking the certificate ends the connection that was opened by its proof.
    mqtt.ping().await.unwrap();
    let path = format!("/machines/{}/certificates/{}/revoke", device.machine, device.serial());
    site.api.post(&path, &json!({"reason": "stolen"})).await.unwrap();
    mqtt.closed(SOON).await.unwrap();
    let mut refused = site.mqtt(Version::V5).await;
    assert_eq!(sign_in(&mut refused, &device.machine, &proof(&device, |_| ())).await, 0x87);
}

#[tokio::test]
async fn a_connection_takes_over_whichever_way_it_comes() {
    let site = Site::start().await;
    let device = Device::enroll(&site.platform, &site.api, "restless").await;
    let mut by_tls = device.connect(Version::V5).await;
    let mut by_websocket = site.mqtt(Version::V5).await;
    let proof = proof(&device, |_| ());
    assert_eq!(sign_in(&mut by_websocket, &device.machine, &proof).await, 0);
    by_tls.closed(SOON).await.unwrap();
    by_websocket.ping().await.unwrap();
    let mut by_tls = device.connect(Version::V3).await;
    by_websocket.closed(SOON).await.unwrap();
    by_tls.ping().await.unwrap();
}

#[tokio::test]
async fn without_upgrade_or_sub_protocol_there_is_no_websocket() {
    let site = Site::start().await;
    let http = site.platform.http();
    for protocol in ["", "mqttv3.1", "chat, MQTT"] {
        let (_, head) = ask(http, &request(protocol)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 400"), "{protocol:?}: {head}");
    }
    let (_, head) = ask(http, &request("chat, mqtt")).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let version = request("mqtt").replace("Version: 13", "Version: 8");
    let (_, head) = ask(http, &version).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let plain = reqwest::get(format!("{}/mqtt", site.platform.url())).await.unwrap();
    assert_eq!(plain.status(), 400);
    assert!(plain.text().await.unwrap().contains("sub-protocol mqtt"));
    let posted =
        reqwest::Client::new().request(Method::POST, format!("{}/mqtt", site.platform.url()));
    assert_eq!(posted.send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn packets_may_lie_across_frames_and_frames_across_packets() {
    let site = Site::start().await;
    let (machine, token) = site.machine("slices").await;
    let connect = connect_bytes(&machine, &token);
    let both = [&connect[..], &[0xC0, 0]].concat();

    // Byte by byte, with pings and empty frames between.
    let mut socket = site.socket().await;
    for (index, byte) in connect.iter().enumerate() {
        socket.send(BINARY, &[*byte]).await.unwrap();
        if index % 40 == 0 {
            socket.send(BINARY, &[]).await.unwrap();
            socket.send(PING, b"there?").await.unwrap();
            let pong = socket.next().await.unwrap();
            assert_eq!((pong.kind, &*pong.payload), (PONG, &b"there?"[..]));
        }
    }
    let answer = socket.next().await.unwrap();
    assert_eq!((answer.kind, answer.payload[0]), (BINARY, 0x20), "{answer:?}");

    // Two packets in a fragmented message, a ping between its parts.
    let mut socket = site.socket().await;
    let (first, rest) = both.split_at(7);
    let (second, third) = rest.split_at(20);
    socket.send_bytes(&frame(false, BINARY, first)).await.unwrap();
    socket.send_bytes(&frame(false, CONTINUATION, second)).await.unwrap();
    socket.send(PING, b"").await.unwrap();
    socket.send_bytes(&frame(true, CONTINUATION, third)).await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(&[0xD0, 0]) {
        let frame = socket.next().await.unwrap();
        if frame.kind == BINARY {
            received.extend(frame.payload);
        }
    }
    assert_eq!(received[0], 0x20);

    // A large packet in one frame, after CONNACK.
    let mut mqtt = socket.into_mqtt(Version::V5);
    let samples: Vec<Value> = (0..2_000)
        .map(|ts| json!({"ts": 1_763_775_000_000_i64 + ts, "values": {"n": ts}}))
        .collect();
    let payload = json!({ "samples": samples }).to_string();
    assert!(payload.len() > 64 * 1024);
    assert_eq!(mqtt.publish("mw/v1/me/up/telemetry", payload.as_bytes()).await.unwrap(), 0);
    assert_eq!(site.api.latest(&machine, "n").await.unwrap(), 1_999.0);
}

#[tokio::test]
async fn what_is_no_mqtt_frame_closes_the_connection_and_no_other() {
    let site = Site::start().await;
    let (_, mut good) = site.connected("good", Version::V3).await;
    let unmasked = [0x82, 2, 0xC0, 0];
    let reserved = [0xF2, 0x80, 0, 0, 0, 0];
    let endless = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    let long_ping = frame(true, PING, &[0; 126]);
    for (what, bytes, code) in [
        ("text", frame(true, TEXT, b"hello"), Some(1003)),
        ("a part of a text", frame(false, TEXT, b"hel"), Some(1003)),
        ("more than a CONNECT", frame(true, BINARY, &[0x10; 20_000]), Some(1000)),
        ("an endless frame", [&endless[..], &[0xFF; 20_000]].concat(), Some(1000)),
        ("an unmasked frame", unmasked.to_vec(), Some(1002)),
        ("a continuation of nothing", frame(true, CONTINUATION, b"x"), Some(1002)),
        ("reserved bits", reserved.to_vec(), Some(1002)),
        ("a long ping", long_ping, Some(1002)),
        ("an unknown kind", frame(true, 0x3, b"x"), Some(1002)),
        ("goodbye", frame(true, CLOSE, &1000_u16.to_be_bytes()), Some(1000)),
    ] {
        let mut socket = site.socket().await;
        socket.send_bytes(&bytes).await.unwrap();
        assert_eq!(socket.closed().await.expect(what), code, "{what}");
        good.ping().await.expect("another connection goes on");
    }
    // MQTT at fault is the gateway's affair, as on its own port.
    let mut socket = site.socket().await;
    socket.send(BINARY, &[0xC0, 0]).await.unwrap();
    assert_eq!(socket.closed().await.unwrap(), Some(1000));
}

#[tokio::test]
async fn who_sends_frames_without_data_for_ever_is_closed() {
    let site = Site::start().await;
    let mut socket = site.socket().await;
    let pongs = frame(true, PONG, b"").repeat(700);
    socket.send_bytes(&pongs).await.unwrap();
    assert_eq!(socket.closed().await.unwrap(), Some(1008));
}

#[tokio::test]
async fn silent_websockets_are_closed_and_block_nobody() {
    let site = Site::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(site.socket().await);
    }
    let (_, mut good) = site.connected("good", Version::V5).await;
    assert_eq!(good.publish("mw/v1/me/up/telemetry", SAMPLE).await.unwrap(), 0);
    for mut socket in silent {
        assert_eq!(socket.closed().await.unwrap(), Some(1000), "no CONNECT in time");
    }
    good.ping().await.unwrap();
}

#[tokio::test]
async fn the_platform_says_goodbye_over_websocket_too() {
    let mut site = Site::start().await;
    let (_, mut mqtt) = site.connected("last", Version::V5).await;
    let heard = tokio::spawn(async move { mqtt.packet().await });
    site.platform.stop().await;
    let goodbye = heard.await.unwrap().unwrap();
    assert_eq!((goodbye.first, goodbye.body[0]), (0xE0, 0x8B), "server shutting down");
}
