//! What the machine's ledger says about commands.

use millwright_schemas::api::commands::{CommandState as S, IssueCommand};
use millwright_schemas::wire::command::Capabilities;
use millwright_schemas::wire::events::EventType as E;
use millwright_store::work::CapabilitiesReported;
use serde_json::json;

use crate::harness::{LEDGER, OTHER_LEDGER, Plant, catalogue, new, report};

#[tokio::test]
async fn another_ledger_leaves_what_was_handed_over_unknown_and_the_rest_goes_on() {
    let plant = Plant::ready().await;
    let running = plant.issue("ping", json!({})).await;
    plant.report(E::CommandStarted, report(running)).await;
    let sent = plant.issue("ping", json!({})).await;
    let queued = plant.issue("ping", json!({})).await;
    assert_eq!(plant.sent_ids(), [running, sent]);
    plant.pass(1);
    plant.connect().await;
    assert_eq!(plant.sent_ids(), [sent], "the platform doesn't know of the wipe yet");
    plant.tell(OTHER_LEDGER, 0).await;
    for id in [running, sent] {
        assert_eq!(plant.state(id).await, S::Interrupted);
    }
    let claims = plant.sent_commands();
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].jti, claims[0].ledger), (queued, Some(OTHER_LEDGER)));
}

#[tokio::test]
async fn what_never_came_has_expired_for_certain() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.disconnect().await;
    plant.pass(61);
    plant.tick().await;
    assert_eq!(plant.state(id).await, S::Unconfirmed);
    plant.connect().await;
    plant.tell(LEDGER, 0).await;
    assert_eq!(plant.state(id).await, S::Expired);
    // What is in the ledger will be reported.
    let id = plant.issue("ping", json!({})).await;
    plant.disconnect().await;
    plant.pass(61);
    plant.tick().await;
    plant.connect().await;
    plant.tell(LEDGER, 2).await;
    assert_eq!(plant.state(id).await, S::Unconfirmed);
    plant.report(E::CommandInterrupted, report(id)).await;
    assert_eq!(plant.state(id).await, S::Interrupted);
    // Unless all that is in the ledger has been reported: then it isn't there.
    let id = plant.issue("ping", json!({})).await;
    plant.disconnect().await;
    plant.pass(61);
    plant.tick().await;
    plant.connect().await;
    plant.tell_reported(LEDGER, 3).await;
    assert_eq!(plant.state(id).await, S::Expired);
}

#[tokio::test]
async fn commands_of_a_machine_out_of_use_end() {
    let plant = Plant::ready().await;
    let sent = plant.issue("ping", json!({})).await;
    let queued = plant.issue("ping", json!({})).await;
    assert_eq!((plant.state(sent).await, plant.state(queued).await), (S::Sent, S::Queued));
    plant.decommission().await;
    plant.tick().await;
    assert_eq!(plant.state(sent).await, S::Interrupted, "it may have run");
    assert_eq!(plant.state(queued).await, S::Canceled);
}

/// The agent's word may be older than the copy that it has got meanwhile.
#[tokio::test]
async fn a_word_from_before_the_copy_says_nothing() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(61);
    plant.tell(LEDGER, 0).await;
    assert_eq!(plant.state(id).await, S::Unconfirmed, "a copy went over this connection");
    plant.connect().await;
    let capabilities = Capabilities {
        version: "1.0".to_owned(),
        ledger: LEDGER,
        last_ord: 0,
        reported_ord: None,
        commands: catalogue(),
        signals: Vec::new(),
        rules_version: None,
    };
    // Written before the end of its time, and kept back in the machine's outbox until now.
    let ts = plant.get(id).await.expires_at.plus_seconds(-1);
    let (machine, received_at) = (plant.machine, plant.now());
    plant.leave(&CapabilitiesReported { machine, ts, received_at, capabilities }).await;
    assert_eq!(plant.state(id).await, S::Unconfirmed);
    plant.report(E::CommandSucceeded, report(id)).await;
    assert_eq!(plant.state(id).await, S::Succeeded);
}

#[tokio::test]
async fn places_go_on_after_a_database_that_was_set_back() {
    let plant = Plant::ready().await;
    plant.tell(LEDGER, 41).await;
    let id = plant.issue("ping", json!({})).await;
    assert_eq!(plant.sent_commands()[0].ord, 42);
    assert_eq!(plant.get(id).await.ord, 42);
}

#[tokio::test]
async fn a_catalogue_beyond_its_bounds_loses_what_is_beyond() {
    let plant = Plant::start().await;
    plant.connect().await;
    let mut commands = catalogue();
    let mut odd = commands[0].clone();
    odd.name = "No Name".to_owned();
    let mut large = commands[0].clone();
    large.name = "large".to_owned();
    large.arguments = json!({"description": "x".repeat(20_000)});
    commands[0].remedy_for = vec![String::new(), "E-1".to_owned()];
    commands.extend([commands[0].clone(), odd, large]);
    let version = "v".repeat(1_000);
    let capabilities = Capabilities {
        version,
        ledger: LEDGER,
        last_ord: 0,
        reported_ord: None,
        commands,
        signals: Vec::new(),
        rules_version: None,
    };
    let (machine, now) = (plant.machine, plant.now());
    plant.leave(&CapabilitiesReported { machine, ts: now, received_at: now, capabilities }).await;
    let told = millwright_dispatch::catalogue(&plant.store, &plant.ada, machine).await.unwrap();
    assert_eq!(told.commands.len(), catalogue().len());
    let remedies: Vec<&String> = told.commands.iter().flat_map(|c| &c.remedy_for).collect();
    assert_eq!(remedies, ["E-1"], "what can be no fault's code is left out");
    assert_eq!(told.agent_version.map(|version| version.len()), Some(64));
}

#[tokio::test]
async fn the_known_ledger_is_used_when_the_machine_does_not_tell_again() {
    let plant = Plant::ready().await;
    plant.pass(1);
    plant.connect().await;
    let input = IssueCommand { expires_in_s: Some(600), ..new("ping", json!({})) };
    let id = plant.try_issue(&plant.ada, input).await.unwrap().id;
    plant.work().await;
    plant.pass(29);
    plant.tick().await;
    assert_eq!(plant.sent_ids(), []);
    plant.pass(1);
    plant.tick().await;
    let claims = plant.sent_commands().remove(0);
    assert_eq!((claims.jti, claims.ledger), (id, Some(LEDGER)));
}
