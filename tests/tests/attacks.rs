//! Attacks and carelessness from the network, against the real program: what is bounded, and that a
//! good machine is served meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::https::{self, ELSEWHERE, Https, has_elsewhere};
use millwright_tests::raw_mqtt::Connect;
use millwright_tests::websocket::{self, BINARY, frame};
use millwright_tests::{Api, Device, Platform, RawMqtt, Version, eventually};
use rustls_pki_types::ServerName;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

const SOON: Duration = Duration::from_secs(30);
/// Beyond all time limits of the platform for connections.
const CUT_OFF: Duration = Duration::from_secs(120);
const SAMPLE: &[u8] = br#"{"temperature":20.5}"#;
const PING: [u8; 2] = [0xC0, 0];

async fn publish(mqtt: &mut RawMqtt) {
    let answer = mqtt.publish("mw/v1/me/up/telemetry", SAMPLE).await;
    assert_eq!(answer.expect("the good machine is acknowledged"), 0);
}

/// A socket into which not much fits.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(address).await.unwrap()
}

async fn why_disconnected(api: &Api, machine: &str) -> anyhow::Result<String> {
    let machine = api.get(&format!("/machines/{machine}")).await?;
    let connection = &machine["connection"];
    ensure!(connection["connected"] == false, "{connection}");
    Ok(connection["reason"].as_str().context("a reason")?.to_owned())
}

/// Asks for ever without reading an answer, until nobody takes any more.
async fn flood(stream: Arc<TcpStream>) {
    let pings = frame(true, BINARY, &PING.repeat(1_000));
    let mut waiting = &pings[..];
    while stream.writable().await.is_ok() {
        match stream.try_write(waiting) {
            Ok(bytes) => waiting = &waiting[bytes..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        if waiting.is_empty() {
            waiting = &pings;
        }
    }
}

#[tokio::test]
async fn a_bomb_of_signals_is_defused_and_known_signals_go_on() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let bomber = Device::enroll(&platform, &api, "bomber").await;
    let good = Device::enroll(&platform, &api, "good").await;
    let mut bomb = bomber.connect(Version::V5).await;
    let mut other = good.connect(Version::V5).await;
    publish(&mut bomb).await;
    for round in 0..20 {
        let values: Map<String, Value> =
            (0..500).map(|n| (format!("signal.{round}.{n}"), json!(n))).collect();
        let payload = Value::from(values).to_string();
        let answer = bomb.publish("mw/v1/me/up/telemetry", payload.as_bytes()).await;
        assert_eq!(answer.unwrap(), 0, "acknowledged, so that it doesn't come again");
        publish(&mut other).await;
    }
    // A minute may go by on a slow computer: so many new ones each.
    let signals = api.items(&format!("/machines/{}/signals", bomber.machine)).await.unwrap();
    assert!((100..=400).contains(&signals.len()), "{} signals", signals.len());
    let quarantine = api.quarantine(&bomber.machine).await.unwrap();
    assert!(quarantine.iter().all(|entry| entry["code"] == "too_many_signals"), "{quarantine:?}");
    assert!(!quarantine.is_empty());
    let payload = br#"{"temperature":99.5}"#;
    assert_eq!(bomb.publish("mw/v1/me/up/telemetry", payload).await.unwrap(), 0);
    assert_eq!(api.latest(&bomber.machine, "temperature").await.unwrap(), 99.5);
}

#[tokio::test]
async fn a_bomb_of_fault_codes_is_defused_and_others_alarm() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let bomber = Device::enroll(&platform, &api, "bomber").await;
    let good = Device::enroll(&platform, &api, "good").await;
    let mut bomb = bomber.connect(Version::V5).await;
    let mut other = good.connect(Version::V5).await;
    let event = |kind: &str, code: &str| {
        json!({ "type": kind, "data": { "code": code } }).to_string().into_bytes()
    };
    let topic = "mw/v1/me/up/events";
    for code in 0..1_020 {
        let raised = event("fault.raised", &format!("E-{code}"));
        assert_eq!(bomb.publish(topic, &raised).await.unwrap(), 0, "acknowledged all the same");
    }
    assert_eq!(api.open_alarms(&bomber.machine).await.unwrap().len(), 1_000);
    assert!(platform.log().contains("too many active alarms"));
    // What it said is kept, and it can go on once something is good again.
    let events = api.machine_events(&bomber.machine, "fault.raised").await.unwrap();
    assert_eq!(events.len(), 1_020);
    for (kind, code) in [("fault.cleared", "E-0"), ("fault.raised", "E-late")] {
        assert_eq!(bomb.publish(topic, &event(kind, code)).await.unwrap(), 0);
    }
    let open = api.open_alarms(&bomber.machine).await.unwrap();
    assert_eq!(open.len(), 1_000);
    assert!(open.iter().any(|alarm| alarm["code"] == "E-late"));

    assert_eq!(other.publish(topic, &event("fault.raised", "E-1")).await.unwrap(), 0);
    assert_eq!(api.open_alarms(&good.machine).await.unwrap().len(), 1);
}

#[tokio::test]
async fn silent_sockets_and_floods_of_handshakes_hold_up_nobody() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "good").await;
    let mut good = device.connect(Version::V5).await;

    let mut idle = Vec::new();
    for address in [platform.mqtt(), platform.http()] {
        for index in 0..300 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Nothing, the beginning of something, or nonsense.
            let said: &[u8] = match index % 3 {
                0 => b"",
                1 if address == platform.mqtt() => &[0x16, 3, 1, 2, 0, 1, 0],
                1 => b"GET /mqtt HTTP/1.1\r\nHost: x\r\n",
                _ => b"\0\xff nonsense \r\n\r\n",
            };
            let _ = stream.write_all(said).await;
            idle.push(stream);
            if index % 50 == 0 {
                publish(&mut good).await;
            }
        }
    }
    // Whole handshakes, all at once, of people who then leave.
    let mut flood = JoinSet::new();
    for _ in 0..300 {
        let device = device.clone();
        flood.spawn(async move { device.open_without_certificate(Version::V5).await.map(drop) });
    }
    publish(&mut good).await;
    while let Some(shaken) = flood.join_next().await {
        shaken.unwrap().expect("a handshake");
    }
    publish(&mut good).await;
    let newcomer = Device::enroll(&platform, &api, "newcomer").await;
    publish(&mut newcomer.connect(Version::V3).await).await;
    publish(&mut device.connect(Version::V5).await).await;

    for mut stream in idle {
        let end = async {
            let mut sink = [0; 1_024];
            while let Ok(1..) = stream.read(&mut sink).await {}
        };
        tokio::time::timeout(SOON, end).await.expect("who says nothing is closed");
    }
}

/// Opens so many sockets that say this and no more.
async fn idle_sockets(address: SocketAddr, count: usize, said: &[u8]) -> Vec<TcpStream> {
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        idle.push(stream);
    }
    idle
}

/// Whether the other side neither said nor closed anything; what a handshake has said is passed over.
fn is_open(stream: &TcpStream) -> bool {
    let mut sink = [0; 16 * 1_024];
    loop {
        match stream.try_read(&mut sink) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

#[tokio::test]
async fn a_flood_of_half_open_handshakes_keeps_machines_of_other_addresses_in() {
    if !has_elsewhere("floods of handshakes on the MQTT port") {
        return;
    }
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "good").await;
    let mut connected = device.connect(Version::V5).await;
    // More than there are turns for handshakes; each is waited for until the time limit.
    let hello = https::hello(device.tls_without_certificate());
    let idle = idle_sockets(platform.mqtt(), 600, &hello).await;
    publish(&mut connected).await;
    let newcomer = Device::enroll(&platform, &api, "newcomer").await;
    publish(&mut newcomer.connect_from(ELSEWHERE, Version::V5).await).await;
    assert!(idle.last().is_some_and(is_open), "only after the others were closed");
}

#[tokio::test]
async fn sockets_on_https_that_say_nothing_or_half_of_it_keep_nobody_out() {
    if !has_elsewhere("floods of the HTTPS port") {
        return;
    }
    let https = Https::start().await;
    let hello = https.hello();
    let (half, _) = hello.split_at(hello.len() / 2);
    let mut idle = Vec::new();
    for (what, said) in [("nothing", &[][..]), ("a hello", &hello[..]), ("half a hello", half)] {
        idle = idle_sockets(https.platform.http(), 300, said).await;
        // At once: before the platform's time limit has closed what it waits for.
        https.healthy_from(ELSEWHERE).await.expect(what);
        assert!(idle.last().is_some_and(is_open), "{what}: only after the others were closed");
    }
    // Whoever has not got as far as to take a turn keeps not even its own network out.
    https.healthy_from([127, 0, 0, 1].into()).await.unwrap();
    assert!(idle.last().is_some_and(is_open), "only after the others were closed");
    for mut stream in idle {
        let end = async {
            let mut sink = [0; 1_024];
            while let Ok(1..) = stream.read(&mut sink).await {}
        };
        tokio::time::timeout(SOON, end).await.expect("who says no more is closed");
    }
}

#[tokio::test]
async fn who_does_not_read_is_cut_and_others_are_served() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "deaf").await;
    let mut good = Device::enroll(&platform, &api, "good").await.connect(Version::V5).await;

    let stream = narrow(platform.mqtt()).await;
    let name = ServerName::try_from(device.host.clone()).unwrap();
    let tls = TlsConnector::from(device.tls()).connect(name, stream).await.unwrap();
    let (stream, ours) = tokio::io::duplex(64 * 1024);
    let (mut from_platform, mut to_platform) = tokio::io::split(tls);
    let (mut from_us, mut to_us) = tokio::io::split(ours);
    let answers =
        tokio::spawn(async move { tokio::io::copy(&mut from_platform, &mut to_us).await });
    let asks = tokio::spawn(async move { tokio::io::copy(&mut from_us, &mut to_platform).await });
    let mut deaf = RawMqtt::over(Box::new(stream), Version::V3);
    let connect = Connect { client_id: "deaf", ..Connect::default() };
    assert_eq!(deaf.connect(&connect).await.unwrap(), 0);
    // From here on nothing is read.
    answers.abort();
    let pings = tokio::spawn(async move {
        while deaf.send_bytes(&PING.repeat(1_000)).await.is_ok() {}
        std::future::pending::<()>().await;
    });
    let why = eventually("the deaf machine is cut", CUT_OFF, async || {
        publish(&mut good).await;
        why_disconnected(&api, &device.machine).await
    })
    .await;
    // By the session's own time limit, or by that of TCP, as much as the system has buffered.
    assert!(["write_stall", "lost"].contains(&&*why), "{why}");
    pings.abort();
    asks.abort();
}

#[tokio::test]
async fn who_does_not_read_a_websocket_is_cut_and_its_socket_ends() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let machine = api.create_machine("deaf").await;
    let token = api.device_token(&machine).await;
    let mut good = Device::enroll(&platform, &api, "good").await.connect(Version::V5).await;

    let mut stream = narrow(platform.http()).await;
    stream.write_all(websocket::request("mqtt").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let connect = websocket::connect_bytes(&machine, &token);
    stream.write_all(&frame(true, BINARY, &connect)).await.unwrap();
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).await.unwrap();
    let stream = Arc::new(stream);
    let flooding = tokio::spawn(flood(Arc::clone(&stream)));
    let why = eventually("the deaf machine is cut", CUT_OFF, async || {
        publish(&mut good).await;
        why_disconnected(&api, &machine).await
    })
    .await;
    // By the session's own time limit, or by that of TCP, as much as the system has buffered.
    assert!(["write_stall", "lost"].contains(&&*why), "{why}");
    let ended = stream.ready(tokio::io::Interest::ERROR);
    tokio::time::timeout(CUT_OFF, ended).await.expect("TCP ends what isn't read").unwrap();
    publish(&mut good).await;
    flooding.abort();
}

#[tokio::test]
async fn a_machine_that_connects_without_end_is_told_to_wait_and_others_are_not() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let machine = api.create_machine("restless").await;
    let token = api.device_token(&machine).await;
    let device = Device::enroll(&platform, &api, "good").await;
    let mut good = device.connect(Version::V5).await;
    // By both ways: they count together.
    let mut refused = None;
    for attempt in 0..1_000 {
        let mut mqtt = if attempt % 2 == 0 {
            device.open_without_certificate(Version::V5).await.unwrap()
        } else {
            websocket::WebSocket::open(platform.http()).await.unwrap().into_mqtt(Version::V5)
        };
        let (user, password) = (Some(&*machine), Some(&*token));
        let connect = Connect { client_id: "c", user, password, ..Connect::default() };
        match mqtt.connect(&connect).await.expect("an answer") {
            0 => {}
            code => {
                refused = Some((attempt, code));
                break;
            }
        }
    }
    let (attempt, code) = refused.expect("a refusal");
    assert_eq!(code, 0x97, "quota exceeded");
    assert!(attempt >= 300, "after the burst, not after {attempt}");
    publish(&mut good).await;
    publish(&mut device.connect(Version::V5).await).await;
}

#[tokio::test]
async fn faults_raised_and_cleared_without_end_are_held_back_and_others_are_heard() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let mut restless = Device::enroll(&platform, &api, "restless").await.connect(Version::V5).await;
    let good = Device::enroll(&platform, &api, "good").await;
    let mut other = good.connect(Version::V5).await;
    let flood = tokio::spawn(async move {
        let raised = br#"{"type":"fault.raised","data":{"code":"E-1"}}"#;
        let cleared = br#"{"type":"fault.cleared","data":{"code":"E-1"}}"#;
        // Until nothing more is taken of it.
        while restless.send_publish("mw/v1/me/up/events", raised).await.is_ok()
            && restless.send_publish("mw/v1/me/up/events", cleared).await.is_ok()
        {}
    });
    eventually("it is held back", SOON, async || {
        let text = reqwest::get(format!("{}/metrics", platform.url())).await?.text().await?;
        let line =
            text.lines().find(|line| line.starts_with("millwright_gateway_throttles_total "));
        let pauses: f64 = line.context("the metric")?.rsplit(' ').next().unwrap_or("").parse()?;
        ensure!(pauses > 0.0, "not yet");
        Ok(())
    })
    .await;
    // While it is: at most its burst and ten a second come through.
    publish(&mut other).await;
    let fault = br#"{"type":"fault.raised","data":{"code":"E-2"}}"#;
    assert_eq!(other.publish("mw/v1/me/up/events", fault).await.unwrap(), 0);
    assert_eq!(api.open_alarms(&good.machine).await.unwrap().len(), 1);
    assert!(!flood.is_finished(), "held back, not cut off");
    flood.abort();
}
