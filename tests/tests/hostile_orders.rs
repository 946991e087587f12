//! Orders that nobody gave, or not now, or not to this machine: none runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_tests::orders::{altered, claims, unsigned};
use millwright_tests::{Agent, Api, Broker, Marks, Platform, Signer, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";
const COMMAND: &str = "mw-command+jws";

async fn mark(api: &Api, machine: &str, token: &str) -> String {
    let command = json!({"name": "mark", "args": {"token": token, "seconds": 0}});
    eventually("the command is issued", SOON, async || api.command(machine, command.clone()).await)
        .await
}

async fn succeeded(api: &Api, id: &str) {
    eventually("the command has succeeded", SOON, async || {
        api.command_in(id, &["succeeded"]).await
    })
    .await;
}

#[tokio::test]
async fn no_order_runs_that_nobody_gave_now_to_this_machine() {
    let broker = Broker::start().await;
    let platform = Platform::start_with(&["--bus", &broker.url()]).await;
    let api = platform.api().await;
    let (own, other) = (platform.folder().join("own"), platform.folder().join("other"));
    std::fs::create_dir_all(&own).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    let (own, other) = (Marks::new(&own), Marks::new(&other));
    let config = |marks: &Marks| format!("{PANEL}{}", marks.config("configure", "none"));
    let mut agent = Agent::enroll(&platform, &api, "target", &config(&own)).await;
    let mut stranger = Agent::enroll(&platform, &api, "stranger", &config(&other)).await;
    agent.run();
    stranger.run();
    let intruder = broker.intruder().await;

    let first = mark(&api, agent.machine(), "first").await;
    succeeded(&api, &first).await;
    let (topic, genuine) = rebuilt(&platform, &api, &agent, &first).await;
    let signer = Signer::of(&platform);
    let hostile = [
        ("replayed", genuine.clone()),
        ("altered arguments", altered(&genuine, |o| o["args"]["token"] = json!("altered"))),
        ("altered id", altered(&genuine, |o| o["jti"] = json!(uuid::Uuid::now_v7()))),
        ("unsigned", unsigned(&genuine)),
        ("signed by a stranger", signer.forger().sign(COMMAND, &fresh(&genuine, "forged", |_| ()))),
        ("of another type", signer.sign("mw-cancel+jws", &fresh(&genuine, "type", |_| ()))),
        (
            "for another machine",
            signer.sign(
                COMMAND,
                &fresh(&genuine, "foreign", |o| {
                    o["aud"] = json!(stranger.machine());
                }),
            ),
        ),
        (
            "for no ledger",
            signer.sign(
                COMMAND,
                &fresh(&genuine, "no ledger", |o| {
                    o["ledger"] = Value::Null;
                }),
            ),
        ),
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("large", "x".repeat(200_000)),
    ];
    for (what, payload) in &hostile {
        eprintln!("injecting: {what}");
        intruder.inject(&topic, payload.as_bytes().to_vec()).await;
    }
    // A genuine order of one machine on another's topic.
    let elsewhere = topic.replace(agent.machine(), stranger.machine());
    let shard = &stranger.machine()[stranger.machine().len() - 2..];
    let mut parts: Vec<&str> = elsewhere.split('/').collect();
    parts[2] = shard;
    intruder.inject(&parts.join("/"), genuine.clone()).await;

    // The agents still obey: what was sent before has been dealt with by then.
    let last = mark(&api, agent.machine(), "last").await;
    let command = eventually("a genuine order is dealt with", SOON, async || {
        api.command_in(&last, &["succeeded", "rejected"]).await
    })
    .await;
    assert_eq!(command["state"], "succeeded", "{command}");
    let own_runs = own.read();
    let expected: Vec<&str> = vec!["first", "last"];
    assert_eq!(own_runs.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{own_runs:?}");
    assert!(own_runs.values().all(|runs| runs.started == 1), "{own_runs:?}");
    let stranger_ping = mark(&api, stranger.machine(), "mine").await;
    succeeded(&api, &stranger_ping).await;
    assert_eq!(other.read().len(), 1, "{:?}", other.read());

    // A wiped machine has another ledger: what was recorded on the wire no longer counts.
    let (_, recorded) = rebuilt(&platform, &api, &agent, &last).await;
    agent.kill();
    for entry in std::fs::read_dir(agent.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("outbox") {
            std::fs::remove_file(path).unwrap();
        }
    }
    agent.run();
    eventually("the new ledger is told", SOON, async || {
        let catalogue = api.get(&format!("/machines/{}/catalogue", agent.machine())).await?;
        ensure!(catalogue["ledger"] != claims(&recorded)["ledger"], "{catalogue}");
        Ok(())
    })
    .await;
    intruder.inject(&topic, recorded.clone()).await;
    let fresh = mark(&api, agent.machine(), "after the wipe").await;
    succeeded(&api, &fresh).await;
    assert_eq!(own.of("last").started, 1, "a replay on a wiped ledger ran");
    let state = api.get(&format!("/commands/{last}")).await.unwrap();
    assert_eq!(state["state"], "succeeded", "what is final stays");
}

#[tokio::test]
async fn orders_of_a_stolen_key_are_refused_for_what_they_are() {
    let broker = Broker::start().await;
    let platform = Platform::start_with(&["--bus", &broker.url()]).await;
    let api = platform.api().await;
    let marks = Marks::new(platform.folder());
    let config = format!("{PANEL}{}", marks.config("configure", "none"));
    let mut agent = Agent::enroll(&platform, &api, "robbed", &config).await;
    agent.run();
    let first = mark(&api, agent.machine(), "first").await;
    succeeded(&api, &first).await;
    let (topic, genuine) = rebuilt(&platform, &api, &agent, &first).await;
    let signer = Signer::of(&platform);
    let intruder = broker.intruder().await;
    let now = chrono::Utc::now().timestamp();
    let hostile = [
        (
            "expired",
            fresh(&genuine, "expired", |o| {
                o["iat"] = json!(now - 900);
                o["exp"] = json!(now - 600);
            }),
        ),
        ("other_ledger", fresh(&genuine, "ledger", |o| o["ledger"] = json!(uuid::Uuid::now_v7()))),
        ("out_of_order", fresh(&genuine, "order", |o| o["ord"] = claims(&genuine)["ord"].clone())),
        ("unknown_command", fresh(&genuine, "name", |o| o["name"] = json!("rm"))),
        ("invalid_arguments", fresh(&genuine, "args", |o| o["args"]["more"] = json!(true))),
    ];
    for (number, (reason, mut order)) in hostile.into_iter().enumerate() {
        if reason != "out_of_order" {
            order["ord"] = json!(order["ord"].as_u64().unwrap() + number as u64);
        }
        intruder.inject(&topic, signer.sign(COMMAND, &order)).await;
        eventually(&format!("it is refused as {reason}"), SOON, async || {
            let refused = api.machine_events(agent.machine(), "command.rejected").await?;
            let this = refused.iter().find(|event| event["data"]["command_id"] == order["jti"]);
            ensure!(this.is_some_and(|event| event["data"]["reason"] == reason), "{refused:?}");
            Ok(())
        })
        .await;
    }
    let runs = marks.read();
    assert_eq!(runs.keys().map(String::as_str).collect::<Vec<_>>(), ["first"], "{runs:?}");
}

/// An order that was never given: new, in order and in time, but for the change.
fn fresh(genuine: &str, token: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut order = claims(genuine);
    order["jti"] = json!(uuid::Uuid::now_v7());
    order["ord"] = json!(order["ord"].as_u64().unwrap() + 1);
    order["args"]["token"] = json!(token);
    change(&mut order);
    order
}

/// The order of a command as it went over the wire, as a recorder would have it: signing is
/// deterministic, so that it needn't be caught in flight.
async fn rebuilt(platform: &Platform, api: &Api, agent: &Agent, id: &str) -> (String, String) {
    let machine = agent.machine();
    let command = api.get(&format!("/commands/{id}")).await.unwrap();
    let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await.unwrap();
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "jti": id, "aud": machine, "iat": now, "exp": now + 300, "name": command["name"],
        "args": command["args"], "deadline_s": command["deadline_s"], "ord": command["ord"],
        "ledger": catalogue["ledger"], "by": "Administrator",
    });
    let topic = format!("mw/v1/{}/{machine}/down/command", &machine[machine.len() - 2..]);
    (topic, Signer::of(platform).sign(COMMAND, &claims))
}
