//! Commands that a second person must approve.

use millwright_core::access::Actor;
use millwright_dispatch::{DispatchError, decide};
use millwright_schemas::ApiTokenId;
use millwright_schemas::api::commands::{CommandState as S, DecideCommand};
use millwright_schemas::api::policies::CommandPolicy;
use millwright_schemas::wire::command::CommandClass;
use millwright_store::people::api_tokens::{self, ApiToken};
use serde_json::json;
use uuid::Uuid;

use crate::harness::Plant;

async fn plant() -> Plant {
    let plant = Plant::ready().await;
    let approval_required = vec![CommandClass::Motion];
    plant.set_policy(CommandPolicy { approval_required, ..CommandPolicy::default() }).await;
    plant
}

#[tokio::test]
async fn another_person_approves() {
    let plant = plant().await;
    let id = plant.issue("set_speed", json!({"percent": 50})).await;
    let other = plant.issue("ping", json!({})).await;
    assert_eq!(plant.state(id).await, S::AwaitingApproval);
    assert_eq!(plant.sent_ids(), [other], "it holds up nobody");
    let own = plant.decide(&plant.ada, id, true).await;
    assert!(matches!(own, Err(DispatchError::OwnCommand)), "{own:?}");

    let approved = plant.decide(&plant.bob, id, true).await.unwrap();
    assert_eq!((approved.state, approved.ord), (S::Queued, 3), "after what came meanwhile");
    assert_eq!(approved.approved_by, Some(plant.bob.actor.into()));
    let report = crate::harness::report(other);
    plant.report(millwright_schemas::wire::events::EventType::CommandSucceeded, report).await;
    assert_eq!(plant.sent_commands()[0].ord, 3);
    let again = plant.decide(&plant.bob, id, true).await.unwrap_err().to_string();
    assert_eq!(again, "a command that is sent can't be approved; allowed now: cancel");
}

#[tokio::test]
async fn what_the_policy_forbids_meanwhile_is_neither_approved_nor_handed_over() {
    let plant = plant().await;
    let waiting = plant.issue("set_speed", json!({"percent": 50})).await;
    plant.disconnect().await;
    let queued = plant.issue("ping", json!({})).await;
    let forbidden = vec![CommandClass::Motion, CommandClass::Read];
    plant.set_policy(CommandPolicy { forbidden, ..CommandPolicy::default() }).await;
    let refused = plant.decide(&plant.bob, waiting, true).await;
    assert!(matches!(refused, Err(DispatchError::ForbiddenByPolicy(_))), "{refused:?}");
    plant.connect().await;
    plant.tell(crate::harness::LEDGER, 0).await;
    assert_eq!(plant.state(queued).await, S::Rejected);
    assert!(plant.sent_ids().is_empty());
}

#[tokio::test]
async fn another_person_refuses_with_a_reason() {
    let plant = plant().await;
    let id = plant.issue("set_speed", json!({"percent": 50})).await;
    let (store, now) = (&plant.store, plant.now());
    for reason in [None, Some(String::new()), Some("x".repeat(501))] {
        let input = DecideCommand { approve: false, reason };
        let refused = decide(store, &plant.metrics, &plant.bob, id, input, now).await;
        assert!(
            matches!(&refused, Err(DispatchError::Invalid(p)) if p.0[0].field == "reason"),
            "{refused:?}"
        );
    }
    let refused = plant.decide(&plant.bob, id, false).await.unwrap();
    assert_eq!((refused.state, refused.error.as_deref()), (S::Rejected, Some("not now")));
    assert_eq!(plant.events_of(id).await, ["command.issued", "command.refused"]);
}

#[tokio::test]
async fn a_token_of_ones_own_is_no_other_person() {
    let plant = plant().await;
    let Actor::User(ada) = plant.ada.actor else { panic!("a person") };
    let token = ApiToken {
        id: ApiTokenId(Uuid::now_v7()),
        organization: plant.organization,
        name: "script".to_owned(),
        hash: vec![1],
        scopes: plant.ada.permissions.clone(),
        created_by: ada,
        created_at: plant.now(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let tx = plant.store.begin().await.unwrap();
    api_tokens::insert(&tx, &token).await.unwrap();
    tx.commit().await.unwrap();
    let mut script = plant.ada.clone();
    script.actor = Actor::ApiToken(token.id);

    let id = plant.issue("set_speed", json!({"percent": 50})).await;
    let refused = plant.decide(&script, id, true).await;
    assert!(matches!(refused, Err(DispatchError::OwnCommand)), "{refused:?}");
    let by_script = crate::harness::new("set_speed", json!({"percent": 50}));
    let id = plant.try_issue(&script, by_script).await.unwrap().id;
    let refused = plant.decide(&plant.ada, id, true).await;
    assert!(matches!(refused, Err(DispatchError::OwnCommand)), "{refused:?}");
    plant.decide(&plant.bob, id, true).await.unwrap();
    assert_eq!(plant.sent_commands()[0].by, "script");
}

#[tokio::test]
async fn what_nobody_decides_about_expires() {
    let plant = plant().await;
    let id = plant.issue("set_speed", json!({"percent": 50})).await;
    plant.pass(60);
    plant.tick().await;
    assert_eq!(plant.state(id).await, S::Expired);
    let late = plant.decide(&plant.bob, id, true).await;
    assert!(matches!(late, Err(DispatchError::Illegal(_))), "{late:?}");
}
