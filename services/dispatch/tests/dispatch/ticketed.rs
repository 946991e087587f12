//! Commands that belong to a ticket.

use millwright_core::access::Actor;
use millwright_core::ticket::TicketRecord;
use millwright_dispatch::DispatchError;
use millwright_schemas::api::commands::{CommandState, IssueCommand};
use millwright_schemas::api::tickets::{Priority, Ticket, TicketState};
use millwright_schemas::wire::events::EventType;
use millwright_schemas::{MachineId, TicketId};
use millwright_store::work::{TicketNote, Work, payload};
use millwright_store::{jobs, tickets};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Plant, machine, new, report};

async fn ticket(plant: &Plant, machine_id: MachineId, number: i64, state: TicketState) -> TicketId {
    let ticket = Ticket {
        id: TicketId(Uuid::now_v7()),
        number: format!("T-{number}"),
        organization_id: plant.organization,
        machine_id,
        title: "Noise".to_owned(),
        description: String::new(),
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: Priority::P3,
        assignee_id: None,
        opened_by: Actor::Platform.into(),
        reopened: 0,
        active_alarms: 0,
        alarms: 0,
        alarm_list: None,
        next_states: Vec::new(),
        external_ids: Default::default(),
        version: 1,
        created_at: plant.now(),
        updated_at: plant.now(),
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let id = ticket.id;
    let record = TicketRecord { ticket, cause: None, worst: None, close_at: None, began_at: None };
    let tx = plant.store.begin().await.unwrap();
    tickets::insert(&tx, &record).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn on(ticket: TicketId) -> IssueCommand {
    IssueCommand { ticket_id: Some(ticket), ..new("ping", json!({})) }
}

#[tokio::test]
async fn the_machine_reads_its_number_and_the_ticket_gets_its_notes() {
    let plant = Plant::ready().await;
    let id = ticket(&plant, plant.machine, 1_042, TicketState::InProgress).await;
    let issued = plant.try_issue(&plant.ada, on(id)).await.unwrap();
    plant.work().await;
    assert_eq!(plant.sent_commands()[0].ticket.as_deref(), Some("T-1042"));
    plant.report(EventType::CommandSucceeded, report(issued.id)).await;
    let mut notes = Vec::new();
    let lease = plant.now().plus_seconds(60);
    while let Some(job) =
        jobs::take(&plant.store, &[TicketNote::KIND], plant.now(), lease).await.unwrap()
    {
        let note: TicketNote = payload(&job).unwrap();
        assert_eq!((note.ticket, note.machine), (id, plant.machine));
        assert_eq!(note.data["command_id"], issued.id.to_string());
        notes.push((note.note, note.data["state"].clone(), note.by));
        assert!(jobs::complete(&plant.store, &job).await.unwrap());
    }
    let expected = [
        ("command_issued".to_owned(), json!("queued"), plant.ada.actor),
        ("command_ended".to_owned(), json!("succeeded"), Actor::Machine(plant.machine)),
    ];
    assert_eq!(notes, expected);
    assert_eq!(plant.state(issued.id).await, CommandState::Succeeded);
}

#[tokio::test]
async fn a_ticket_is_of_the_same_machine_and_open() {
    let plant = Plant::ready().await;
    let other = machine(&plant.store, plant.organization).await;
    let elsewhere = ticket(&plant, other, 1, TicketState::New).await;
    let refused = plant.try_issue(&plant.ada, on(elsewhere)).await.unwrap_err();
    let DispatchError::Invalid(fields) = refused else { panic!("{refused}") };
    assert_eq!(fields.0[0].field, "ticket_id");
    assert!(fields.0[0].message.contains("T-1 is about another machine"));
    let closed = ticket(&plant, plant.machine, 2, TicketState::Closed).await;
    let refused = plant.try_issue(&plant.ada, on(closed)).await.unwrap_err();
    assert!(matches!(refused, DispatchError::TicketOver { .. }));
    assert!(refused.to_string().starts_with("ticket T-2 is closed;"), "{refused}");
}
