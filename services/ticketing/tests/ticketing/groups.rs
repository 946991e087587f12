//! Alarms with one cause, in any order, and many of them.

use millwright_schemas::api::tickets::{AlarmRole, AlarmTie};
use millwright_schemas::wire::events::Severity;

use crate::harness::Plant;

/// Machine, code, and when it began: a stopped line of four, two faults of one machine, and one that
/// stands alone.
const ALARMS: [(usize, &str, i64); 7] = [
    (0, "E-1", 0),
    (1, "E-1", 60),
    (2, "E-1", 100),
    (3, "E-1", 220),
    (4, "E-1", 700),
    (4, "E-2", 760),
    (5, "E-1", 2_000),
];

/// The open tickets, by title: title, machine, alarms.
async fn outcome(order: &[usize], at_once: usize) -> Vec<(String, usize, i64)> {
    let plant = Plant::start(6).await;
    for some in order.chunks(at_once) {
        for one in some {
            let (machine, code, seconds) = ALARMS[*one];
            plant.raise(machine, code, seconds).await;
        }
        plant.work().await;
    }
    let mut tickets = Vec::new();
    for ticket in plant.open_tickets().await {
        let machine = plant.machines.iter().position(|id| *id == ticket.machine_id).unwrap();
        let list = plant.alarm_list(ticket.id).await;
        let roots = list.iter().filter(|alarm| alarm.role == AlarmRole::Root);
        let roots: Vec<_> = roots.map(|alarm| alarm.machine_id).collect();
        assert_eq!(roots, [ticket.machine_id], "one root: {list:?}");
        tickets.push((ticket.title, machine, ticket.alarms));
    }
    tickets.sort();
    tickets
}

#[tokio::test]
async fn the_order_in_which_alarms_become_known_does_not_matter() {
    let expected: [(String, usize, i64); 3] = [
        ("Machine 0: fault E-1 (E-1), and 3 other alarms".to_owned(), 0, 4),
        ("Machine 4: fault E-1 (E-1), and 1 other alarm".to_owned(), 4, 2),
        ("fault E-1 (E-1)".to_owned(), 5, 1),
    ];
    for order in [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [3, 0, 5, 6, 2, 4, 1]] {
        for at_once in [1, 3, 7] {
            assert_eq!(outcome(&order, at_once).await, expected, "{order:?}, {at_once} at once");
        }
    }
}

#[tokio::test]
async fn more_alarms_than_are_listed_are_one_ticket_that_counts_them_all() {
    const COUNT: usize = 230;
    let plant = Plant::start(COUNT).await;
    for number in (0..COUNT).rev() {
        plant.raise(number, "E-1", i64::try_from(number).unwrap() / 10).await;
    }
    plant.work().await;
    let tickets = plant.open_tickets().await;
    assert_eq!(tickets.len(), 1, "{tickets:?}");
    let ticket = &tickets[0];
    assert_eq!((ticket.alarms, ticket.active_alarms), (230, 230));
    assert!(ticket.title.ends_with(": fault E-1 (E-1), and 229 other alarms"), "{}", ticket.title);
    let list = plant.alarm_list(ticket.id).await;
    assert_eq!(list.len(), 200);
    assert_eq!((list[0].role, list[0].machine_id), (AlarmRole::Root, ticket.machine_id));
    assert!(plant.machines[..10].contains(&ticket.machine_id), "one of those that began first");
    let symptoms = &list[1..];
    assert!(symptoms.iter().all(|alarm| alarm.reason == AlarmTie::SameSite), "{symptoms:?}");
}

/// What is measured is read for the alarm that opens a ticket, and for no other.
#[tokio::test]
async fn evidence_is_gathered_only_for_what_opens_a_ticket() {
    let plant = Plant::start(4).await;
    plant.raise(0, "E-1", 0).await;
    plant.work().await;
    // Whoever reads what was measured fails now.
    plant.execute("ALTER TABLE series RENAME TO series_away").await;
    plant.raise(0, "E-2", 60).await;
    plant.raise_as(Severity::Warning, 2, "W-1", 5_000).await;
    plant.work().await;
    let tickets = plant.open_tickets().await;
    assert_eq!((tickets.len(), tickets[0].alarms), (1, 2));
    plant.raise(3, "E-1", 5_000).await;
    assert!(plant.try_work().await.is_err(), "this one opens a ticket");
    assert_eq!(plant.open_tickets().await.len(), 1);
    plant.execute("ALTER TABLE series_away RENAME TO series").await;
}
