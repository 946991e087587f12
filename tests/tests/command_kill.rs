//! Agent, platform and bus are killed at random points between the API call and the final report.
//! Each command ran at most once, and its reported state is what really happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::{Agent, Api, Broker, Marks, Platform, eventually, seed};
use rand::RngExt;
use serde_json::{Value, json};

const SETTLED: Duration = Duration::from_secs(120);
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";
/// Kills; after each one there are commands before, during and after it.
const ROUNDS: usize = 10;
const COMMANDS_A_ROUND: usize = 3;

/// A command as the test knows it: its token, and its id if the API answered.
struct Issued {
    token: String,
    id: Option<String>,
}

#[tokio::test]
async fn every_command_ran_at_most_once_and_its_state_is_true() {
    let mut random = seed::generator("command kill");
    let mut broker = Broker::start().await;
    let mut platform = Platform::start_with(&["--bus", &broker.url()]).await;
    let api = platform.api().await;
    let marks = Marks::new(platform.folder());
    let config = format!("{PANEL}{}", marks.config("configure", "none"));
    let mut agent = Agent::enroll(&platform, &api, "killed", &config).await;
    agent.run();
    let machine = agent.machine().to_owned();
    eventually("the catalogue is known", SETTLED, async || {
        let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await?;
        ensure!(catalogue["known"] == true, "{catalogue}");
        Ok(())
    })
    .await;

    let mut issued = Vec::new();
    for round in 0..ROUNDS {
        for number in 0..COMMANDS_A_ROUND {
            let token = format!("{round}-{number}");
            let seconds = random.random_range(0.0..0.4);
            let expires_in_s = if random.random_bool(0.2) { 5 } else { 90 };
            let command = json!({
                "name": "mark", "args": {"token": token, "seconds": seconds},
                "expires_in_s": expires_in_s,
            });
            // An answer that never came is no answer: it may have been issued.
            let id = api.command(&machine, command).await.ok();
            issued.push(Issued { token, id });
        }
        // The length of life is the random point itself, not a wait for something.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..900))).await;
        match random.random_range(0..5) {
            0 | 1 => {
                agent.kill();
                agent.run();
            }
            2 => {
                platform.kill();
                platform.resume().await;
            }
            3 => {
                broker.kill();
                tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
                broker.resume().await;
            }
            _ => {
                platform.kill();
                agent.kill();
                agent.run();
                platform.resume().await;
            }
        }
    }
    let commands = eventually("every command is final", SETTLED, async || {
        let commands = marks_of(&api, &machine).await?;
        let open: Vec<&Value> = commands.iter().filter(|command| !is_final(command)).collect();
        ensure!(open.is_empty(), "{} are not: {open:?}", open.len());
        Ok(commands)
    })
    .await;
    compare(&issued, &commands, &marks);
}

async fn marks_of(api: &Api, machine: &str) -> anyhow::Result<Vec<Value>> {
    let commands = api.items(&format!("/commands?machine_id={machine}")).await?;
    Ok(commands.into_iter().filter(|command| command["name"] == "mark").collect())
}

fn is_final(command: &Value) -> bool {
    let finals =
        ["succeeded", "failed", "timed_out", "rejected", "canceled", "expired", "interrupted"];
    finals.iter().any(|state| command["state"] == *state)
}

fn compare(issued: &[Issued], commands: &[Value], marks: &Marks) {
    let runs = marks.read();
    let mut states = std::collections::BTreeMap::<String, usize>::new();
    for Issued { token, id } in issued {
        let found: Vec<&Value> =
            commands.iter().filter(|command| command["args"]["token"] == *token).collect();
        let run = runs.get(token).copied().unwrap_or_default();
        assert!(run.started <= 1, "{token} ran {} times", run.started);
        let Some(command) = found.first() else {
            assert!(id.is_none(), "{token} was issued as {id:?} and is gone");
            assert_eq!(run.started, 0, "{token} ran though nobody knows of it");
            continue;
        };
        assert_eq!(found.len(), 1, "{token} was issued more than once");
        let state = command["state"].as_str().context("a state").unwrap();
        *states.entry(state.to_owned()).or_default() += 1;
        let really = (run.started, run.ended);
        let true_state = match state {
            "succeeded" => really == (1, 1),
            // Outcome unknown: anything but twice.
            "interrupted" => true,
            "expired" | "rejected" => really == (0, 0),
            _ => false,
        };
        assert!(true_state, "{token} is {state} and was begun and ended {really:?}: {command}");
    }
    eprintln!("{} commands: {states:?}", issued.len());
    assert!(states.get("succeeded").is_some_and(|count| *count > ROUNDS), "{states:?}");
}
