//! The bus carries wake-ups and copies only: without it the platform goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::api::Stream;
use millwright_tests::{Device, Platform, RawMqtt, Version, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
/// The broker is started again after waits that have grown meanwhile.
const BACK: Duration = Duration::from_secs(60);
/// From a revocation to the end of the connection.
const CUT_OFF: Duration = Duration::from_secs(10);
/// What the platform logs each time that the broker answers.
const BROKER_UP: &str = "the bus's broker is up";

#[tokio::test]
async fn without_its_bus_the_platform_goes_on() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "watched").await;
    let stolen = Device::enroll(&platform, &api, "stolen").await;
    let mut connection = device.connect(Version::V5).await;
    let mut stolen_connection = stolen.connect(Version::V5).await;
    let path = format!("/telemetry/stream?machine_id={}&signal=counter", device.machine);
    let mut stream = api.stream(&path).await.expect("the stream opens");
    let bus_is = async |wanted: bool| {
        let readiness = readiness(&platform).await?;
        ensure!(readiness["checks"]["bus"]["ok"] == wanted, "{readiness}");
        Ok(readiness)
    };
    eventually("the bus is up", SOON, async || bus_is(true).await).await;
    reported_and_seen(&device, &mut connection, &mut stream, 0).await;

    let broker = BrokerKiller::start(platform.process_id());
    eventually("the bus is seen to be down", SOON, async || bus_is(false).await).await;
    let times_up = platform.log().matches(BROKER_UP).count();
    assert!(times_up > 0, "the platform logs {BROKER_UP:?}");
    for number in 1..=20 {
        reported_and_seen(&device, &mut connection, &mut stream, number).await;
    }
    let path = format!("/machines/{}/certificates", stolen.machine);
    let certificates = api.get(&path).await.expect("the certificates");
    let serial = certificates["items"][0]["serial"].as_str().expect("a serial").to_owned();
    api.post(&format!("{path}/{serial}/revoke"), &json!({ "reason": "stolen" }))
        .await
        .expect("the certificate is revoked");
    stolen_connection.closed(CUT_OFF).await.expect("the live connection is cut");
    assert_eq!(
        platform.log().matches(BROKER_UP).count(),
        times_up,
        "the bus was down all the time"
    );

    let killed = broker.stop();
    assert!(killed > 0, "no broker was found");
    let readiness = eventually("the bus is back", BACK, async || bus_is(true).await).await;
    assert_eq!(readiness["ready"], true, "{readiness}");
    reported_and_seen(&device, &mut connection, &mut stream, 21).await;
}

/// A value is acknowledged, and shown to whoever watches.
async fn reported_and_seen(
    device: &Device,
    connection: &mut RawMqtt,
    stream: &mut Stream,
    number: u32,
) {
    let payload = json!({ "counter": number }).to_string();
    let code = connection.publish(&device.topic("up/telemetry"), payload.as_bytes()).await;
    assert_eq!(code.expect("PUBACK"), 0);
    let live = stream.next(SOON).await.expect("a live sample");
    assert_eq!(live["value"], f64::from(number), "{live}");
}

async fn readiness(platform: &Platform) -> anyhow::Result<Value> {
    let response = reqwest::get(format!("{}/readyz", platform.url())).await?;
    response.json().await.context("what /readyz says")
}

/// Kills the platform's broker again and again, so that there is no bus until it is stopped.
struct BrokerKiller {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl BrokerKiller {
    fn start(platform: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut killed = BTreeSet::new();
            while !asked.load(Ordering::Relaxed) {
                for broker in brokers(platform) {
                    // It may have gone by itself.
                    if kill(broker, Signal::SIGKILL).is_ok() {
                        killed.insert(broker);
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            killed.len()
        });
        Self { stop, thread }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the killing thread")
    }
}

/// The children of a process that were started as `millwright broker`.
fn brokers(parent: u32) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("the processes");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| is_broker(*id, parent).unwrap_or(false)).map(Pid::from_raw).collect()
}

/// `None` when it has gone meanwhile.
fn is_broker(id: i32, parent: u32) -> Option<bool> {
    let folder = Path::new("/proc").join(id.to_string());
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    // After the name, which is in parentheses: state, then parent.
    let parent_id: u32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
    if parent_id != parent {
        return Some(false);
    }
    let command = std::fs::read(folder.join("cmdline")).ok()?;
    Some(command.split(|byte| *byte == 0).nth(1) == Some(b"broker"))
}
