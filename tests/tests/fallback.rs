//! The agent finds its way: over WebSocket when MQTT over TLS doesn't get through, and back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::gate::{Gate, TlsProxy};
use millwright_tests::{Agent, Api, Platform, eventually, ports};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

/// Looks every second whether the better way is open again.
const CONFIG: &str = "mqtt_retry_s = 1\n\n[commands.policy]\nread = { consent = \"none\" }\n\n\
    [[drivers]]\nkind = \"host\"\ninterval_ms = 500\n";

struct Scene {
    platform: Platform,
    api: Api,
    /// The port of MQTT over TLS as machines know it; closed at first.
    gate: Gate,
    port: u16,
}

impl Scene {
    async fn start() -> Self {
        let port = ports::free();
        let public = format!("localhost:{}", port.port());
        let platform = Platform::start_with(&["--public-mqtt", &public]).await;
        let api = platform.api().await;
        let gate = Gate::closed(port, platform.mqtt());
        Self { platform, api, gate, port: port.port() }
    }

    async fn arrives(&self, agent: &Agent, what: &str) {
        let path = format!("/machines/{}/signals", agent.machine());
        let newest = async || -> anyhow::Result<String> {
            let signals = self.api.items(&path).await?;
            let load = signals.iter().find(|signal| signal["signal"] == "host.cpu.load");
            Ok(load.context("no load yet")?["ts"].as_str().context("a time")?.to_owned())
        };
        let before = newest().await.unwrap_or_default();
        eventually(what, SOON, async || {
            let now = newest().await?;
            ensure!(now > before, "nothing newer than {before}");
            Ok(())
        })
        .await;
    }

    async fn obeys(&self, agent: &Agent) {
        let ping = json!({"name": "ping"});
        let command = eventually("the command is in the machine's catalogue", SOON, async || {
            self.api.command(agent.machine(), ping.clone()).await
        })
        .await;
        eventually("the command is carried out", SOON, async || {
            let command = self.api.get(&format!("/commands/{command}")).await?;
            ensure!(command["state"] == "succeeded", "{command}");
            Ok(())
        })
        .await;
    }
}

async fn goes_by(agent: &Agent, way: &str) {
    eventually(&format!("the agent goes by {way}"), SOON, async || {
        let status = agent.status()?;
        let connection = &status["connection"];
        ensure!(connection["state"] == "connected" && connection["way"] == way, "{connection}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_mqtt_port_closed_all_goes_by_websocket_until_it_opens() {
    let mut scene = Scene::start().await;
    let mut agent = Agent::enroll(&scene.platform, &scene.api, "walled", CONFIG).await;
    agent.run();
    goes_by(&agent, "websocket").await;
    scene.arrives(&agent, "telemetry arrives by WebSocket").await;
    scene.obeys(&agent).await;

    scene.gate.open();
    goes_by(&agent, "mqtt").await;
    scene.arrives(&agent, "telemetry arrives by MQTT over TLS").await;
    scene.obeys(&agent).await;

    scene.gate.close();
    goes_by(&agent, "websocket").await;
    scene.arrives(&agent, "telemetry arrives by WebSocket again").await;

    // Over a restart it is known what works: one try by MQTT, not three.
    agent.stop().await;
    let tries = |agent: &Agent| agent.log().matches("not connected").count();
    let before = tries(&agent);
    agent.run();
    goes_by(&agent, "websocket").await;
    assert_eq!(tries(&agent) - before, 1, "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_at_which_tls_ends() {
    let port = ports::free();
    let public = format!("localhost:{}", port.port());
    // The URL is only known once the proxy runs, but its host is.
    let arguments = ["--public-mqtt", &public, "--public-url", "https://localhost"];
    let platform = Platform::start_with(&arguments).await;
    let api = platform.api().await;
    let proxy = TlsProxy::start(platform.folder(), platform.http()).await;
    let machine = api.create_machine("proxied").await;
    let code = api.enrollment_code(&machine).await;
    let mut agent = Agent::prepare(platform.folder(), &machine, "proxied", CONFIG);
    agent.trust_system_ca(&proxy.ca_file);
    let output = agent.try_enroll(&proxy.url(), &code);
    assert!(output.status.success(), "{output:?}");
    agent.run();
    goes_by(&agent, "websocket").await;
    let said = agent.describe().unwrap();
    assert!(said.contains("connected by WebSocket"), "{said}");
    eventually("telemetry arrives", SOON, async || api.latest(&machine, "host.cpu.load").await)
        .await;

    // Whom the system doesn't trust, the agent doesn't either.
    agent.stop().await;
    agent.trust_system_ca(&platform.folder().join("nothing.pem"));
    agent.run();
    eventually("the agent refuses a stranger's certificate", SOON, async || {
        let status = agent.status()?;
        let error = status["connection"]["last_error"].as_str().unwrap_or_default().to_owned();
        ensure!(error.to_lowercase().contains("certificate"), "{status}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_way_is_kept() {
    let scene = Scene::start().await;
    let config = format!("transport = \"mqtt\"\n{CONFIG}");
    let mut agent = Agent::enroll(&scene.platform, &scene.api, "forced", &config).await;
    agent.run();
    eventually("several tries have failed", SOON, async || {
        let tries = agent.log().matches("not connected").count();
        ensure!(tries >= 5, "{tries}");
        Ok(())
    })
    .await;
    assert!(!agent.log().contains("another way"), "{}", agent.log());
    drop(agent);

    let open = Platform::start().await;
    let api = open.api().await;
    let config = format!("transport = \"websocket\"\n{CONFIG}");
    let mut agent = Agent::enroll(&open, &api, "webbed", &config).await;
    agent.run();
    goes_by(&agent, "websocket").await;
    drop(scene.gate);
    assert!(scene.port > 0);
}
