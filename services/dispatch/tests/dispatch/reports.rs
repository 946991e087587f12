//! What machines report, in any order, more than once, and about what isn't theirs.

use millwright_core::access::Actor;
use millwright_schemas::api::commands::CommandState as S;
use millwright_schemas::limits::{COMMAND_OUTPUT_MAX_BYTES, COMMAND_RESULT_MAX_BYTES};
use millwright_schemas::wire::command::{CommandReport, Rejection};
use millwright_schemas::wire::events::EventType as E;
use millwright_schemas::{CommandId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Plant, machine, report};

fn part(id: CommandId, part: u32, output: &str) -> CommandReport {
    CommandReport { part: Some(part), output: Some(output.to_owned()), ..report(id) }
}

#[tokio::test]
async fn a_command_is_followed_to_its_end() {
    let plant = Plant::ready().await;
    let id = plant.issue("set_speed", json!({"percent": 50})).await;
    for (event, state) in [
        (E::CommandReceived, S::Received),
        (E::CommandAwaitingConsent, S::AwaitingConsent),
        (E::CommandStarted, S::Running),
    ] {
        plant.pass(1);
        plant.report(event, report(id)).await;
        assert_eq!(plant.state(id).await, state);
    }
    let started = plant.now();
    plant.pass(1);
    let done = CommandReport {
        exit_code: Some(0),
        result: Some(json!({"percent": 50.5})),
        output: Some("done".to_owned()),
        ..report(id)
    };
    plant.report(E::CommandSucceeded, done).await;
    let command = plant.get(id).await;
    assert_eq!((command.state, command.exit_code), (S::Succeeded, Some(0)));
    assert_eq!(command.result, Some(json!({"percent": 50.5})));
    assert_eq!(command.output.as_deref(), Some("done"));
    assert_eq!((command.started_at, command.ended_at), (Some(started), Some(plant.now())));
    let names = [
        "command.issued",
        "command.sent",
        "command.received",
        "command.awaiting_consent",
        "command.started",
        "command.succeeded",
    ];
    assert_eq!(plant.events_of(id).await, names);
    let audited = plant.audited(id).await;
    let actions: Vec<_> = audited.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, names);
    assert_eq!(audited[1].actor, Actor::Platform);
    assert_eq!(audited[5].actor, Actor::Machine(plant.machine));
}

#[tokio::test]
async fn reports_count_in_any_order_and_once() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.report(E::CommandStarted, report(id)).await;
    let running = plant.get(id).await;
    for late in [E::CommandReceived, E::CommandAwaitingConsent, E::CommandStarted] {
        plant.report(late, report(id)).await;
        assert_eq!(plant.get(id).await, running);
    }
    plant.report(E::CommandFailed, CommandReport { exit_code: Some(3), ..report(id) }).await;
    let failed = plant.get(id).await;
    assert_eq!((failed.state, failed.exit_code), (S::Failed, Some(3)));
    for late in [E::CommandSucceeded, E::CommandStarted, E::CommandProgress, E::CommandFailed] {
        plant.report(late, part(id, 0, "x")).await;
        assert_eq!(plant.get(id).await, failed, "what has ended stays so");
    }
}

#[tokio::test]
async fn a_machine_that_knows_a_command_that_we_think_unsent_is_right() {
    let plant = Plant::ready().await;
    plant.disconnect().await;
    let id = plant.issue("ping", json!({})).await;
    assert_eq!(plant.state(id).await, S::Queued);
    plant.report(E::CommandStarted, report(id)).await;
    assert_eq!(plant.state(id).await, S::Running);
    plant.connect().await;
    assert_eq!(plant.sent_ids(), []);
}

#[tokio::test]
async fn only_the_machine_itself_is_heard() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    let other = machine(&plant.store, plant.organization).await;
    plant.report_of(other, E::CommandSucceeded, report(id)).await;
    assert_eq!(plant.state(id).await, S::Sent);
    plant.report(E::CommandSucceeded, report(CommandId(Uuid::now_v7()))).await;
    plant.report(E::AgentStarted, report(id)).await;
    assert_eq!(plant.state(id).await, S::Sent);
}

#[tokio::test]
async fn output_is_kept_part_by_part() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.report(E::CommandProgress, part(id, 0, "a")).await;
    assert_eq!(plant.state(id).await, S::Running, "what prints runs");
    plant.report(E::CommandProgress, part(id, 1, "b")).await;
    let before = plant.get(id).await;
    plant.report(E::CommandProgress, part(id, 1, "b")).await;
    plant.report(E::CommandProgress, part(id, 0, "a")).await;
    assert_eq!(plant.get(id).await, before, "parts that are there already");
    assert_eq!((before.output.as_deref(), before.output_cut), (Some("ab"), false));
    plant.report(E::CommandProgress, part(id, 3, "d")).await;
    let with_gap = plant.get(id).await;
    assert_eq!((with_gap.output.as_deref(), with_gap.output_cut), (Some("abd"), true));
    let progress = |names: Vec<String>| names.iter().filter(|n| *n == "command.progress").count();
    assert_eq!(progress(plant.events_of(id).await), 3);
    assert!(plant.audited(id).await.iter().all(|record| record.action != "command.progress"));
    for number in 4..24 {
        let text = "x".repeat(8 * 1024);
        plant.report(E::CommandProgress, part(id, number, &text)).await;
    }
    let output = plant.get(id).await.output.unwrap();
    assert!(output.len() <= COMMAND_OUTPUT_MAX_BYTES && output.starts_with("abd"));
    // The end brings all of it.
    let whole = CommandReport { output: Some("abcd".to_owned()), ..report(id) };
    plant.report(E::CommandSucceeded, whole).await;
    let done = plant.get(id).await;
    assert_eq!((done.output.as_deref(), done.output_cut), (Some("abcd"), false));
}

#[tokio::test]
async fn what_is_too_large_is_told_and_not_kept() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    let large =
        CommandReport { result: Some(json!("x".repeat(COMMAND_RESULT_MAX_BYTES))), ..report(id) };
    plant.report(E::CommandSucceeded, large).await;
    let command = plant.get(id).await;
    assert_eq!((command.state, command.result), (S::Succeeded, None));
    assert!(command.error.unwrap().contains("more than"));
    let id = plant.issue("ping", json!({})).await;
    let long = CommandReport { error: Some("x".repeat(100_000)), ..report(id) };
    plant.report(E::CommandFailed, long).await;
    assert_eq!(plant.get(id).await.error.map(|error| error.len()), Some(2_000));
}

#[tokio::test]
async fn a_refusal_keeps_its_reason() {
    let plant = Plant::ready().await;
    for (reason, state) in [
        (Rejection::ConsentRefused, S::Rejected),
        (Rejection::Forbidden, S::Rejected),
        (Rejection::ClockUntrusted, S::Rejected),
        (Rejection::Expired, S::Expired),
        (Rejection::OtherLedger, S::Interrupted),
    ] {
        let id = plant.issue("ping", json!({})).await;
        assert_eq!(plant.sent_ids(), [id]);
        let refused = CommandReport { reason: Some(reason), ..report(id) };
        plant.report(E::CommandRejected, refused).await;
        let command = plant.get(id).await;
        assert_eq!((command.state, command.reason), (state, Some(reason)));
    }
}

#[tokio::test]
async fn the_ends_of_commands_are_counted() {
    let plant = Plant::ready().await;
    let id = plant.issue("ping", json!({})).await;
    plant.pass(2);
    plant.report(E::CommandReceived, report(id)).await;
    plant.report(E::CommandSucceeded, report(id)).await;
    plant.report(E::CommandSucceeded, report(id)).await;
    let families = plant.registry.gather();
    let family = |name: &str| families.iter().find(|family| family.name() == name).unwrap();
    let ended = family("millwright_commands_ended_total").get_metric();
    let of = |state: &str| {
        let own = ended.iter().find(|metric| metric.get_label()[0].value() == state).unwrap();
        own.get_counter().get_value()
    };
    assert_eq!((of("succeeded"), of("failed")), (1.0, 0.0));
    let received = family("millwright_commands_received_seconds").get_metric();
    let received = received[0].get_histogram();
    assert_eq!((received.get_sample_count(), received.get_sample_sum()), (1, 2.0));
    assert_ne!(plant.now(), Timestamp::from_millis(0));
}
