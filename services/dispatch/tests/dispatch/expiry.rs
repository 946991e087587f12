//! What time does to commands.

use millwright_schemas::api::commands::{CommandState as S, IssueCommand};
use millwright_schemas::wire::events::EventType as E;
use serde_json::json;

use crate::harness::{LEDGER, Plant, new, report};

#[tokio::test]
async fn what_was_never_handed_over_expires() {
    let plant = Plant::start().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(59);
    plant.tick().await;
    assert_eq!(plant.state(id).await, S::Queued);
    plant.pass(1);
    plant.tick().await;
    let command = plant.get(id).await;
    assert_eq!((command.state, command.sent_at), (S::Expired, None));
    assert_eq!(command.ended_at, Some(plant.now()));
    plant.connect().await;
    plant.tell(LEDGER, 0).await;
    assert_eq!(plant.sent_ids(), []);
}

#[tokio::test]
async fn what_was_handed_over_is_unconfirmed_and_lets_the_next_one_go() {
    let plant = Plant::ready().await;
    let first = plant.issue("ping", json!({})).await;
    let later = IssueCommand { expires_in_s: Some(600), ..new("ping", json!({})) };
    let second = plant.try_issue(&plant.ada, later).await.unwrap().id;
    plant.work().await;
    assert_eq!(plant.sent_ids(), [first]);
    plant.pass(60);
    plant.tick().await;
    assert_eq!(plant.state(first).await, S::Unconfirmed);
    assert_eq!(plant.sent_ids(), [second]);
    // The machine's word wins, as long as there was none.
    plant.report(E::CommandSucceeded, report(first)).await;
    assert_eq!(plant.state(first).await, S::Succeeded);
}

#[tokio::test]
async fn an_unconfirmed_command_goes_on_where_the_machine_says() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(61);
    plant.tick().await;
    plant.report(E::CommandReceived, report(id)).await;
    assert_eq!(plant.state(id).await, S::Received);
    plant.tick().await;
    assert_eq!(plant.state(id).await, S::Received, "time no longer matters");
    plant.report(E::CommandTimedOut, report(id)).await;
    assert_eq!(plant.state(id).await, S::TimedOut);
    let names = plant.events_of(id).await;
    assert!(names.contains(&"command.unconfirmed".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_hundred_waiting_commands_expire_in_a_few_looks() {
    let plant = Plant::start().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(plant.try_issue(&plant.ada, new("ping", json!({}))).await.unwrap().id);
    }
    plant.pass(60);
    plant.tick().await;
    for id in ids {
        assert_eq!(plant.state(id).await, S::Expired);
    }
}
