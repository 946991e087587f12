//! A machine whose clock is wrong, or jumps: it obeys orders of now, and none of the past.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_tests::broker::Intruder;
use millwright_tests::{Agent, Api, Broker, Marks, Platform, Signer, WrongClock, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(40);
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";

async fn mark(api: &Api, machine: &str, token: &str) -> Value {
    let command = json!({"name": "mark", "args": {"token": token, "seconds": 0}});
    let id = eventually("the command is issued", SOON, async || {
        api.command(machine, command.clone()).await
    })
    .await;
    eventually(&format!("{token}: the command has ended"), SOON, async || {
        let ends = ["succeeded", "rejected", "expired", "failed"];
        api.command_in(&id, &ends).await
    })
    .await
}

#[tokio::test]
async fn a_wrong_clock_lets_no_old_order_run_and_no_new_one_fail() {
    let broker = Broker::start().await;
    let platform = Platform::start_with(&["--bus", &broker.url()]).await;
    if WrongClock::new(platform.folder()).is_none() {
        return;
    }
    let api = platform.api().await;
    let intruder = broker.intruder().await;
    for (name, before, after) in [
        // As after a flat battery: the machine starts in 1970.
        ("flat", "@1970-01-02 00:00:00", "+0"),
        ("behind", "-2d", "-3d"),
        ("ahead", "+20d", "+0"),
        ("jumps-back", "+0", "-400d"),
        ("jumps-ahead", "+0", "+400d"),
    ] {
        one_clock(&platform, &api, &intruder, name, (before, after)).await;
    }
}

/// A machine that starts with one wrong clock, whose clock then jumps to another one.
async fn one_clock(
    platform: &Platform,
    api: &Api,
    intruder: &Intruder,
    name: &str,
    (before, after): (&str, &str),
) {
    let folder = platform.folder().join(format!("clock-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let clock = WrongClock::new(&folder).expect("it was there just before");
    let marks = Marks::new(&folder);
    let config = format!("{PANEL}{}", marks.config("configure", "none"));
    let mut agent = Agent::enroll(platform, api, name, &config).await;
    let machine = agent.machine().to_owned();
    clock.set(before);
    agent.run_with_clock(&clock);
    let first = mark(api, &machine, "started").await;
    assert_eq!(first["state"], "succeeded", "{name}: {first}");

    clock.set(after);
    let jumped = mark(api, &machine, "jumped").await;
    // Refused rather than late while the time isn't certain; never anything else.
    if jumped["state"] != "succeeded" {
        assert_eq!(jumped["reason"], "clock_untrusted", "{name}: {jumped}");
    }
    let last = eventually("orders work after the jump", SOON, async || {
        let command = mark(api, &machine, "settled").await;
        ensure!(command["state"] == "succeeded", "{command}");
        Ok(command)
    })
    .await;

    // Genuine by signature and an hour old: it must not run, whatever the clock says.
    let old = an_hour_old(api, &machine, &last).await;
    let order = Signer::of(platform).sign("mw-command+jws", &old);
    let topic = format!("mw/v1/{}/{machine}/down/command", &machine[machine.len() - 2..]);
    intruder.inject(&topic, order).await;
    eventually("the old order is refused", SOON, async || {
        let refused = api.machine_events(&machine, "command.rejected").await?;
        let this = refused.iter().find(|event| event["data"]["command_id"] == old["jti"]);
        ensure!(this.is_some_and(|event| event["data"]["reason"] == "expired"), "{refused:?}");
        Ok(())
    })
    .await;
    let runs = marks.read();
    assert!(!runs.contains_key("old"), "{name}: {runs:?}");
    agent.stop().await;
}

async fn an_hour_old(api: &Api, machine: &str, last: &Value) -> Value {
    let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await.unwrap();
    let now = chrono::Utc::now().timestamp();
    json!({
        "jti": uuid::Uuid::now_v7(), "aud": machine, "iat": now - 3_900, "exp": now - 3_600,
        "name": "mark", "args": {"token": "old", "seconds": 0}, "deadline_s": 10,
        "ord": last["ord"].as_u64().unwrap() + 1, "ledger": catalogue["ledger"], "by": "nobody",
    })
}
