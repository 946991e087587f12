//! Several processes on one PostgreSQL: roles apart, a machine taken over by another gateway, a
//! gateway that is gone; and a database that is away for a while.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use millwright_tests::platform::ADMIN_PASSWORD;
use millwright_tests::{
    Agent, Api, Broker, Device, Platform, Postgres, RawMqtt, Version, eventually,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(30);
/// Until a process that says nothing more counts as gone, and somebody has looked.
const GONE: Duration = Duration::from_secs(60);

const HOST: &str = "[[drivers]]\nkind = \"host\"\ninterval_ms = 500\n";

fn sample(counter: i64) -> Vec<u8> {
    let ts = chrono::Utc::now().timestamp_millis();
    json!({ "ts": ts, "values": { "counter": counter } }).to_string().into_bytes()
}

async fn connected(api: &Api, machine: &str, wanted: bool) -> anyhow::Result<()> {
    let machine = api.get(&format!("/machines/{machine}")).await?;
    ensure!(machine["connection"]["connected"] == wanted, "{}", machine["connection"]);
    Ok(())
}

/// `api` and `worker` in one process, a gateway in each of two others, one bus.
struct Cluster {
    front: Platform,
    gateways: [Platform; 2],
    api: Api,
    _broker: Broker,
    _server: Postgres,
}

impl Cluster {
    async fn start() -> Option<Self> {
        let server = Postgres::start()?;
        let broker = Broker::start().await;
        let bus = broker.url();
        let gateways = [Platform::prepare(), Platform::prepare()];
        // Machines are told where one is; which one it is would be a load balancer's matter.
        let public = format!("localhost:{}", gateways[0].mqtt().port());
        let roles = ["--role", "api", "--role", "worker", "--bus", &bus, "--public-mqtt", &public];
        let mut front = Platform::prepare().with(server.url(), &roles);
        front.resume().await;
        let keys = front.data_dir().display().to_string();
        let roles = ["--role", "gateway", "--bus", &bus, "--keys-in", &keys];
        let mut gateways = gateways.map(|gateway| gateway.with(server.url(), &roles));
        for gateway in &mut gateways {
            gateway.resume().await;
        }
        let api = front.api().await;
        Some(Self { front, gateways, api, _broker: broker, _server: server })
    }

    async fn device(&self, name: &str, gateway: usize) -> Device {
        let mut device = Device::enroll(&self.front, &self.api, name).await;
        device.address = self.gateways[gateway].mqtt();
        device
    }
}

#[tokio::test]
async fn roles_work_apart_on_one_database() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let mut agent = Agent::enroll(&cluster.front, &cluster.api, "apart", HOST).await;
    agent.run();
    let api = &cluster.api;
    eventually("a value arrives through the gateway", SOON, async || {
        api.latest(agent.machine(), "host.cpu.load").await
    })
    .await;
    // An order goes from the worker over the bus to the gateway, and its report comes back.
    let command = api.command(agent.machine(), json!({ "name": "ping" })).await.unwrap();
    eventually("the command is done", SOON, async || {
        api.command_in(&command, &["succeeded"]).await
    })
    .await;
    // Domain events have positions, whichever process left them.
    let events = api.get("/events?limit=500").await.unwrap();
    let positions: Vec<i64> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["position"].as_i64().unwrap())
        .collect();
    assert!(!positions.is_empty());
    let first = positions[0];
    let expected: Vec<i64> = (first..).take(positions.len()).collect();
    assert_eq!(positions, expected);

    // A gateway that is killed says nothing: another process ends its connections.
    let device = cluster.device("lost", 1).await;
    let _connection = device.connect(Version::V5).await;
    let api = &cluster.api;
    eventually("it is connected", SOON, async || connected(api, &device.machine, true).await).await;
    cluster.gateways[1].kill();
    let api = &cluster.api;
    eventually("it isn't connected any more", GONE, async || {
        connected(api, &device.machine, false).await
    })
    .await;
    eventually("the other gateway's is", SOON, async || {
        connected(api, agent.machine(), true).await
    })
    .await;
}

#[tokio::test]
async fn two_processes_that_start_at_once_on_an_empty_database_share_what_one_of_them_makes() {
    let Some(server) = Postgres::start() else { return };
    let broker = Broker::start().await;
    let (bus, keys) = (broker.url(), tempfile::tempdir().unwrap());
    let keys = keys.path().to_str().unwrap();
    let process = |more: &[&str]| {
        let shared = ["--role", "api", "--bus", &bus, "--keys-in", keys];
        // What is applied is told at this level only.
        let log = ["--log", "info,sea_orm_migration=info"];
        Platform::prepare().with(server.url(), &[&shared[..], &log[..], more].concat())
    };
    let mut first = process(&["--role", "worker"]);
    let mut second = process(&["--role", "gateway"]);
    tokio::join!(first.resume(), second.resume());

    let log = format!("{}{}", first.log(), second.log());
    let mut peer = first.peer().await;
    let applied = peer.rows("SELECT version FROM seaql_migrations").await;
    assert!(!applied.is_empty());
    for migration in applied {
        let line = format!("Applying migration '{migration}'");
        assert_eq!(log.matches(&line).count(), 1, "{migration} ran once:\n{log}");
    }
    for (one, sql) in [
        ("organization", "SELECT COUNT(*) FROM organizations"),
        ("administrator", "SELECT COUNT(*) FROM users"),
        ("bundle of keys", "SELECT COUNT(*) FROM trust_bundles"),
    ] {
        assert_eq!(peer.value(sql).await, "1", "{one}");
    }

    // Who has signed in at one is known to the other, and both know the same machines' keys.
    let sign_in = json!({ "email": "admin@localhost", "password": ADMIN_PASSWORD });
    let session = Api::anonymous(&first.url()).post("/auth/login", &sign_in).await.unwrap();
    let token = session["access_token"].as_str().unwrap();
    let request = reqwest::Client::new().get(format!("{}/api/v1/machines", second.url()));
    assert_eq!(request.bearer_auth(token).send().await.unwrap().status().as_u16(), 200);
    let mut device = Device::enroll(&first, &first.api().await, "early").await;
    device.address = second.mqtt();
    let mut connection = device.connect(Version::V5).await;
    let topic = device.topic("up/telemetry");
    assert_eq!(connection.publish(&topic, &sample(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_second_gateway_takes_a_machine_over_and_the_first_commits_nothing_more() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let device = cluster.device("wanderer", 0).await;
    let mut first = device.connect(Version::V5).await;
    let topic = device.topic("up/telemetry");
    assert_eq!(first.publish(&topic, &sample(1)).await.unwrap(), 0);

    // The first gateway stands still, with a message of the machine already in its hands.
    cluster.gateways[0].signal(Signal::SIGSTOP);
    let late = first.send_publish(&topic, &sample(-1)).await.unwrap();
    let mut elsewhere = device.clone();
    elsewhere.address = cluster.gateways[1].mqtt();
    let mut second = elsewhere.connect(Version::V5).await;
    assert_eq!(second.publish(&topic, &sample(2)).await.unwrap(), 0);
    cluster.gateways[0].signal(Signal::SIGCONT);

    let answer = tokio::time::timeout(SOON, first.acknowledged(late)).await;
    assert!(!matches!(answer, Ok(Ok(0))), "acknowledged by a gateway that had lost it: {answer:?}");
    // What the second one remembers is what is stored.
    assert_eq!(second.publish(&topic, &sample(3)).await.unwrap(), 0);
    let points = cluster.front.database().await.points(&device.machine).await.unwrap();
    let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);

    // And back again: the first one has forgotten what it knew.
    let mut third = device.connect(Version::V5).await;
    assert_eq!(third.publish(&topic, &sample(4)).await.unwrap(), 0);
    let points = cluster.front.database().await.points(&device.machine).await.unwrap();
    assert_eq!(points["counter"].len(), 4);
    assert_eq!(cluster.front.database().await.conflicts(&device.machine).await.unwrap(), 0);
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_acknowledged_and_afterwards_nothing_is_missing() {
    let Some(server) = Postgres::start() else { return };
    let mut platform = Platform::prepare().with(server.url(), &[]);
    platform.resume().await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "patient", HOST).await;
    agent.run();
    let device = Device::enroll(&platform, &api, "plain").await;
    let mut connection = device.connect(Version::V3).await;
    let topic = device.topic("up/telemetry");
    assert_eq!(connection.publish(&topic, &sample(0)).await.unwrap(), 0);
    eventually("the agent's values arrive", SOON, async || {
        api.latest(agent.machine(), "host.cpu.load").await
    })
    .await;

    server.halt();
    let mut ids = Vec::new();
    for counter in 1..=50 {
        ids.push(connection.send_publish(&topic, &sample(counter)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let early = tokio::time::timeout(Duration::from_secs(3), connection.acknowledged(ids[0])).await;
    assert!(early.is_err(), "acknowledged without a database: {early:?}");
    let url = format!("{}/readyz", platform.url());
    eventually("the platform says that it isn't ready", SOON, async || {
        let answer = reqwest::get(&url).await?;
        ensure!(answer.status().as_u16() == 503, "{}", answer.status());
        let told: Value = answer.json().await?;
        ensure!(told["checks"]["database"]["ok"] == false, "{told}");
        ensure!(told["checks"]["intake"]["ok"] == false, "{told}");
        Ok(())
    })
    .await;

    server.resume();
    for id in ids {
        assert_eq!(connection.acknowledged(id).await.unwrap(), 0);
    }
    let database = platform.database().await;
    let points = database.points(&device.machine).await.unwrap();
    let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
    assert_eq!(values, (0..=50).map(f64::from).collect::<Vec<_>>());
    eventually("the platform is ready again", SOON, async || {
        let status = reqwest::get(&url).await?.status();
        ensure!(status.is_success(), "{status}");
        Ok(())
    })
    .await;
    // The agent kept what it measured meanwhile, without a gap.
    let before = database.count_points(agent.machine()).await.unwrap();
    eventually("the agent's values go on", SOON, async || {
        let now = database.count_points(agent.machine()).await?;
        ensure!(now > before, "{now} points");
        Ok(())
    })
    .await;
    assert_eq!(database.missing_messages(agent.machine()).await.unwrap(), 0);
    assert_eq!(database.conflicts(agent.machine()).await.unwrap(), 0);
}

/// Devices that send without waiting, messages of each, and how large one is.
const SENDERS: usize = 20;
const MESSAGES: i64 = 1_000;
const MESSAGE_BYTES: usize = 4 * 1024;
/// What the platform may grow by while nothing can be stored, in KiB: 100 messages in flight and 64 KiB read of
/// each device are 10 MiB, and as much again for what is made of them. All that they send is 80 MiB.
const GROWTH_MAX_KIB: u64 = 40 * 1024;
/// Nothing more is taken when nothing was for so long.
const STILL: Duration = Duration::from_secs(2);

/// A device that sends as much as it may without waiting, then hears what became of it, in its order.
struct Sender {
    connection: RawMqtt,
    topic: String,
    sent: Arc<AtomicI64>,
}

impl Sender {
    async fn connect(platform: &Platform, api: &Api, name: &str) -> (Device, Self) {
        let device = Device::enroll(platform, api, name).await;
        // Not much fits into its own end, so that what is read of it is in the platform.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(32 * 1024).unwrap();
        let connection = device.connect_by(socket, Version::V3).await;
        let topic = device.topic("up/telemetry");
        (device, Self { connection, topic, sent: Arc::default() })
    }

    fn message(number: i64) -> Vec<u8> {
        let ts = 1_763_775_000_000 + number;
        let mut payload = json!({ "ts": ts, "values": { "counter": number } }).to_string();
        let padding = MESSAGE_BYTES - payload.len();
        payload.extend(std::iter::repeat_n(' ', padding));
        payload.into_bytes()
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        for number in 1..=MESSAGES {
            ids.push(self.connection.send_publish(&self.topic, &Self::message(number)).await?);
            self.sent.store(number, Ordering::Relaxed);
        }
        for id in ids {
            ensure!(self.connection.acknowledged(id).await? == 0, "message {id} was refused");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_memory_is_bounded_and_all_drains_in_order() {
    let Some(server) = Postgres::start() else { return };
    let mut platform = Platform::prepare().with(server.url(), &[]);
    platform.resume().await;
    let api = platform.api().await;
    let (mut devices, mut senders) = (Vec::new(), Vec::new());
    for number in 0..SENDERS {
        let (device, mut sender) = Sender::connect(&platform, &api, &format!("s{number}")).await;
        let answer = sender.connection.publish(&sender.topic, &Sender::message(0)).await;
        assert_eq!(answer.unwrap(), 0);
        devices.push(device);
        senders.push(sender);
    }
    let Some(before) = platform.resident_kib() else {
        eprintln!("SKIPPED: memory without a database: this computer has no /proc");
        return;
    };

    server.halt();
    let sent: Vec<Arc<AtomicI64>> = senders.iter().map(|it| Arc::clone(&it.sent)).collect();
    let mut running = JoinSet::new();
    for sender in senders {
        running.spawn(sender.run());
    }
    let (mut most, mut taken, mut since) = (before, 0, Instant::now());
    eventually("all are held back", GONE, async || {
        most = most.max(platform.resident_kib().context("it runs")?);
        let now: i64 = sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum();
        if now != taken {
            (taken, since) = (now, Instant::now());
        }
        ensure!(taken > 0 && since.elapsed() > STILL, "{taken} messages were taken");
        Ok(())
    })
    .await;
    for (number, sent) in sent.iter().enumerate() {
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < MESSAGES, "s{number} was never held back");
    }
    let grown = most - before;
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more for {taken} messages");

    server.resume();
    while let Some(sender) = running.join_next().await {
        sender.unwrap().expect("acknowledged, in the order in which they were sent");
    }
    let database = platform.database().await;
    for device in &devices {
        let points = database.points(&device.machine).await.unwrap();
        let values: Vec<f64> = points["counter"].iter().filter_map(|point| point.1).collect();
        let expected: Vec<f64> = (0..=1_000).map(f64::from).collect();
        assert_eq!(values, expected);
        assert_eq!(database.conflicts(&device.machine).await.unwrap(), 0);
    }
    let grown = platform.resident_kib().unwrap().saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more after all was stored");
}

#[tokio::test]
async fn a_platform_that_is_up_before_its_database_waits_for_it() {
    let Some(server) = Postgres::start() else { return };
    server.halt();
    let mut platform = Platform::prepare().with(server.url(), &[]);
    let log = platform.folder().join("platform.log");
    let url = platform.url();
    let waiting = eventually("it says what it waits for", SOON, async || {
        let log = std::fs::read_to_string(&log)?;
        ensure!(log.contains("can't be reached; trying again"), "{log}");
        // Whoever has started it learns that it lives, and why it isn't ready.
        let health = reqwest::get(format!("{url}/healthz")).await?;
        ensure!(health.status().as_u16() == 200, "{}", health.status());
        let ready = reqwest::get(format!("{url}/readyz")).await?;
        ensure!(ready.status().as_u16() == 503, "{}", ready.status());
        let told: Value = ready.json().await?;
        let reason = told["checks"]["database"]["reason"].as_str().unwrap_or_default();
        ensure!(told["ready"] == false && reason.contains("not available"), "{told}");
        let other = reqwest::get(format!("{url}/api/v1/machines")).await?;
        ensure!(other.status().as_u16() == 503, "{}", other.status());
        Ok(())
    });
    let database = async {
        waiting.await;
        server.resume();
    };
    tokio::join!(platform.resume(), database);
    platform.api().await.get("/machines").await.unwrap();
    let ready = reqwest::get(format!("{url}/readyz")).await.unwrap();
    assert_eq!(ready.status().as_u16(), 200, "{:?}", ready.text().await);

    // What waiting doesn't mend isn't waited for.
    let nowhere = format!("{}_nowhere", server.url());
    let said = Platform::prepare().with(&nowhere, &[]).refused().await;
    assert!(said.contains("does not exist"), "{said}");
}
