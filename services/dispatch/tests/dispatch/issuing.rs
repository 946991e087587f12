//! Issuing commands: what is accepted, what is refused and why.

use millwright_core::access::{Permission, Role};
use millwright_core::command::permission;
use millwright_dispatch::{DispatchError, catalogue, get, issue, limits, list, list_of_machine};
use millwright_schemas::api::commands::{CommandQuery, CommandState, IssueCommand};
use millwright_schemas::api::policies::CommandPolicy;
use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::{CommandId, TicketId};
use millwright_store::StoreError;
use millwright_store::work::CommandWanted;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::harness::{Plant, new, organization, person};

#[track_caller]
fn faults<T: std::fmt::Debug>(result: Result<T, DispatchError>) -> Vec<(String, String)> {
    let Err(DispatchError::Invalid(error)) = result else { panic!("{result:?}") };
    error.0.into_iter().map(|problem| (problem.field, problem.message)).collect()
}

#[tokio::test]
async fn a_command_is_issued_with_its_traces() {
    let plant = Plant::ready().await;
    let input = IssueCommand {
        purpose: Some("Probelauf".to_owned()),
        ..new("set_speed", json!({"percent": 50.5}))
    };
    let issued = plant.try_issue(&plant.ada, input).await.unwrap();
    assert_eq!(issued.state, CommandState::Queued);
    assert_eq!((issued.class, issued.ord), (Some(CommandClass::Motion), 1));
    assert_eq!((issued.deadline_s, issued.version), (30, 1));
    assert_eq!(issued.expires_at, plant.now().plus_seconds(60));
    assert_eq!(get(&plant.store, &plant.bob, issued.id).await.unwrap(), issued);
    assert_eq!(plant.events_of(issued.id).await, ["command.issued"]);
    let record = plant.audited(issued.id).await.remove(0);
    assert_eq!((record.action.as_str(), record.actor), ("command.issued", plant.ada.actor));
    assert_eq!(record.details["args"], r#"{"percent":50.5}"#);
    assert_eq!(record.details["purpose"], "Probelauf");
}

#[tokio::test]
async fn what_breaks_rules_is_told_by_field() {
    let plant = Plant::ready().await;
    let unknown = plant.try_issue(&plant.ada, new("fly", json!({}))).await;
    let told = faults(unknown);
    assert_eq!(told[0].0, "name");
    assert!(told[0].1.contains("it has: flash, ping, restart_agent, set_speed"), "{told:?}");
    let outside = plant.try_issue(&plant.ada, new("set_speed", json!({"percent": 500}))).await;
    assert_eq!(faults(outside)[0].0, "args.percent");
    let id = TicketId(Uuid::now_v7());
    let wrong = IssueCommand {
        ticket_id: Some(id),
        deadline_s: Some(31),
        expires_in_s: Some(1),
        ..new("ping", json!({}))
    };
    let told = faults(plant.try_issue(&plant.ada, wrong).await);
    let fields: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["expires_in_s", "deadline_s", "ticket_id"]);
    assert!(told[2].1.contains(&id.to_string()), "{told:?}");
}

#[tokio::test]
async fn each_class_needs_its_permission() {
    let plant = Plant::ready().await;
    for (name, args, class) in [
        ("ping", json!({}), CommandClass::Read),
        ("set_speed", json!({"percent": 50}), CommandClass::Motion),
        ("restart_agent", json!({}), CommandClass::Software),
    ] {
        let mut caller = plant.ada.clone();
        caller.permissions.remove(&permission(class));
        let refused = plant.try_issue(&caller, new(name, args.clone())).await;
        assert!(
            matches!(&refused, Err(DispatchError::Forbidden(f)) if f.0 == permission(class)),
            "{refused:?}"
        );
        caller.permissions = [permission(class)].into();
        plant.try_issue(&caller, new(name, args)).await.unwrap();
    }
    let mut viewer = plant.ada.clone();
    viewer.permissions = Role::Viewer.permissions();
    let refused = plant.try_issue(&viewer, new("ping", json!({}))).await;
    assert!(
        matches!(&refused, Err(DispatchError::Forbidden(f)) if f.0 == Permission::IssueReadCommands)
    );
}

#[tokio::test]
async fn another_organizations_machines_and_commands_do_not_exist() {
    let plant = Plant::ready().await;
    let own = plant.issue("ping", json!({})).await;
    let stranger = person(&plant.store, organization(&plant.store, None).await, "Eve").await;
    let (store, machine, now) = (&plant.store, plant.machine, plant.now());
    let missing = |result: Result<(), DispatchError>| {
        assert!(matches!(result, Err(DispatchError::Store(StoreError::NotFound(_)))), "{result:?}");
    };
    missing(issue(store, &stranger, machine, new("ping", json!({})), now).await.map(drop));
    missing(get(store, &stranger, own).await.map(drop));
    missing(catalogue(store, &stranger, machine).await.map(drop));
    let all = CommandQuery::default;
    missing(list_of_machine(store, &stranger, machine, all()).await.map(drop));
    assert!(list(store, &stranger, &all()).await.unwrap().items.is_empty());
    missing(
        millwright_dispatch::cancel(store, &plant.metrics, &stranger, own, now).await.map(drop),
    );
    let mine = list_of_machine(store, &plant.ada, machine, all()).await.unwrap();
    assert_eq!(mine.items.len(), 1);
    let told = catalogue(store, &plant.ada, machine).await.unwrap();
    assert!(told.known && told.commands[0].name == "flash");
}

#[tokio::test]
async fn a_machine_out_of_use_takes_none_and_too_many_are_refused() {
    let plant = Plant::start().await;
    for _ in 0..limits::OPEN_COMMANDS_MAX {
        plant.try_issue(&plant.ada, new("ping", json!({}))).await.unwrap();
    }
    let full = plant.try_issue(&plant.ada, new("ping", json!({}))).await;
    assert!(matches!(full, Err(DispatchError::Full)), "{full:?}");
    plant.decommission().await;
    let refused = plant.try_issue(&plant.ada, new("ping", json!({}))).await;
    assert!(matches!(refused, Err(DispatchError::OutOfUse(_))), "{refused:?}");
}

#[tokio::test]
async fn a_forbidden_class_is_refused_with_the_reason() {
    let plant = Plant::ready().await;
    let forbidden = vec![CommandClass::Motion];
    plant.set_policy(CommandPolicy { forbidden, ..CommandPolicy::default() }).await;
    let refused = plant.try_issue(&plant.ada, new("set_speed", json!({"percent": 50}))).await;
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("forbids commands of class motion"), "{error}");
    plant.try_issue(&plant.ada, new("ping", json!({}))).await.unwrap();
}

fn wanted(plant: &Plant, id: CommandId, name: &str) -> CommandWanted {
    CommandWanted {
        command: id,
        machine: plant.machine,
        name: name.to_owned(),
        args: Map::new(),
        ticket: None,
        purpose: Some("evidence".to_owned()),
    }
}

#[tokio::test]
async fn what_the_platform_wants_is_issued_once_and_only_where_it_is_known() {
    let plant = Plant::start().await;
    plant.connect().await;
    let (early, id) = (CommandId(Uuid::now_v7()), CommandId(Uuid::now_v7()));
    plant.leave(&wanted(&plant, early, "ping")).await;
    assert!(get(&plant.store, &plant.ada, early).await.is_err(), "nothing was told yet");
    plant.tell(crate::harness::LEDGER, 0).await;
    for _ in 0..2 {
        plant.leave(&wanted(&plant, id, "ping")).await;
    }
    let sent = plant.sent_commands();
    assert_eq!((sent.len(), sent[0].by.as_str()), (1, "Millwright"));
    let other = CommandId(Uuid::now_v7());
    plant.leave(&wanted(&plant, other, "collect_diagnostics")).await;
    let all = list(&plant.store, &plant.ada, &CommandQuery::default()).await.unwrap();
    assert_eq!(all.items.len(), 1);
}
