//! The rules that the platform gives: which documents are believed, what is told of them, and that
//! they stay.

use millwright_schemas::MachineId;
use millwright_schemas::limits::DOWN_MESSAGE_MAX_BYTES;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{COMMAND_TYP, CONFIG_TYP, TIME_TYP};
use millwright_schemas::wire::rules::ConfigClaims;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::site::{Site, sign, sign_with, until};

const FOREIGN_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const RULE: &str = "0198b2c4-7c1e-7000-8000-000000000011";

fn claims(site: &Site, version: u64) -> ConfigClaims {
    let condition = json!({"kind": "threshold", "signal": "t", "above": 80});
    let rule = json!({
        "id": RULE, "version": 1, "name": "Too hot", "severity": "major", "condition": condition,
    });
    ConfigClaims {
        aud: site.machine(),
        iat: site.now_s(),
        version,
        rules: vec![rule],
        parameters: Default::default(),
        time_zone: Some("Europe/Berlin".to_owned()),
    }
}

fn give(site: &Site, claims: &ConfigClaims) {
    site.publish(DownChannel::Config, &sign(CONFIG_TYP, claims));
}

fn told(site: &Site, event_type: &str) -> Vec<Map<String, Value>> {
    let events = site.events().into_iter();
    events.filter(|(name, _)| name == event_type).map(|(_, data)| data).collect()
}

/// Also when the answer to an earlier document, which isn't kept on disk, comes after it.
fn until_applied(site: &Site, version: u64) {
    until(&format!("version {version} is told"), || {
        told(site, "rules.applied").iter().any(|data| data["version"] == version)
    });
}

/// The version in the capabilities that were told last.
fn version_told(site: &Site) -> Option<Value> {
    told(site, "agent.capabilities").pop().map(|data| data["rules_version"].clone())
}

#[test]
fn only_the_platforms_documents_for_this_machine_are_taken() {
    let site = Site::new();
    let _agent = site.run("");
    until("it tells that it has none", || version_told(&site) == Some(json!(0)));
    let foreign = ConfigClaims { aud: MachineId(Uuid::now_v7()), ..claims(&site, 7) };
    let good = sign(CONFIG_TYP, &claims(&site, 7));
    let mut altered = good.clone();
    let at = good.find('.').unwrap() + 20;
    let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
    altered.replace_range(at..=at, other);
    let large =
        ConfigClaims { time_zone: Some("x".repeat(DOWN_MESSAGE_MAX_BYTES)), ..claims(&site, 7) };
    let lies = [
        sign_with(CONFIG_TYP, "1", FOREIGN_KEY, &claims(&site, 7)),
        sign_with(CONFIG_TYP, "2", FOREIGN_KEY, &claims(&site, 7)),
        sign(COMMAND_TYP, &claims(&site, 7)),
        sign(TIME_TYP, &claims(&site, 7)),
        sign(CONFIG_TYP, &foreign),
        sign(CONFIG_TYP, &json!({"aud": site.machine(), "iat": 1, "version": -1, "rules": []})),
        sign(CONFIG_TYP, &json!({"aud": site.machine(), "iat": 1, "version": 7, "rules": {}})),
        sign(CONFIG_TYP, &json!("no claims at all")),
        sign(CONFIG_TYP, &large),
        altered,
        "garbage".to_owned(),
        String::new(),
    ];
    for lie in &lies {
        site.publish(DownChannel::Config, lie);
    }
    let expected = lies.len() as u64;
    until("all are counted", || site.status()["commands"]["not_believed"] == expected);
    assert!(told(&site, "rules.applied").is_empty());
    assert_eq!(site.status()["rules"]["version"], 0);

    site.publish(DownChannel::Config, &good);
    until_applied(&site, 7);
    let applied = &told(&site, "rules.applied")[0];
    assert_eq!((&applied["watching"], applied.get("refused")), (&json!(1), None));
    let status = site.status();
    let rules = &status["rules"];
    assert_eq!((&rules["version"], &rules["watching"]), (&json!(7), &json!(1)));
}

#[test]
fn an_older_document_is_ignored_and_the_newest_stays_over_restarts() {
    let site = Site::new();
    let mut agent = site.run("");
    until("it is there", || version_told(&site) == Some(json!(0)));
    give(&site, &claims(&site, 5));
    until_applied(&site, 5);
    // The same once more is answered once more; one that is older isn't.
    give(&site, &claims(&site, 5));
    give(&site, &ConfigClaims { rules: Vec::new(), ..claims(&site, 4) });
    give(&site, &claims(&site, 6));
    until_applied(&site, 6);
    until("all answers are there", || {
        let told = told(&site, "rules.applied");
        let mut versions: Vec<_> = told.iter().map(|data| data["version"].as_u64()).collect();
        versions.sort_unstable();
        versions == [Some(5), Some(5), Some(6)]
    });
    assert_eq!(site.status()["rules"]["watching"], 1);
    agent.kill();
    let stopped = site.status();
    assert_eq!((&stopped["running"], &stopped["rules"]["version"]), (&json!(false), &json!(6)));
    let mut agent = site.run("");
    until("it tells what it has", || version_told(&site) == Some(json!(6)));
    agent.terminate();
    std::fs::remove_file(site.data_dir().join("outbox.redb")).unwrap();
    let _agent = site.run("");
    until("it has lost them, and says so", || version_told(&site) == Some(json!(0)));
    give(&site, &claims(&site, 6));
    until("it takes them once more", || site.status()["rules"]["version"] == 6);
}

#[test]
fn what_an_agent_does_not_know_is_refused_by_itself() {
    let site = Site::new();
    let _agent = site.run_with_drivers("drivers = []\n[signals]\nallow = [\"t\"]\n");
    until("it is there", || version_told(&site) == Some(json!(0)));
    let mut given = claims(&site, 1);
    for (last, condition) in [
        ("12", json!({"kind": "telepathy", "signal": "t"})),
        ("13", json!({"kind": "threshold", "signal": "badge", "above": 1})),
    ] {
        let id = format!("{}{last}", &RULE[..34]);
        given.rules.push(json!({
            "id": id, "version": 1, "name": "r", "severity": "major", "condition": condition,
        }));
    }
    give(&site, &given);
    until_applied(&site, 1);
    let applied = &told(&site, "rules.applied")[0];
    assert_eq!(applied["watching"], 1);
    let problem = |place: usize| applied["refused"][place]["problems"][0].as_str().unwrap();
    assert!(problem(0).contains("telepathy"), "{applied:?}");
    assert!(problem(1).contains("doesn't leave the machine"), "{applied:?}");
    let words = String::from_utf8(site.agent(&["status"]).stdout).unwrap();
    assert!(words.contains("version 1, 1 watched on this machine"), "{words}");
    assert!(words.contains("Not watched"), "{words}");
}
