//! Canceling commands.

use millwright_dispatch::DispatchError;
use millwright_schemas::api::commands::CommandState as S;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{CANCEL_TYP, CancelClaims};
use millwright_schemas::wire::events::EventType as E;
use serde_json::json;

use crate::harness::{Plant, report};

fn cancellations(plant: &Plant) -> Vec<CancelClaims> {
    let sent = plant.sent();
    let own = sent.iter().filter(|(_, channel, _)| *channel == DownChannel::Cancel);
    own.map(|(_, _, jws)| plant.verified(jws, CANCEL_TYP)).collect()
}

#[tokio::test]
async fn what_was_never_handed_over_is_canceled_at_once() {
    let plant = Plant::start().await;
    let id = plant.issue("ping", json!({})).await;
    let canceled = plant.cancel(id).await.unwrap();
    assert_eq!((canceled.state, canceled.cancel_requested), (S::Canceled, false));
    assert_eq!(plant.events_of(id).await, ["command.issued", "command.canceled"]);
    let again = plant.cancel(id).await.unwrap_err();
    assert_eq!(
        again.to_string(),
        "a command that is canceled can't be canceled; allowed now: nothing"
    );
}

#[tokio::test]
async fn the_machine_is_asked_until_it_answers() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.report(E::CommandStarted, report(id)).await;
    plant.sent();
    let asked = plant.cancel(id).await.unwrap();
    assert_eq!((asked.state, asked.cancel_requested), (S::Running, true));
    let claims = cancellations(&plant).remove(0);
    assert_eq!((claims.aud, claims.command, claims.by.as_str()), (plant.machine, id, "Ada"));
    assert!(claims.exp > asked.expires_at.seconds() + asked.deadline_s);
    let again = plant.cancel(id).await.unwrap();
    assert_eq!(again, asked, "asked already");
    plant.sent();
    plant.pass(10);
    plant.tick().await;
    assert_eq!(cancellations(&plant).len(), 1);
    plant.report(E::CommandCanceled, report(id)).await;
    let done = plant.get(id).await;
    assert_eq!((done.state, done.cancel_requested), (S::Canceled, false));
    plant.pass(10);
    plant.tick().await;
    assert_eq!(plant.sent(), []);
}

#[tokio::test]
async fn what_runs_to_its_end_all_the_same_has_ended_so() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.cancel(id).await.unwrap();
    plant.report(E::CommandSucceeded, report(id)).await;
    assert_eq!(plant.state(id).await, S::Succeeded);
    let late = plant.cancel(id).await;
    assert!(matches!(late, Err(DispatchError::Illegal(_))), "{late:?}");
}

#[tokio::test]
async fn a_canceled_command_comes_only_after_its_cancellation() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.sent();
    plant.cancel(id).await.unwrap();
    plant.sent();
    plant.pass(10);
    plant.connect().await;
    let channels = |plant: &Plant| -> Vec<_> {
        plant.sent().into_iter().map(|(_, channel, _)| channel).collect()
    };
    assert_eq!(channels(&plant), [DownChannel::Cancel, DownChannel::Command]);
    plant.pass(10);
    plant.tick().await;
    assert_eq!(channels(&plant), [DownChannel::Cancel, DownChannel::Command]);
    plant.break_wire(true);
    plant.pass(10);
    plant.tick().await;
    plant.break_wire(false);
    plant.tick().await;
    assert_eq!(channels(&plant), [], "neither without the other");
}

#[tokio::test]
async fn who_may_issue_it_may_cancel_it() {
    let plant = Plant::start().await;
    let id = plant.issue("restart_agent", json!({})).await;
    let mut caller = plant.ada.clone();
    caller.permissions.remove(&millwright_core::access::Permission::IssueSoftwareCommands);
    let (store, now) = (&plant.store, plant.now());
    let refused = millwright_dispatch::cancel(store, &plant.metrics, &caller, id, now).await;
    assert!(matches!(refused, Err(DispatchError::Forbidden(_))), "{refused:?}");
}
