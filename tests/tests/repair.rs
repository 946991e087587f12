//! From fault to repair, through the real programs: a machine fails, an alarm and a ticket appear,
//! a technician's commands repair it, the machine recovers, the ticket resolves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::{Agent, Api, Marks, Platform, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
const PANEL: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n\n";
/// Fails after some ten seconds.
const MILL: &str = "[[drivers]]\nkind = \"simulator\"\nmodel = \"cnc_mill\"\nseed = 7\n\
    interval_ms = 200\ntime_to_fault_s = 10.0\n";

async fn one_open_ticket(api: &Api, machine: &str) -> anyhow::Result<Value> {
    let tickets = api.tickets(machine, "open").await?;
    ensure!(tickets.len() == 1, "{} open tickets: {tickets:?}", tickets.len());
    Ok(tickets[0].clone())
}

async fn final_state(api: &Api, id: &str, wanted: &str) -> Value {
    eventually(&format!("the command is {wanted}"), SOON, async || {
        api.command_in(id, &[wanted]).await
    })
    .await
}

#[tokio::test]
async fn a_machine_fails_and_is_repaired_from_afar() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "mill", &format!("{PANEL}{MILL}")).await;
    let machine = agent.machine().to_owned();
    let organization = api.get(&format!("/machines/{machine}")).await.unwrap();
    let organization = organization["organization_id"].as_str().unwrap().to_owned();
    let policy = json!({"tickets": {"collect_diagnostics": true}});
    api.put(&format!("/organizations/{organization}/policy"), &policy, "\"0\"").await.unwrap();
    agent.run();

    let rule = eventually("the rule is accepted once its signal is known", SOON, async || {
        api.post(
            "/rules",
            &json!({
                "name": "Vibration of axis X", "machine_id": machine, "severity": "minor",
                "condition": {"kind": "threshold", "signal": "axis.x.vibration", "above": 2.5,
                    "clear_at": 2.0, "hold_s": 0.2, "clear_hold_s": 0.2},
            }),
        )
        .await
    })
    .await;

    let alarm = eventually("the fault is an alarm", SOON, async || {
        let alarms = api.open_alarms(&machine).await?;
        let fault = alarms.iter().find(|alarm| alarm["origin"] == "fault").cloned();
        fault.with_context(|| format!("{alarms:?}"))
    })
    .await;
    assert_eq!((&alarm["severity"], &alarm["code"]), (&json!("major"), &json!("E-204")));
    let ticket =
        eventually("a ticket is open", SOON, async || one_open_ticket(&api, &machine).await).await;
    assert_eq!(ticket["priority"], "P2", "{ticket}");
    let ticket_id = ticket["id"].as_str().unwrap().to_owned();
    let evidence = api.get(&format!("/tickets/{ticket_id}/evidence")).await.unwrap();
    let series = evidence["items"][0]["series"].as_array().expect("evidence has samples");
    assert!(series.iter().any(|series| series["signal"] == "axis.x.vibration"), "{evidence}");
    eventually("the rule has spoken too", SOON, async || {
        let alarms = api.open_alarms(&machine).await?;
        let code = &rule["id"];
        ensure!(alarms.iter().any(|alarm| alarm["code"] == *code), "{alarms:?}");
        Ok(())
    })
    .await;
    eventually("diagnostics were collected by themselves", SOON, async || {
        let commands = api.items(&format!("/commands?ticket_id={ticket_id}")).await?;
        let done = commands.iter().any(|command| {
            command["name"] == "collect_diagnostics" && command["state"] == "succeeded"
        });
        ensure!(done, "{commands:?}");
        Ok(())
    })
    .await;

    let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await.unwrap();
    let remedies: Vec<&Value> = catalogue["commands"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|command| command["remedy_for"] == json!(["E-204"]))
        .map(|command| &command["name"])
        .collect();
    assert_eq!(remedies, ["reset_fault"], "{catalogue}");
    eventually("units are known", SOON, async || {
        let signals = api.items(&format!("/machines/{machine}/signals")).await?;
        let unit =
            |name| signals.iter().find(|signal| signal["signal"] == name).map(|s| &s["unit"]);
        ensure!(unit("axis.x.vibration") == Some(&json!("mm/s")), "{signals:?}");
        let chart = format!("/machines/{machine}/telemetry?signal=spindle.temperature");
        let chart = api.get(&chart).await?;
        ensure!(chart["series"][0]["unit"] == "°C", "{chart}");
        Ok(())
    })
    .await;

    // What moves or changes something needs the operator's consent.
    let lubricate =
        json!({"name": "lubricate", "ticket_id": ticket_id, "purpose": "guide runs dry"});
    let id = api.command(&machine, lubricate).await.unwrap();
    eventually("the operator is asked", SOON, async || {
        api.command_in(&id, &["awaiting_consent"]).await?;
        let asked = agent.consent(&["list"])?;
        ensure!(asked.contains(&id), "{asked}");
        Ok(())
    })
    .await;
    agent.consent(&["accept", &id]).unwrap();
    final_state(&api, &id, "succeeded").await;

    let reset = json!({"name": "reset_fault", "ticket_id": ticket_id});
    let id = api.command(&machine, reset).await.unwrap();
    eventually("the operator is asked again", SOON, async || {
        api.command_in(&id, &["awaiting_consent"]).await
    })
    .await;
    agent.consent(&["accept", &id]).unwrap();
    final_state(&api, &id, "succeeded").await;

    eventually("the machine has recovered", SOON, async || {
        let alarms = api.open_alarms(&machine).await?;
        ensure!(alarms.is_empty(), "{alarms:?}");
        Ok(())
    })
    .await;
    let ticket = eventually("the ticket is resolved", SOON, async || {
        let ticket = api.get(&format!("/tickets/{ticket_id}")).await?;
        ensure!(ticket["state"] == "resolved", "{ticket}");
        Ok(ticket)
    })
    .await;
    assert_eq!(ticket["resolution_code"], "remote");
    what_happened_is_told(&api, &machine, &ticket_id).await;
}

/// Events and audit records of the whole story.
async fn what_happened_is_told(api: &Api, machine: &str, ticket: &str) {
    let mut types = Vec::new();
    let mut after = 0;
    loop {
        let page = api.get(&format!("/events?after={after}&limit=500")).await.unwrap();
        let items = page["items"].as_array().unwrap();
        types.extend(items.iter().map(|event| event["type"].as_str().unwrap().to_owned()));
        if page["next_cursor"].is_null() {
            break;
        }
        after = page["next_after"].as_i64().unwrap();
    }
    for wanted in [
        "rule.created",
        "alarm.raised",
        "ticket.opened",
        "command.issued",
        "command.sent",
        "command.received",
        "command.awaiting_consent",
        "command.started",
        "command.succeeded",
        "alarm.cleared",
        "ticket.moved",
    ] {
        assert!(types.iter().any(|event| event == wanted), "{wanted} is missing in {types:?}");
    }
    let audit = api.items("/audit").await.unwrap();
    for wanted in ["command.issued", "command.succeeded", "ticket.opened", "alarm.raised"] {
        assert!(audit.iter().any(|record| record["action"] == wanted), "{wanted} isn't audited");
    }
    let comments = api.items(&format!("/tickets/{ticket}/comments")).await.unwrap();
    let notes: Vec<&str> = comments.iter().filter_map(|comment| comment["note"].as_str()).collect();
    assert!(notes.contains(&"opened") && notes.contains(&"command_issued"), "{notes:?}");
    let alarms = api.items(&format!("/alarms?machine_id={machine}&state=cleared")).await.unwrap();
    assert!(alarms.iter().all(|alarm| alarm["clear_reason"] == "normal"), "{alarms:?}");
}

#[tokio::test]
async fn commands_end_as_their_states_say() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let marks = Marks::new(platform.folder());
    let config = format!("{PANEL}{}", marks.config("configure", "ask"));
    let mut agent = Agent::enroll(&platform, &api, "press", &config).await;
    let machine = agent.machine().to_owned();
    agent.run();
    eventually("the catalogue is known", SOON, async || {
        let catalogue = api.get(&format!("/machines/{machine}/catalogue")).await?;
        let commands = catalogue["commands"].as_array().context("commands")?;
        ensure!(commands.iter().any(|command| command["name"] == "mark"), "{catalogue}");
        Ok(())
    })
    .await;

    let ping = api.command(&machine, json!({"name": "ping"})).await.unwrap();
    final_state(&api, &ping, "succeeded").await;

    let mark = |token: &str, seconds: f64| json!({"name": "mark", "args": {"token": token, "seconds": seconds}});
    let asked = async |id: &str| {
        eventually("the operator is asked", SOON, async || {
            api.command_in(id, &["awaiting_consent"]).await
        })
        .await
    };
    let refused = api.command(&machine, mark("refused", 0.0)).await.unwrap();
    asked(&refused).await;
    agent.consent(&["refuse", &refused]).unwrap();
    let command = final_state(&api, &refused, "rejected").await;
    assert_eq!(command["reason"], "consent_refused");

    let canceled = api.command(&machine, mark("canceled", 60.0)).await.unwrap();
    asked(&canceled).await;
    agent.consent(&["accept", &canceled]).unwrap();
    eventually("it runs and its output is seen", SOON, async || {
        let command = api.command_in(&canceled, &["running"]).await?;
        ensure!(command["output"].as_str().is_some_and(|o| o.contains("working on")), "{command}");
        Ok(())
    })
    .await;
    api.post(&format!("/commands/{canceled}/cancel"), &json!({})).await.unwrap();
    final_state(&api, &canceled, "canceled").await;

    let mut late = mark("late", 60.0);
    late["deadline_s"] = json!(1);
    let late = api.command(&machine, late).await.unwrap();
    asked(&late).await;
    agent.consent(&["accept", &late]).unwrap();
    final_state(&api, &late, "timed_out").await;

    let mut unheard = mark("unheard", 0.0);
    unheard["expires_in_s"] = json!(5);
    let unheard = api.command(&machine, unheard).await.unwrap();
    asked(&unheard).await;
    final_state(&api, &unheard, "expired").await;

    let quiet = api.command(&machine, mark("good; touch /tmp/x", 0.0)).await.unwrap();
    asked(&quiet).await;
    agent.consent(&["accept", &quiet]).unwrap();
    let command = final_state(&api, &quiet, "succeeded").await;
    assert_eq!(command["exit_code"], 0, "{command}");
    assert_eq!(marks.of("good; touch /tmp/x").ended, 1, "one argument, no shell");

    agent.stop().await;
    let mut away = mark("away", 0.0);
    away["expires_in_s"] = json!(5);
    let away = api.command(&machine, away).await.unwrap();
    final_state(&api, &away, "expired").await;

    let runs = marks.read();
    for token in ["refused", "unheard", "away"] {
        assert!(!runs.contains_key(token), "{token} ran: {runs:?}");
    }
    for token in ["canceled", "late"] {
        assert_eq!((runs[token].started, runs[token].ended), (1, 0), "{token}");
    }
}

#[tokio::test]
async fn an_agent_comes_back_from_its_own_restart() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let policy = "[commands.policy.software]\nconsent = \"none\"\n";
    let mut agent = Agent::enroll(&platform, &api, "again", &format!("{PANEL}{policy}")).await;
    agent.run();
    let machine = agent.machine().to_owned();
    let id = eventually("the restart is issued", SOON, async || {
        api.command(&machine, json!({"name": "restart_agent"})).await
    })
    .await;
    final_state(&api, &id, "succeeded").await;
    eventually("it has started twice", SOON, async || {
        let starts = api.machine_events(&machine, "agent.started").await?;
        ensure!(starts.len() == 2, "{} starts", starts.len());
        Ok(())
    })
    .await;
    let ping = api.command(&machine, json!({"name": "ping"})).await.unwrap();
    final_state(&api, &ping, "succeeded").await;
}
