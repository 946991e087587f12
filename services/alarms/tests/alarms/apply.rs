//! What machines tell about alarms.

use std::sync::Arc;

use millwright_alarms::{AlarmEvent, apply};
use millwright_core::access::Actor;
use millwright_schemas::RuleId;
use millwright_schemas::api::alarms::{AlarmOrigin, ClearReason, Suppression};
use millwright_schemas::wire::events::{FaultRaised, Severity};
use serde_json::Map;

use crate::harness::{Plant, at};

fn listed(code: &str, severity: Severity, since_s: Option<i64>) -> FaultRaised {
    FaultRaised {
        code: code.to_owned(),
        source: String::new(),
        severity,
        message: format!("fault {code}"),
        context: Map::new(),
        since_ts: since_s.map(|seconds| at(seconds).millis()),
    }
}

#[tokio::test]
async fn an_alarm_is_raised_repeated_changed_and_cleared() {
    let plant = Plant::start().await;
    let fault = |severity, seconds| plant.fault("E-1", severity, seconds);
    plant.raise(fault(Severity::Minor, 0)).await;
    plant.raise(fault(Severity::Minor, 1)).await;
    plant.raise(fault(Severity::Critical, 2)).await;
    plant.raise(fault(Severity::Warning, 3)).await;
    let alarm = plant.alarm().await;
    assert_eq!((alarm.count, alarm.severity, alarm.active), (4, Severity::Warning, true));
    assert_eq!((alarm.raised_at, alarm.changed_at), (at(0), at(3)));
    plant.clear(fault(Severity::Minor, 0), 4).await;
    let alarm = plant.alarm().await;
    assert_eq!((alarm.active, alarm.cleared_at), (false, Some(at(4))));
    assert_eq!(alarm.clear_reason, Some(ClearReason::Normal));
    let changed = ["alarm.changed"; 3];
    let told = [&["alarm.raised"][..], &changed, &["alarm.cleared"]].concat();
    assert_eq!(plant.told().await, told);
    assert_eq!(plant.ticket_jobs().await, 4, "raised, two other severities, and its end");
    plant.raise(fault(Severity::Minor, 5)).await;
    assert_eq!(plant.alarms(plant.machine).await.len(), 2, "a new alarm after the clear");
}

#[tokio::test]
async fn a_hundred_raises_at_once_are_one_alarm() {
    let plant = Arc::new(Plant::start().await);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let plant = Arc::clone(&plant);
            tokio::spawn(async move {
                plant.raise(plant.fault("E-1", Severity::Major, number % 7)).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let alarm = plant.alarm().await;
    assert_eq!((alarm.count, alarm.active), (100, true));
    assert_eq!(plant.ticket_jobs().await, 1);
}

#[tokio::test]
async fn what_comes_late_undoes_nothing() {
    let plant = Plant::start().await;
    let fault = |seconds| plant.fault("E-1", Severity::Major, seconds);
    plant.raise(fault(10)).await;
    plant.clear(fault(10), 9).await;
    assert!(plant.alarm().await.active, "the clear is older than the raise");
    plant.clear(fault(10), 20).await;
    plant.raise(millwright_alarms::Raise { received_at: at(30), ..fault(15) }).await;
    let alarm = plant.alarm().await;
    assert_eq!((alarm.active, alarm.count), (false, 1), "that raise was over before the clear");
}

#[tokio::test]
async fn a_clock_that_was_ahead_leaves_no_alarm_that_never_clears() {
    let plant = Plant::start().await;
    let fault = plant.fault("E-1", Severity::Major, 0);
    plant.raise(millwright_alarms::Raise { at: at(80_000), ..fault.clone() }).await;
    plant.clear(fault, 5).await;
    let alarm = plant.alarm().await;
    assert!(!alarm.active);
    assert_eq!(alarm.cleared_at, Some(at(80_000)), "never before it was raised");
}

#[tokio::test]
async fn a_snapshot_puts_things_right() {
    let plant = Plant::start().await;
    plant.raise(plant.fault("gone", Severity::Major, 0)).await;
    plant.raise(plant.fault("worse", Severity::Minor, 0)).await;
    plant.raise(plant.fault("same", Severity::Minor, 0)).await;
    plant.raise(plant.fault("newer", Severity::Minor, 100)).await;
    let faults = vec![
        listed("worse", Severity::Critical, None),
        listed("same", Severity::Minor, Some(0)),
        listed("unknown", Severity::Warning, Some(5)),
    ];
    plant.snapshot(faults.clone(), 50).await;
    plant.snapshot(faults, 51).await;
    let all = plant.alarms(plant.machine).await;
    let seen: Vec<_> =
        all.iter().map(|a| (a.code.as_str(), a.active, a.severity, a.count)).collect();
    let expected = [
        ("gone", false, Severity::Major, 1),
        ("worse", true, Severity::Critical, 1),
        ("same", true, Severity::Minor, 1),
        ("newer", true, Severity::Minor, 1),
        ("unknown", true, Severity::Warning, 1),
    ];
    assert_eq!(seen, expected);
    assert_eq!(all[0].clear_reason, Some(ClearReason::Snapshot));
    assert_eq!((all[4].raised_at, all[4].changed_at), (at(5), at(50)));
}

#[tokio::test]
async fn a_lost_parent_is_one_alarm() {
    let plant = Plant::start().await;
    let (early, late) =
        (plant.add(Some(plant.machine)).await, plant.add(Some(plant.machine)).await);
    plant.raise(plant.contact(early, 0)).await;
    plant.raise(plant.contact(plant.machine, 1)).await;
    plant.raise(plant.contact(late, 2)).await;
    for child in [early, late] {
        let alarm = &plant.alarms(child).await[0];
        assert_eq!(alarm.suppressed_by, Some(Suppression::ParentLost));
    }
    assert_eq!(plant.alarm().await.suppressed_by, None);
    let of_the_child =
        millwright_alarms::Raise { machine: late, ..plant.fault("E-1", Severity::Major, 3) };
    plant.raise(of_the_child).await;
    assert_eq!(plant.alarms(late).await[1].suppressed_by, None, "only lost contact is explained");
}

#[tokio::test]
async fn the_alarms_of_a_rule_or_a_machine_end_with_it() {
    let plant = Plant::start().await;
    let rule = RuleId(uuid::Uuid::now_v7());
    let mut raise = plant.fault("x", Severity::Major, 0);
    (raise.origin, raise.code) = (AlarmOrigin::Rule, rule.to_string());
    plant.raise(raise).await;
    plant.raise(plant.fault("E-1", Severity::Major, 0)).await;
    let tx = plant.store.begin().await.unwrap();
    let by = Actor::Platform;
    let gone = ClearReason::RuleDeleted;
    let none = millwright_alarms::clear_rule(&tx, rule, gone, by, at(9)).await.unwrap();
    assert_eq!(none, 0, "no rule stands with it");
    let gone = ClearReason::Decommissioned;
    let count = millwright_alarms::clear_machine(&tx, plant.machine, gone, by, at(9)).await;
    assert_eq!(count.unwrap(), 2);
    tx.commit().await.unwrap();
    assert!(plant.alarms(plant.machine).await.iter().all(|alarm| !alarm.active));
}

#[tokio::test]
async fn what_is_rolled_back_was_never_raised() {
    let plant = Plant::start().await;
    let mut tx = plant.store.begin_batch().await.unwrap();
    let raise = AlarmEvent::Raise(plant.fault("E-1", Severity::Major, 0));
    apply(&mut tx, raise).await.unwrap();
    drop(tx);
    assert!(plant.alarms(plant.machine).await.is_empty());
    assert_eq!(plant.ticket_jobs().await, 0);
}
