//! Reported events that ask something of other rooms.

use crate::harness::{Site, T0, event, machine};

const JOBS: &str = "SELECT kind, ordering_key, payload FROM jobs ORDER BY seq";
const ID: &str = "0198b2c4-7c1e-7000-8000-000000000001";
const COMMAND: &str = "0198b2c4-7c1e-7000-8000-000000000009";

fn reported(id: &str, event_type: &str, data: &str) -> String {
    let ts = T0 / 1000;
    format!(r#"{{"id":"{id}","ts":{ts},"type":"{event_type}","data":{data}}}"#)
}

#[tokio::test]
async fn a_command_is_reported_once_to_whom_it_concerns() {
    let mut site = Site::new().await;
    let data = format!(r#"{{"command_id":"{COMMAND}","exit_code":0}}"#);
    let message = reported(ID, "command.succeeded", &data);
    site.events(&[&message, &message]).await;
    site.events(&[&message]).await;
    let machine = machine(1);
    let payload = format!(
        r#"{{"event":"{ID}","event_type":"command.succeeded","machine":"{machine}","report":{{"command_id":"{COMMAND}","exit_code":0}},"ts":"2026-01-01T00:00:00Z"}}"#
    );
    assert_eq!(site.rows(JOBS).await, [format!("command.reported|commands:{machine}|{payload}")]);
    assert_eq!(site.rows("SELECT type FROM machine_events").await, ["command.succeeded"]);
}

#[tokio::test]
async fn capabilities_time_and_help_are_handed_on() {
    let mut site = Site::new().await;
    let capabilities =
        format!(r#"{{"version":"1.0","ledger":"{COMMAND}","last_ord":4,"commands":[]}}"#);
    site.events(&[
        &reported(ID, "agent.capabilities", &capabilities),
        &reported(&ID.replace("01", "02"), "time.requested", r#"{"nonce":"0123456789abcdef"}"#),
        &reported(&ID.replace("01", "03"), "help.requested", r#"{"message":"noise"}"#),
        &reported(&ID.replace("01", "04"), "agent.started", "{}"),
    ])
    .await;
    let kinds = site
        .rows(
            "SELECT kind, json_extract(payload, '$.nonce'), json_extract(payload, '$.message'), \
        json_extract(payload, '$.capabilities.last_ord') FROM jobs ORDER BY seq",
        )
        .await;
    assert_eq!(
        kinds,
        [
            "machine.capabilities|NULL|NULL|4",
            "machine.time|0123456789abcdef|NULL|NULL",
            "help.requested|NULL|noise|NULL"
        ]
    );
}

#[tokio::test]
async fn by_which_rules_a_machine_watches_is_handed_on_once() {
    let mut site = Site::new().await;
    let applied = reported(ID, "rules.applied", r#"{"version":3,"watching":2}"#);
    site.events(&[&applied]).await;
    site.events(&[&applied]).await;
    let jobs = site
        .rows(
            "SELECT kind, ordering_key, json_extract(payload, '$.applied.version'), \
             json_extract(payload, '$.applied.watching') FROM jobs ORDER BY seq",
        )
        .await;
    assert_eq!(jobs, [format!("machine.rules|rules:{}|3|2", machine(1))]);
}

#[tokio::test]
async fn a_report_that_cannot_be_meant_is_in_quarantine_with_the_field() {
    let mut site = Site::new().await;
    site.events(&[
        &reported(ID, "time.requested", r#"{"nonce":"short"}"#),
        &reported(ID, "command.started", r#"{"command_id":"x"}"#),
    ])
    .await;
    let reasons = site.rows("SELECT code, reason FROM quarantine ORDER BY id").await;
    assert_eq!(
        reasons[0],
        "invalid_field|data.nonce: \"short\" is not 16 to 64 of A-Z a-z 0-9 _ -"
    );
    assert!(reasons[1].starts_with("invalid_field|data: "), "{reasons:?}");
    assert_eq!(site.rows("SELECT count(*) FROM jobs").await, ["0"]);
}

#[tokio::test]
async fn a_childs_report_is_the_childs() {
    let mut site = Site::new().await;
    site.make_child(2, 1).await;
    let data = format!(r#"{{"command_id":"{COMMAND}"}}"#);
    let mut message = event(2, &reported(ID, "command.started", &data));
    message.sender = machine(1);
    site.send_all(vec![message]).await;
    let keys = site.rows("SELECT ordering_key FROM jobs").await;
    assert_eq!(keys, [format!("commands:{}", machine(2))]);
}
