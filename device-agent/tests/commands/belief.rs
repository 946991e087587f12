//! What isn't believed never runs, and nobody outside is told of it.

use millwright_schemas::limits::DOWN_MESSAGE_MAX_BYTES;
use millwright_schemas::topics::{self, DownChannel};
use millwright_schemas::wire::command::{CANCEL_TYP, COMMAND_TYP, CommandClaims, TIME_TYP};
use millwright_schemas::wire::trust::BUNDLE_TYP;
use millwright_schemas::{CommandId, LedgerId, MachineId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{Site, configured, sign, sign_with, until};

const FOREIGN_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

fn recording(site: &Site) -> String {
    let path = site.program("record.sh", &format!("echo \"$1\" >>{:?}", site.record()));
    configured("record", &path, &["{text}"])
}

fn altered(jws: &str, at: impl Fn(&str) -> usize) -> String {
    let at = at(jws);
    let other = if jws.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut altered = jws.to_owned();
    altered.replace_range(at..=at, other);
    altered
}

#[test]
fn strangers_are_dropped_counted_and_nothing_is_told() {
    let site = Site::new();
    let _agent = site.run(&recording(&site));
    let claims = |text: &str| site.claims("record", json!({ "text": text }));
    let good = sign(COMMAND_TYP, &claims("altered"));
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let foreign = CommandClaims { aud: MachineId(Uuid::now_v7()), ..claims("foreign") };
    let lies: Vec<String> = vec![
        sign_with(COMMAND_TYP, "1", FOREIGN_KEY, &claims("forged")),
        sign_with(COMMAND_TYP, "2", FOREIGN_KEY, &claims("unknown kid")),
        sign(CANCEL_TYP, &claims("typ of a cancellation")),
        sign(TIME_TYP, &claims("typ of a time")),
        sign(BUNDLE_TYP, &claims("typ of a bundle")),
        sign("JWT", &claims("typ of a token")),
        sign(COMMAND_TYP, &foreign),
        altered(&good, |jws| jws.find('.').unwrap() + 20),
        altered(&good, |jws| jws.len() - 20),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        // `{"alg":"none","typ":"mw-command+jws","kid":"1"}`
        format!("eyJhbGciOiJub25lIiwidHlwIjoibXctY29tbWFuZCtqd3MiLCJraWQiOiIxIn0.{body}."),
        format!("{body}.{body}.{signature}"),
        String::new(),
        "garbage".to_owned(),
        "\u{0}\u{1}..".to_owned(),
        sign(COMMAND_TYP, &json!({ "text": "no claims at all" })),
        "x".repeat(DOWN_MESSAGE_MAX_BYTES + 1),
    ];
    for lie in &lies {
        site.publish(DownChannel::Command, lie);
    }
    // A good command, on the wrong channel and on another machine's topic.
    site.publish(DownChannel::Cancel, &sign(COMMAND_TYP, &claims("wrong channel")));
    let other = topics::down(MachineId(Uuid::now_v7()), DownChannel::Command);
    site.mqtt.send(other, sign(COMMAND_TYP, &claims("another's topic")).into_bytes());
    let expected = lies.len() as u64 + 2;
    until("all are counted", || site.status()["commands"]["not_believed"] == expected);
    let id = site.order("record", json!({ "text": "good" }));
    site.until_told(id, &["received", "started", "succeeded"]);
    assert_eq!(site.recorded(), ["good"]);
    let told: Vec<Value> = site
        .events()
        .into_iter()
        .filter(|(name, _)| name.starts_with("command."))
        .map(|(_, data)| data["command_id"].clone())
        .collect();
    assert!(told.iter().all(|command| *command == id.to_string()), "{told:?}");
    assert!(!site.log().contains("forged"), "nothing of a stranger gets into the log");
}

#[test]
fn what_is_late_elsewhere_out_of_order_or_unknown_is_rejected_once_and_never_runs() {
    let site = Site::new();
    let forbidden = "[commands.policy]\nsoftware = { allowed = false, consent = \"none\" }\n";
    let _agent = site.run(&format!("{}{forbidden}", recording(&site)));
    let first = site.claims("record", json!({ "text": "first" }));
    let second = site.order("record", json!({ "text": "second" }));
    site.until_told(second, &["received", "started", "succeeded"]);
    let claims = |text: &str| site.claims("record", json!({ "text": text }));
    let ledger = Some(LedgerId(Uuid::now_v7()));
    let rejected: Vec<(CommandClaims, &str)> = vec![
        (first, "out_of_order"),
        (CommandClaims { exp: site.now_s() - 1, ..claims("expired") }, "expired"),
        (CommandClaims { ledger, ..claims("other ledger") }, "other_ledger"),
        (site.claims("fly", json!({})), "unknown_command"),
        (site.claims("record", json!({ "text": 5 })), "invalid_arguments"),
        (site.claims("record", json!({ "shell": "x" })), "invalid_arguments"),
        (site.claims("restart_agent", json!({})), "forbidden"),
    ];
    for (claims, reason) in &rejected {
        site.send(claims);
        site.until_told(claims.jti, &["rejected"]);
        assert_eq!(site.last(claims.jti)["reason"], *reason);
    }
    // Again, and good ones again: nothing happens, nothing is told.
    for (claims, _) in &rejected {
        site.send(claims);
    }
    let last = site.order("record", json!({ "text": "last" }));
    site.until_told(last, &["received", "started", "succeeded"]);
    for (claims, _) in &rejected {
        assert_eq!(site.told(claims.jti), ["rejected"], "{claims:?}");
    }
    assert_eq!(site.recorded(), ["second", "last"]);
}

#[test]
fn a_replayed_command_runs_once_also_after_restarts() {
    let site = Site::new();
    let config = recording(&site);
    let mut agent = site.run(&config);
    let claims = site.claims("record", json!({ "text": "once" }));
    for _ in 0..20 {
        site.send(&claims);
    }
    site.until_told(claims.jti, &["received", "started", "succeeded"]);
    for round in 0..3 {
        if round % 2 == 0 {
            agent.kill();
        } else {
            agent.terminate();
        }
        agent = site.run(&config);
        site.send(&claims);
        let ping = site.order("ping", json!({}));
        site.until_told(ping, &["received", "started", "succeeded"]);
    }
    assert_eq!(site.told(claims.jti), ["received", "started", "succeeded"]);
    assert_eq!(site.recorded(), ["once"]);
}

#[test]
fn a_wiped_ledger_has_another_name_and_repeats_nothing() {
    let site = Site::new();
    let config = recording(&site);
    let mut agent = site.run(&config);
    let claims = site.claims("record", json!({ "text": "once" }));
    site.send(&claims);
    site.until_told(claims.jti, &["received", "started", "succeeded"]);
    let before = site.ledger();
    agent.terminate();
    std::fs::remove_file(site.data_dir().join("outbox.redb")).unwrap();
    let _agent = site.run(&config);
    until("another ledger is told", || site.ledger() != before);
    site.send(&claims);
    site.until_told(claims.jti, &["received", "started", "succeeded", "rejected"]);
    assert_eq!(site.last(claims.jti)["reason"], "other_ledger");
    assert_eq!(site.recorded(), ["once"]);
}

#[test]
fn without_a_ledger_the_capabilities_are_told_again() {
    let site = Site::new();
    let _agent = site.run(&recording(&site));
    let ledger = site.ledger();
    let count = || site.events().iter().filter(|(name, _)| name == "agent.capabilities").count();
    let before = count();
    std::thread::sleep(millwright_agent::limits::CAPABILITIES_INTERVAL);
    let claims = CommandClaims { ledger: None, ..site.claims("record", json!({ "text": "x" })) };
    site.send(&claims);
    until("they are told again", || count() > before);
    // The same command, now that the ledger is known.
    let id: CommandId = site.send(&CommandClaims { ledger: Some(ledger), ..claims });
    site.until_told(id, &["received", "started", "succeeded"]);
    let (_, data) =
        site.events().into_iter().rfind(|(name, _)| name == "agent.capabilities").unwrap();
    let names: Vec<&str> = data["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["collect_diagnostics", "ping", "record", "restart_agent", "set_sampling"]);
}
