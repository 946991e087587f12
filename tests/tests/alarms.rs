//! Alarms and tickets, as machines and people see them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use anyhow::ensure;
use millwright_tests::{Agent, Device, Platform, Version, eventually};
use serde_json::json;
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(30);
const QUIET: &str = "[panel]\nlisten = \"127.0.0.1:0\"\n";

#[tokio::test]
async fn a_hundred_alarms_with_one_cause_from_several_processes_are_one_ticket() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "press", QUIET).await;
    agent.run();
    let machine = agent.machine().to_owned();
    eventually("the agent takes faults", SOON, async || agent.reporter().raise("E-1", "pump"))
        .await;
    // Each raise is a process of its own.
    let mut programs = JoinSet::new();
    for _ in 0..8 {
        let reporter = agent.reporter();
        programs.spawn_blocking(move || {
            for _ in 0..12 {
                reporter.raise("E-1", "pump").expect("the agent takes it");
            }
        });
    }
    while let Some(done) = programs.join_next().await {
        done.expect("all raised");
    }
    eventually("one alarm has counted them", SOON, async || {
        let alarms = api.open_alarms(&machine).await?;
        ensure!(alarms.len() == 1, "{} alarms", alarms.len());
        ensure!(alarms[0]["count"].as_i64() == Some(97), "{}", alarms[0]);
        Ok(())
    })
    .await;
    // Flapping doesn't open more, however short each time is.
    for _ in 0..5 {
        agent.reporter().clear("E-1", "pump").unwrap();
        agent.reporter().raise("E-1", "pump").unwrap();
    }
    let ticket = eventually("one ticket has them all", SOON, async || {
        let tickets = api.tickets(&machine, "").await?;
        ensure!(tickets.len() == 1, "{} tickets", tickets.len());
        ensure!(tickets[0]["alarms"].as_i64() == Some(6), "{}", tickets[0]);
        ensure!(tickets[0]["active_alarms"].as_i64() == Some(1), "{}", tickets[0]);
        Ok(tickets[0].clone())
    })
    .await;
    assert_ne!(ticket["state"], "resolved", "{ticket}");
}

#[tokio::test]
async fn a_lost_machine_is_one_alarm_and_a_restart_of_the_platform_is_none() {
    let mut platform = Platform::start_with(&["--contact-lost-after-s", "5"]).await;
    let api = platform.api().await;
    let mut agent = Agent::enroll(&platform, &api, "remote", QUIET).await;
    agent.run();
    let machine = agent.machine().to_owned();
    let connected = async |wanted: bool| {
        eventually("the connection is seen", SOON, async || {
            let machine = api.get(&format!("/machines/{machine}")).await?;
            ensure!(machine["connection"]["connected"] == wanted, "{machine}");
            Ok(())
        })
        .await;
    };
    connected(true).await;
    platform.kill();
    // Longer than the time after which a machine counts as lost: the platform itself was away.
    tokio::time::sleep(Duration::from_secs(6)).await;
    platform.resume().await;
    connected(true).await;
    let history = api.items(&format!("/alarms?machine_id={machine}")).await.unwrap();
    assert!(history.is_empty(), "the restart raised {history:?}");

    agent.kill();
    let alarm = eventually("the machine is missed", SOON, async || {
        let alarms = api.open_alarms(&machine).await?;
        ensure!(alarms.len() == 1, "{alarms:?}");
        Ok(alarms[0].clone())
    })
    .await;
    assert_eq!((&alarm["origin"], &alarm["code"]), (&json!("contact"), &json!("contact_lost")));
    eventually("somebody is to look after it", SOON, async || {
        ensure!(api.tickets(&machine, "open").await?.len() == 1, "no ticket");
        Ok(())
    })
    .await;
    agent.run();
    eventually("it is back, and the ticket done", SOON, async || {
        ensure!(api.open_alarms(&machine).await?.is_empty(), "still missed");
        let tickets = api.tickets(&machine, "resolved").await?;
        ensure!(tickets.len() == 1, "{tickets:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_site_is_one_ticket_with_its_root_first() {
    let platform = Platform::start_with(&["--contact-lost-after-s", "5"]).await;
    let api = platform.api().await;
    let site = json!({"name": "Works", "time_zone": "Europe/Vienna"});
    let site = api.post("/sites", &site).await.unwrap();
    let mut connections = Vec::new();
    for number in 1..=5 {
        let serial_number = format!("press-{number}");
        let new = json!({"name": serial_number, "serial_number": serial_number,
            "site_id": site["id"]});
        let machine = api.create_machine_with(new).await;
        let device = Device::enroll_machine(&platform, &api, &machine).await;
        connections.push(device.connect(Version::V5).await);
    }
    eventually("all are connected", SOON, async || {
        let machines = api.items("/machines").await?;
        let connected =
            machines.iter().filter(|one| one["connection"]["connected"] == true).count();
        ensure!(connected == 5, "{connected} are connected");
        Ok(())
    })
    .await;
    drop(connections);
    let ticket = eventually("one ticket has them all", SOON, async || {
        let tickets = api.items("/tickets?state=open").await?;
        ensure!(tickets.len() == 1, "{tickets:?}");
        ensure!(tickets[0]["alarms"].as_i64() == Some(5), "{}", tickets[0]);
        let id = tickets[0]["id"].as_str().unwrap_or_default();
        api.get(&format!("/tickets/{id}")).await
    })
    .await;
    let list = ticket["alarm_list"].as_array().unwrap();
    let roles: Vec<_> = list.iter().map(|alarm| alarm["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["root", "symptom", "symptom", "symptom", "symptom"], "{ticket}");
    let began = |alarm: &serde_json::Value| -> chrono::DateTime<chrono::Utc> {
        alarm["raised_at"].as_str().unwrap().parse().unwrap()
    };
    assert!(list.iter().all(|alarm| began(alarm) >= began(&list[0])), "the earliest: {ticket}");
    assert!(ticket["title"].as_str().unwrap().ends_with(", and 4 other alarms"), "{ticket}");
    let alarms = api.items("/alarms?state=open").await.unwrap();
    assert!(alarms.iter().all(|alarm| alarm["ticket_id"] == ticket["id"]), "{alarms:?}");
}

#[tokio::test]
async fn what_was_lost_on_the_way_is_repaired_by_the_next_snapshot() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "plain").await;
    let mut connection = device.connect(Version::V5).await;
    let ts = chrono::Utc::now().timestamp_millis();
    let report = async |connection: &mut millwright_tests::RawMqtt, kind: &str, ts: i64, data| {
        let event = json!({"id": uuid::Uuid::now_v7(), "ts": ts, "type": kind, "data": data});
        let topic = device.topic("up/events");
        let code = connection.publish(&topic, event.to_string().as_bytes()).await.expect("PUBACK");
        assert_eq!(code, 0);
    };
    for code in ["E-1", "E-2"] {
        let fault = json!({"code": code, "severity": "critical"});
        report(&mut connection, "fault.raised", ts, fault).await;
    }
    // Acknowledged means committed, the alarm with it.
    assert_eq!(api.open_alarms(&device.machine).await.unwrap().len(), 2);
    let active = json!({"faults": [{"code": "E-2", "severity": "warning"}, {"code": "E-3"}]});
    report(&mut connection, "fault.snapshot", ts + 1_000, active).await;
    let alarms = api.open_alarms(&device.machine).await.unwrap();
    let mut states: Vec<(String, String)> = alarms
        .iter()
        .map(|alarm| {
            let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
            (text("code"), text("severity"))
        })
        .collect();
    states.sort();
    let expected = [("E-2", "warning"), ("E-3", "indeterminate")]
        .map(|(code, severity)| (code.to_owned(), severity.to_owned()));
    assert_eq!(states, expected);
    let cleared =
        api.items(&format!("/alarms?machine_id={}&state=cleared", device.machine)).await.unwrap();
    assert_eq!(cleared[0]["clear_reason"], "snapshot", "{cleared:?}");
}

#[tokio::test]
async fn a_fault_that_came_and_went_at_once_leaves_a_ticket() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "brief").await;
    let mut connection = device.connect(Version::V5).await;
    let ts = chrono::Utc::now().timestamp_millis();
    for (kind, ts) in [("fault.raised", ts), ("fault.cleared", ts + 1)] {
        let event = json!({"id": uuid::Uuid::now_v7(), "ts": ts, "type": kind,
            "data": {"code": "E-9", "severity": "major"}});
        let topic = device.topic("up/events");
        connection.publish(&topic, event.to_string().as_bytes()).await.expect("PUBACK");
    }
    let ticket = eventually("a ticket tells of it, resolved", SOON, async || {
        let tickets = api.tickets(&device.machine, "resolved").await?;
        ensure!(tickets.len() == 1, "{tickets:?}");
        Ok(tickets[0].clone())
    })
    .await;
    assert_eq!(
        (&ticket["resolution_code"], &ticket["alarms"]),
        (&json!("self_cleared"), &json!(1))
    );
}

#[tokio::test]
async fn a_rule_counts_from_its_creation_without_a_restart() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let device = Device::enroll(&platform, &api, "furnace").await;
    let mut connection = device.connect(Version::V3).await;
    let topic = device.topic("up/telemetry");
    let start = chrono::Utc::now().timestamp_millis() - 60_000;
    let measure = async |connection: &mut millwright_tests::RawMqtt, seconds: i64, value: f64| {
        let sample = json!({"ts": start + seconds * 1_000, "values": {"temperature": value}});
        let code = connection.publish(&topic, sample.to_string().as_bytes()).await.expect("PUBACK");
        assert_eq!(code, 0);
    };
    measure(&mut connection, 0, 100.0).await;
    let rule = json!({
        "name": "Too hot", "machine_id": device.machine, "severity": "major",
        "condition": {"kind": "threshold", "signal": "temperature", "above": 80.0, "clear_at": 70.0,
            "hold_s": 5.0, "clear_hold_s": 2.0},
    });
    let rule = api.post("/rules", &rule).await.unwrap();
    measure(&mut connection, 1, 100.0).await;
    measure(&mut connection, 5, 100.0).await;
    assert!(api.open_alarms(&device.machine).await.unwrap().is_empty(), "held for 4 s only");
    measure(&mut connection, 7, 90.0).await;
    let alarms = api.open_alarms(&device.machine).await.unwrap();
    assert_eq!(alarms.len(), 1, "committed with the sample that caused it");
    assert_eq!((&alarms[0]["code"], &alarms[0]["source"]), (&rule["id"], &json!("temperature")));
    let raised: chrono::DateTime<chrono::Utc> =
        alarms[0]["raised_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(raised.timestamp_millis(), start + 6_000, "event time: since + hold");
    // Late: it is stored, and changes nothing.
    measure(&mut connection, 3, 20.0).await;
    assert_eq!(api.open_alarms(&device.machine).await.unwrap().len(), 1);
    measure(&mut connection, 8, 75.0).await;
    measure(&mut connection, 20, 75.0).await;
    assert_eq!(api.open_alarms(&device.machine).await.unwrap().len(), 1, "hysteresis");
    measure(&mut connection, 21, 65.0).await;
    measure(&mut connection, 24, 65.0).await;
    assert!(api.open_alarms(&device.machine).await.unwrap().is_empty());
    for (field, change) in [
        ("condition.clear_at", json!({"clear_at": 90.0})),
        ("condition.hold_s", json!({"hold_s": 1e9})),
        ("condition.signal", json!({"signal": "pressure"})),
    ] {
        let mut wrong = json!({
            "name": "Wrong", "machine_id": device.machine, "severity": "major",
            "condition": {"kind": "threshold", "signal": "temperature", "above": 80.0},
        });
        for (name, value) in change.as_object().unwrap() {
            wrong["condition"][name] = value.clone();
        }
        let (status, problem) =
            api.send(reqwest::Method::POST, "/rules", Some(&wrong)).await.unwrap();
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}
