//! A machine watches by itself: with the rules that it was given, without a connection too, and what
//! it finds is no second alarm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use millwright_tests::gate::Gate;
use millwright_tests::{Agent, Api, Platform, eventually, ports};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// Never by WebSocket: a closed port is a lost network.
const CONFIG: &str = "transport = \"mqtt\"\n\n[panel]\nlisten = \"127.0.0.1:0\"\n\n\
    [signals]\nflush_interval_ms = 200\n\n\
    [[drivers]]\nkind = \"simulator\"\nmodel = \"compressor\"\ninterval_ms = 200\n";

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("RFC 3339")
}

/// All alarms that rules have raised at a machine, whether they are over or not.
async fn alarms_of_rules(api: &Api, machine: &str) -> anyhow::Result<Vec<Value>> {
    let alarms = api.items(&format!("/alarms?machine_id={machine}")).await?;
    Ok(alarms.into_iter().filter(|alarm| alarm["origin"] == "rule").collect())
}

/// Waits until the machine has said that it watches by the rules that it should have, so many of
/// them; gives their version.
async fn watches(api: &Api, agent: &Agent, rules: i64) -> i64 {
    let path = format!("/machines/{}", agent.machine());
    eventually("the machine watches by its rules", SOON, async || {
        let machine = api.get(&path).await?;
        let known = &machine["rules"];
        let wanted = known["wanted_version"].as_i64().context("no rules were given")?;
        ensure!(wanted > 0 && known["applied_version"] == wanted, "{known}");
        ensure!(known["watching"] == rules, "{known}");
        let status = agent.status()?;
        let own = &status["rules"];
        ensure!(own["version"] == wanted && own["watching"] == rules, "{own}");
        Ok(wanted)
    })
    .await
}

/// The alarm that the machine itself shows.
async fn local_alarm(agent: &Agent) -> Value {
    eventually("the machine shows the alarm", SOON, async || {
        let status = agent.status()?;
        let alarms = status["rules"]["alarms"].as_array().context("alarms")?;
        ensure!(alarms.len() == 1, "{status}");
        Ok(alarms[0].clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_a_connection_notices_and_the_platform_has_one_alarm_of_it() {
    let port = ports::free();
    let public = format!("localhost:{}", port.port());
    let platform = Platform::start_with(&["--public-mqtt", &public]).await;
    let api = platform.api().await;
    let mut gate = Gate::closed(port, platform.mqtt());
    gate.open();
    let mut agent = Agent::enroll(&platform, &api, "remote", CONFIG).await;
    agent.run();
    let machine = agent.machine().to_owned();
    eventually("the compressor runs", SOON, async || {
        let state = api.latest(&machine, "operating.state").await?;
        ensure!(state == "running", "{state}");
        Ok(())
    })
    .await;
    let rule = json!({
        "name": "Stands still", "machine_id": machine, "severity": "major",
        "condition": {"kind": "state", "signal": "operating.state", "is": ["fault"], "hold_s": 1},
    });
    let rule = api.post("/rules", &rule).await.unwrap();
    let first = watches(&api, &agent, 1).await;

    gate.close();
    eventually("the network is gone", SOON, async || {
        let status = agent.status()?;
        ensure!(status["connection"]["state"] != "connected", "{}", status["connection"]);
        Ok(())
    })
    .await;
    agent.simulate(&["fail"]).unwrap();
    let local = local_alarm(&agent).await;
    assert_eq!((&local["rule"], &local["severity"]), (&rule["id"], &json!("major")));
    let said = agent.describe().unwrap();
    assert!(said.contains("major Stands still at operating.state since"), "{said}");
    assert!(alarms_of_rules(&api, &machine).await.unwrap().is_empty(), "it can't know yet");
    // A power failure: the machine knows it still, and finds it once.
    agent.kill();
    agent.run();
    eventually("the agent is there again", SOON, async || agent.status()).await;
    assert_eq!(local_alarm(&agent).await, local);

    gate.open();
    let alarm = eventually("the platform has the alarm", SOON, async || {
        let alarms = alarms_of_rules(&api, &machine).await?;
        ensure!(alarms.len() == 1, "{alarms:?}");
        let told = api.machine_events(&machine, "alarm.local").await?;
        ensure!(told.len() == 1, "{told:?}");
        ensure!(told[0]["data"]["change"] == "raised", "{told:?}");
        let status = agent.status()?;
        ensure!(status["outbox"]["events"] == 0, "{}", status["outbox"]);
        Ok(alarms[0].clone())
    })
    .await;
    assert_eq!((&alarm["count"], &alarm["active"]), (&json!(1), &json!(true)), "{alarm}");
    assert_eq!(time(&alarm["raised_at"]), time(&local["since"]), "by the machine's time");

    // Another limit: the machine is told, and the alarm stays one.
    let mut changed = rule.clone();
    let fields = changed.as_object_mut().unwrap();
    for name in ["id", "version", "created_at", "updated_at", "organization_id"] {
        fields.remove(name);
    }
    fields["condition"]["hold_s"] = json!(2);
    let path = format!("/rules/{}", rule["id"].as_str().unwrap());
    api.put(&path, &changed, &format!("\"{}\"", rule["version"])).await.unwrap();
    eventually("the machine watches by the new version", SOON, async || {
        let alarms = agent.status()?["rules"]["alarms"].clone();
        ensure!(alarms[0]["rule_version"] == 2, "{alarms}");
        Ok(())
    })
    .await;
    assert!(watches(&api, &agent, 1).await > first);
    api.delete(&path).await.unwrap();
    watches(&api, &agent, 0).await;
    assert_eq!(agent.status().unwrap()["rules"]["alarms"], json!([]));
    let alarms = alarms_of_rules(&api, &machine).await.unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!((&alarms[0]["active"], &alarms[0]["count"]), (&json!(false), &json!(1)));
}
