//! Handing commands over: signed, in order, again when it must be, as long as there is time.

use millwright_schemas::api::commands::{CommandState as S, IssueCommand};
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{CommandClass, Rejection, TIME_TYP, TimeClaims};
use millwright_schemas::wire::events::EventType;
use millwright_store::work::TimeAsked;
use serde_json::json;

use crate::harness::{LEDGER, Plant, new, report};

#[tokio::test]
async fn a_command_arrives_signed_with_all_that_the_machine_must_know() {
    let plant = Plant::ready().await;
    let input = IssueCommand {
        purpose: Some("test run".to_owned()),
        ..new("set_speed", json!({"percent": 50}))
    };
    let issued = plant.try_issue(&plant.ada, input).await.unwrap();
    plant.work().await;
    let claims = plant.sent_commands().remove(0);
    assert_eq!((claims.jti, claims.aud), (issued.id, plant.machine));
    assert_eq!((claims.iat, claims.exp), (plant.now().seconds(), plant.now().seconds() + 60));
    assert_eq!((claims.name.as_str(), &claims.args["percent"]), ("set_speed", &json!(50)));
    assert_eq!((claims.deadline_s, claims.ord, claims.ledger), (30, 1, Some(LEDGER)));
    assert_eq!((claims.by.as_str(), claims.purpose.as_deref()), ("Ada", Some("test run")));
    let sent = plant.get(issued.id).await;
    assert_eq!((sent.state, sent.sent_at), (S::Sent, Some(plant.now())));
    assert_eq!(plant.events_of(issued.id).await, ["command.issued", "command.sent"]);
}

#[tokio::test]
async fn commands_go_one_after_the_other() {
    let plant = Plant::ready().await;
    let first = plant.issue("ping", json!({})).await;
    let second = plant.issue("ping", json!({})).await;
    let third = plant.issue("ping", json!({})).await;
    assert_eq!(plant.sent_ids(), [first]);
    plant.report(EventType::CommandReceived, report(first)).await;
    assert_eq!(plant.sent_ids(), [second]);
    plant.report(EventType::CommandSucceeded, report(second)).await;
    assert_eq!(plant.sent_ids(), [third]);
    assert_eq!(plant.state(first).await, S::Received);
    plant.report(EventType::CommandReceived, report(second)).await;
    assert_eq!(plant.sent_ids(), [], "a late report moves nothing");
}

#[tokio::test]
async fn what_is_not_confirmed_is_sent_again_and_nothing_else() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    let first = plant.sent_commands().remove(0);
    let version = plant.get(id).await.version;
    plant.tick().await;
    assert_eq!(plant.sent_ids(), [], "just sent");
    plant.pass(10);
    plant.tick().await;
    let again = plant.sent_commands().remove(0);
    assert_eq!((again.jti, again.ord, again.ledger), (first.jti, first.ord, first.ledger));
    assert_eq!(again.exp, first.exp);
    plant.pass(1);
    plant.connect().await;
    assert_eq!(plant.sent_ids(), [id], "it came back");
    assert_eq!(plant.get(id).await.version, version, "sending again is no change");
    plant.report(EventType::CommandReceived, report(id)).await;
    plant.pass(10);
    plant.tick().await;
    plant.connect().await;
    assert_eq!(plant.sent_ids(), []);
}

#[tokio::test]
async fn a_machine_that_is_away_gets_it_when_it_is_back() {
    let plant = Plant::ready().await;
    plant.disconnect().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(20);
    plant.tick().await;
    assert_eq!((plant.sent_ids(), plant.state(id).await), (vec![], S::Queued));
    plant.connect().await;
    assert_eq!(plant.sent_ids(), [], "it may have another ledger now");
    plant.tell(LEDGER, 0).await;
    assert_eq!(plant.sent_ids(), [id]);
}

/// What was recorded and then lost, by a dead bus or a killed platform, is sent again; and it isn't
/// said that it was never handed over.
#[tokio::test]
async fn what_was_lost_on_the_way_is_sent_again() {
    let mut plant = Plant::ready().await;
    plant.break_wire(true);
    let id = plant.issue("ping", json!({})).await;
    assert_eq!((plant.sent_ids(), plant.state(id).await), (vec![], S::Sent));
    plant.break_wire(false);
    plant.pass(10);
    plant.tick().await;
    assert_eq!(plant.sent_ids(), [id]);
    plant.restart().await;
    plant.pass(1);
    plant.connect().await;
    assert_eq!(plant.sent_ids(), [id]);
}

#[tokio::test]
async fn without_a_catalogue_it_is_looked_up_when_the_catalogue_is_told() {
    let plant = Plant::start().await;
    plant.connect().await;
    let fine = plant.issue("set_speed", json!({"percent": 50})).await;
    let wrong = plant.issue("set_speed", json!({"percent": 500})).await;
    let unknown = plant.issue("fly", json!({})).await;
    let beyond = plant.issue("flash", json!({})).await;
    let last = plant.issue("ping", json!({})).await;
    assert_eq!(plant.get(fine).await.class, None);
    assert_eq!(plant.sent_ids(), [], "it may be telling just now");
    plant.tell(LEDGER, 0).await;
    for id in [fine, last] {
        assert_eq!(plant.sent_ids(), [id]);
        plant.report(EventType::CommandSucceeded, report(id)).await;
    }
    assert_eq!(plant.get(fine).await.class, Some(CommandClass::Motion));
    for (id, reason) in [
        (wrong, Rejection::InvalidArguments),
        (unknown, Rejection::UnknownCommand),
        (beyond, Rejection::Forbidden),
    ] {
        let command = plant.get(id).await;
        assert_eq!((command.state, command.reason), (S::Rejected, Some(reason)));
        assert!(command.error.is_some());
    }
}

#[tokio::test]
async fn a_machine_that_never_tells_gets_it_once_and_without_a_ledger() {
    let plant = Plant::start().await;
    plant.connect().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(4);
    plant.tick().await;
    assert_eq!(plant.sent_ids(), []);
    plant.pass(1);
    plant.tick().await;
    let claims = plant.sent_commands().remove(0);
    assert_eq!((claims.jti, claims.ledger), (id, None));
    plant.pass(10);
    plant.tick().await;
    plant.connect().await;
    assert_eq!(plant.sent_ids(), [], "nothing there would make a repeat harmless");
    // It has an agent after all: then nothing has run yet.
    plant.tell(LEDGER, 0).await;
    let claims = plant.sent_commands().remove(0);
    assert_eq!((claims.jti, claims.ledger), (id, Some(LEDGER)));
    assert_eq!(plant.state(id).await, S::Sent);
}

#[tokio::test]
async fn who_asks_for_the_time_is_told_it() {
    let plant = Plant::ready().await;
    let nonce = "n-0123456789_abcdef".to_owned();
    plant.leave(&TimeAsked { machine: plant.machine, nonce: nonce.clone() }).await;
    for wrong in ["short", "with a space in it", &"x".repeat(65)] {
        plant.leave(&TimeAsked { machine: plant.machine, nonce: wrong.to_owned() }).await;
    }
    let (machine, channel, jws) = plant.sent().remove(0);
    assert_eq!((machine, channel), (plant.machine, DownChannel::Time));
    let claims: TimeClaims = plant.verified(&jws, TIME_TYP);
    assert_eq!(claims, TimeClaims { aud: machine, ts: plant.now().millis(), nonce });
    assert_eq!(plant.sent(), []);
}
