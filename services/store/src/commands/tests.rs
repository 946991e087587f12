//! Commands in a real database.

use millwright_core::access::Actor;
use millwright_core::command::{Contact, Out, Reached, State};
use millwright_schemas::api::commands::{Command, CommandState, CommandStateFilter};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::wire::command::{Capabilities, CommandClass, Rejection};
use millwright_schemas::{CommandId, LedgerId, MachineId, OrganizationId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait, QueryFilter as _};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::entities::{machine, machine_status};
use crate::page::PageRequest;
use crate::testing::{self, now, organization, store};
use crate::{Scope, Store, StoreError};

fn stored(organization: OrganizationId, machine: MachineId, ord: i64) -> StoredCommand {
    let issued_by = Actor::User(Uuid::now_v7().into());
    let command = Command {
        id: CommandId(Uuid::now_v7()),
        organization_id: organization,
        machine_id: machine,
        name: "set_speed".to_owned(),
        args: json!({"percent": 50.5}).as_object().unwrap().clone(),
        class: Some(CommandClass::Motion),
        state: CommandState::Queued,
        ticket_id: None,
        purpose: Some("Prüfung".to_owned()),
        issued_by: issued_by.into(),
        approved_by: None,
        expires_at: now().plus_seconds(300),
        deadline_s: 60,
        ord,
        reason: None,
        exit_code: None,
        result: None,
        error: None,
        output: None,
        output_cut: false,
        cancel_requested: false,
        version: 1,
        created_at: now(),
        updated_at: now(),
        sent_at: None,
        started_at: None,
        ended_at: None,
        machine_name: None,
        ticket_number: None,
    };
    StoredCommand {
        command,
        issued_by,
        issued_by_name: "Ada".to_owned(),
        ledger: None,
        output_parts: 0,
        cancel_requested_at: None,
        cancel_by_name: None,
    }
}

async fn add(store: &Store, item: &StoredCommand) {
    let tx = store.begin().await.unwrap();
    insert(&tx, item).await.unwrap();
    tx.commit().await.unwrap();
}

async fn connect(store: &Store, machine: MachineId, since: Timestamp) {
    let row = machine_status::ActiveModel {
        machine_id: Set(machine.uuid()),
        generation: Set(1),
        connected: Set(true),
        connected_at: Set(Some(since.micros())),
        ..Default::default()
    };
    let tx = store.begin().await.unwrap();
    machine_status::Entity::insert(row).exec_without_returning(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_command_is_read_as_it_was_written() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = testing::machine(&store, top).await;
    let first = stored(top, machine, 1);
    add(&store, &first).await;
    assert_eq!(get(&store, Scope::Platform, first.command.id).await.unwrap(), first);

    let mut changed = first.clone();
    changed.command.state = CommandState::Running;
    changed.command.reason = Some(Rejection::Busy);
    changed.command.exit_code = Some(-1);
    changed.command.result = Some(json!([1, 2.5, null]));
    changed.command.output = Some("x".to_owned());
    changed.command.approved_by = Some(Actor::Platform.into());
    changed.command.started_at = Some(now());
    changed.command.cancel_requested = true;
    changed.cancel_requested_at = Some(now());
    changed.ledger = Some(LedgerId(Uuid::from_u128(7)));
    changed.command.version = 2;
    let tx = store.begin().await.unwrap();
    save(&tx, &changed).await.unwrap();
    let late = save(&tx, &changed).await;
    assert!(matches!(late, Err(StoreError::VersionMismatch { current: 2 })), "{late:?}");
    tx.commit().await.unwrap();
    let read = get(&store, Scope::Platform, first.command.id).await.unwrap();
    assert_eq!(read, changed);
    let out = Out { reached: Reached::Running, ledger: changed.ledger, cancel: true };
    assert_eq!(read.state(), State::Out(out));

    let tx = store.begin().await.unwrap();
    let twice = insert(&tx, &StoredCommand { ..first.clone() }).await;
    assert!(matches!(twice, Err(StoreError::Exists(_))), "{twice:?}");
}

#[tokio::test]
async fn others_commands_are_invisible_and_lists_are_filtered() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let (own, other) = (organization(&store, Some(top)).await, organization(&store, None).await);
    let machine = testing::machine(&store, own).await;
    let open = stored(own, machine, 1);
    let mut done = stored(own, machine, 2);
    done.command.state = CommandState::Expired;
    add(&store, &open).await;
    add(&store, &done).await;

    let scope = Scope::Organization(own);
    let hidden = get(&store, Scope::Organization(other), open.command.id).await;
    assert!(matches!(hidden, Err(StoreError::NotFound(_))), "{hidden:?}");
    let listed = async |scope, filter| -> Vec<CommandId> {
        let page = PageRequest::parse("commands", &PageQuery::default()).unwrap();
        let found = list(&store, scope, filter, &page).await.unwrap();
        found.into_iter().map(|command| command.id).collect()
    };
    let all = Filter::default();
    assert_eq!(listed(scope, all).await, [done.command.id, open.command.id], "newest first");
    assert_eq!(listed(Scope::Organization(other), all).await, []);
    let by_state = |state| Filter { state: Some(state), ..all };
    assert_eq!(listed(scope, by_state(CommandStateFilter::Open)).await, [open.command.id]);
    assert_eq!(listed(scope, by_state(CommandStateFilter::Done)).await, [done.command.id]);
    let elsewhere = Filter { machine: Some(MachineId(Uuid::nil())), ..all };
    assert_eq!(listed(scope, elsewhere).await, []);
}

#[tokio::test]
async fn places_go_on_after_what_the_machine_has_told() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let machine = testing::machine(&store, top).await;
    let tx = store.begin().await.unwrap();
    assert_eq!(next_ord(&tx, machine).await.unwrap(), 1);
    insert(&tx, &stored(top, machine, 4)).await.unwrap();
    assert_eq!(next_ord(&tx, machine).await.unwrap(), 5);
    let told = Capabilities {
        version: "1.0".to_owned(),
        ledger: LedgerId(Uuid::from_u128(1)),
        last_ord: 41,
        reported_ord: None,
        commands: Vec::new(),
        signals: Vec::new(),
        rules_version: None,
    };
    capabilities::put(&tx, machine, &told, now()).await.unwrap();
    assert_eq!(next_ord(&tx, machine).await.unwrap(), 42);
    let later = Capabilities { last_ord: 42, ..told };
    capabilities::put(&tx, machine, &later, now()).await.unwrap();
    tx.commit().await.unwrap();
    let read = capabilities::get(&store, Scope::Organization(top), machine).await.unwrap();
    assert_eq!(read, Some((later, now())));
    let stranger = organization(&store, None).await;
    let hidden = capabilities::get(&store, Scope::Organization(stranger), machine).await;
    assert!(matches!(hidden, Err(StoreError::NotFound("machine"))), "{hidden:?}");
}

#[tokio::test]
async fn what_is_due_is_found_by_connection_and_by_time() {
    let (store, _folder) = store().await;
    let top = organization(&store, None).await;
    let parent = testing::machine(&store, top).await;
    let (child, alone) = (testing::machine(&store, top).await, testing::machine(&store, top).await);
    let row = machine::ActiveModel { parent_id: Set(Some(parent.uuid())), ..Default::default() };
    let tx = store.begin().await.unwrap();
    let adopted =
        machine::Entity::update_many().set(row).filter(machine::Column::Id.eq(child.uuid()));
    adopted.exec(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    add(&store, &stored(top, child, 1)).await;
    add(&store, &stored(top, alone, 1)).await;
    assert_eq!(contact::of(&store, child).await.unwrap(), Contact::default());
    assert_eq!(with_work(&store, None, 10).await.unwrap(), []);

    connect(&store, parent, now()).await;
    let by_parent = contact::of(&store, child).await.unwrap();
    assert_eq!(by_parent.connected_since, Some(now()));
    assert_eq!(with_work(&store, None, 10).await.unwrap(), [child]);
    assert_eq!(with_work(&store, Some(child), 10).await.unwrap(), []);
    connect(&store, child, now().plus_seconds(9)).await;
    let own = contact::of(&store, child).await.unwrap();
    assert_eq!(own.connected_since, Some(now().plus_seconds(9)), "its own goes first");

    assert_eq!(with_expired(&store, now(), 10).await.unwrap(), []);
    let over = with_expired(&store, now().plus_seconds(300), 10).await.unwrap();
    assert_eq!(over.len(), 2);
    assert_eq!(with_expired(&store, now().plus_seconds(300), 1).await.unwrap().len(), 1);
    let open = open_of(&store, child).await.unwrap();
    assert_eq!((open.len(), open[0].ord, open[0].state), (1, 1, State::Queued));
    let tx = store.begin().await.unwrap();
    assert_eq!(count_open(&tx, child).await.unwrap(), 1);
}

#[test]
fn open_means_not_final() {
    for state in CommandState::ALL {
        assert_eq!(OPEN.contains(&format!("'{state}'")), !state.is_final(), "{state}");
    }
}
