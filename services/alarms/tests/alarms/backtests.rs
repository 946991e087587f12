//! Rules tried on what is stored: asked for, done, canceled, begun anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millwright_alarms::backtests::limits::{
    ATTEMPTS_MAX, PREVIEW_RETRY_AFTER_S, PREVIEWS_WAITING_MAX, RETRY_AFTER_S, WAITING_MAX,
};
use millwright_alarms::backtests::{self, Backtests};
use millwright_alarms::{AlarmError, rules};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::backtests::{Backtest, BacktestInput, BacktestResult, BacktestState};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::rules::RuleInput;
use millwright_schemas::{BacktestId, MachineId, SignalKind, UserId};
use millwright_store::jobs::{self, Job, JobError, JobHandler as _};
use millwright_store::telemetry::latest::{self, LatestRow};
use millwright_store::telemetry::points::{self, PointRow};
use millwright_store::telemetry::series::{self, NewSeries};
use millwright_store::work::{self, BacktestDue};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Plant, at};

/// When people ask, in seconds.
const NOW: i64 = 100_000;

fn caller(plant: &Plant, user: u128) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::from_u128(user))),
        organization: plant.organization,
        permissions: [Permission::ReadRules, Permission::ReadTelemetry].into(),
    }
}

/// A number of the machine over time; what it said last is its newest.
pub async fn measured(plant: &Plant, machine: MachineId, signal: &str, values: &[(i64, f64)]) {
    let (signal, kind) = (signal.to_owned(), Some(SignalKind::Number));
    let mut tx = plant.store.begin_batch().await.unwrap();
    let new = [NewSeries { machine, signal, kind, created_at: 0 }];
    let series = series::create(&mut tx, &new).await.unwrap()[0];
    let row = |(s, value): &(i64, f64)| PointRow {
        series,
        ts: at(*s).micros(),
        value: Some(*value),
        quality: 0,
    };
    let rows: Vec<_> = values.iter().map(row).collect();
    points::insert_new(&mut tx, &rows).await.unwrap();
    if let Some(last) = rows.last() {
        let (ts, value) = (last.ts, last.value);
        let newest =
            LatestRow { series, ts, value, text: None, quality: 0, received_at: ts, unseen: false };
        latest::save(&mut tx, &[newest]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Above this limit, at the machine; what it is tried on is added.
#[allow(clippy::needless_pass_by_value, reason = "written as literals")]
fn hot(machine: MachineId, above: f64, backtest: Value) -> BacktestInput {
    let body = json!({"name": "Hot", "machine_id": machine, "severity": "major",
        "condition": {"kind": "threshold", "signal": "t", "above": above},
        "backtest": backtest});
    serde_json::from_value(body).unwrap()
}

async fn ask(plant: &Plant, input: BacktestInput) -> Backtest {
    backtests::create(&plant.store, &caller(plant, 1), input, at(NOW)).await.unwrap()
}

async fn take(plant: &Plant) -> Job {
    take_one(plant, "backtest.due").await
}

async fn take_one(plant: &Plant, kind: &str) -> Job {
    let now = at(NOW);
    let job = jobs::take(&plant.store, &[kind], now, now.plus_seconds(60)).await;
    job.unwrap().expect("a job")
}

fn worker(plant: &Plant) -> Backtests {
    Backtests::new(plant.store.clone(), || at(NOW), || false)
}

async fn done(plant: &Plant) {
    let job = take(plant).await;
    worker(plant).run(&job).await.unwrap();
    assert!(jobs::complete(&plant.store, &job).await.unwrap());
}

/// Does the preview that waits.
async fn previewed(plant: &Plant) {
    let job = take_one(plant, "backtest.preview").await;
    let worker = Backtests::previews(plant.store.clone(), || at(NOW), || false);
    worker.run(&job).await.unwrap();
    assert!(jobs::complete(&plant.store, &job).await.unwrap());
}

async fn seen(plant: &Plant, id: BacktestId) -> Backtest {
    backtests::get(&plant.store, &caller(plant, 1), id).await.unwrap()
}

async fn result(plant: &Plant, id: BacktestId) -> BacktestResult {
    let seen = seen(plant, id).await;
    assert_eq!((seen.state, &seen.error), (BacktestState::Succeeded, &None));
    seen.result.unwrap()
}

#[tokio::test]
async fn a_rule_is_tried_on_history_and_compared_with_another() {
    let plant = Plant::start().await;
    let other = plant.add(None).await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (30, 95.0), (40, 20.0)]).await;
    measured(&plant, other, "t", &[(10, 20.0), (50, 85.0), (60, 20.0)]).await;
    let against = json!({"name": "Hotter", "machine_id": other, "severity": "minor",
        "condition": {"kind": "threshold", "signal": "t", "above": 90}});
    let options = json!({"from": at(0), "to": at(100), "machine_ids": [plant.machine, other],
        "against": against, "lead_s": 60,
        "known_failures": [{"machine_id": plant.machine, "at": at(70), "name": "bearing"},
            {"machine_id": other, "at": at(20)}]});
    let asked = ask(&plant, hot(plant.machine, 80.0, options)).await;
    assert_eq!(
        (asked.state, asked.progress, asked.name.as_str()),
        (BacktestState::Queued, 0.0, "Hot")
    );
    done(&plant).await;
    let result = result(&plant, asked.id).await;
    let totals = &result.rule.totals;
    assert_eq!((totals.alarms, totals.tickets, totals.values), (2, 2, 7));
    assert_eq!(totals.in_alarm_s, 30.0);
    assert!((totals.in_alarm_share - 0.15).abs() < 1e-9, "{}", totals.in_alarm_share);
    let failures = totals.failures.unwrap();
    assert_eq!((failures.known, failures.announced, failures.missed), (2, 1, 1));
    assert_eq!(failures.alarms_without_failure, 1);
    let first = &result.rule.machines[0];
    assert_eq!(first.machine_id, plant.machine);
    assert_eq!((first.alarms[0].from, first.alarms[0].to), (at(20), Some(at(40))));
    assert_eq!(first.alarms[0].message, "t above 80");
    assert_eq!((first.first_value_at, first.last_value_at), (Some(at(10)), Some(at(40))));
    let told: Vec<_> =
        result.rule.failures.iter().map(|it| (it.name.as_deref(), it.announced_at)).collect();
    assert_eq!(told, [(Some("bearing"), Some(at(20))), (None, None)]);

    let against = result.against.unwrap();
    assert_eq!((against.totals.alarms, against.totals.tickets), (1, 0), "minor opens none");
    assert_eq!(against.machines[0].alarms[0].from, at(30));
    let differences = result.differences.unwrap();
    assert_eq!((differences.only_rule, differences.only_against), (1, 0));
    assert!(differences.complete);
    let [only] = &differences.machines[..] else { panic!("{differences:?}") };
    assert_eq!((only.machine_id, only.only_rule[0].from), (other, at(50)));
    let seen = seen(&plant, asked.id).await;
    assert_eq!((seen.progress, seen.values, seen.ended_at), (1.0, 7, Some(at(NOW))));
}

#[tokio::test]
async fn it_is_compared_with_a_version_that_a_rule_has_had() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    let writer = Caller { permissions: [Permission::WriteRules].into(), ..caller(&plant, 1) };
    let rule = |above: f64| -> RuleInput { hot(plant.machine, above, json!({})).into_parts().0 };
    let made = rules::create(&plant.store, &writer, rule(90.0), at(1)).await.unwrap();
    rules::replace(&plant.store, &writer, made.id, 1, rule(50.0), at(2)).await.unwrap();
    let options = |version: Value| json!({"from": at(0), "to": at(100), "against_rule_id": made.id, "against_version": version});
    for (version, expected) in [(json!(1), 0), (json!(2), 1), (Value::Null, 1)] {
        let asked = ask(&plant, hot(plant.machine, 80.0, options(version))).await;
        done(&plant).await;
        let result = result(&plant, asked.id).await;
        assert_eq!(result.against.unwrap().totals.alarms, expected);
        assert_eq!(result.differences.unwrap().only_rule, 1 - expected);
    }
    let wrong = hot(plant.machine, 80.0, options(json!(3)));
    let refused = backtests::create(&plant.store, &caller(&plant, 1), wrong, at(NOW)).await;
    let Err(AlarmError::Invalid(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.0[0].field, "backtest.against_version");
}

#[tokio::test]
async fn so_many_wait_and_one_that_is_canceled_makes_room() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0)]).await;
    let input = || hot(plant.machine, 80.0, json!({"from": at(0)}));
    let first = ask(&plant, input()).await;
    for _ in 1..WAITING_MAX {
        ask(&plant, input()).await;
    }
    let (store, own) = (&plant.store, caller(&plant, 1));
    let full = backtests::create(store, &own, input(), at(NOW)).await;
    assert!(matches!(full, Err(AlarmError::TooManyBacktests { .. })), "{full:?}");
    // Another's is canceled only by those who write rules.
    let other = caller(&plant, 2);
    let refused = backtests::cancel(store, &other, first.id, at(NOW)).await;
    assert!(matches!(refused, Err(AlarmError::Forbidden(_))), "{refused:?}");
    let canceled = backtests::cancel(store, &own, first.id, at(NOW)).await.unwrap();
    assert_eq!((canceled.state, canceled.ended_at), (BacktestState::Canceled, Some(at(NOW))));
    let later = at(NOW).plus_seconds(9);
    let again = backtests::cancel(store, &own, first.id, later).await.unwrap();
    assert_eq!((again.state, again.ended_at), (BacktestState::Canceled, Some(at(NOW))));
    ask(&plant, input()).await;
    // Its job finds nothing to do.
    done(&plant).await;
    assert_eq!(seen(&plant, first.id).await.state, BacktestState::Canceled);
    let page = PageQuery { limit: Some(3), cursor: None };
    let page = backtests::list(store, &own, &page).await.unwrap();
    assert_eq!((page.items.len(), page.next_cursor.is_some()), (3, true));
    let theirs = backtests::list(store, &other, &PageQuery::default()).await.unwrap();
    assert!(theirs.items.is_empty());
}

#[tokio::test]
async fn a_preview_says_what_it_tries_and_is_not_listed() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0)]).await;
    let options = json!({"from": at(0), "preview": true});
    let asked = ask(&plant, hot(plant.machine, 80.0, options)).await;
    let condition = hot(plant.machine, 80.0, json!({})).condition;
    assert_eq!((asked.preview, &asked.condition), (true, &condition));
    assert_eq!(asked.expires_at, at(NOW).plus_seconds(3_600));
    let own = caller(&plant, 1);
    let listed = backtests::list(&plant.store, &own, &PageQuery::default()).await.unwrap();
    assert!(listed.items.is_empty());
    previewed(&plant).await;
    assert_eq!(result(&plant, asked.id).await.rule.totals.alarms, 0);
}

#[tokio::test]
async fn a_preview_is_done_while_a_backtest_of_the_organization_runs() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0)]).await;
    let long = ask(&plant, hot(plant.machine, 80.0, json!({"from": at(0)}))).await;
    let running = take(&plant).await;
    millwright_store::backtests::begin(&plant.store, long.id, at(NOW)).await.unwrap();
    let options = json!({"from": at(0), "preview": true});
    let preview = ask(&plant, hot(plant.machine, 90.0, options)).await;
    previewed(&plant).await;
    assert_eq!(result(&plant, preview.id).await.rule.totals.alarms, 0);
    assert_eq!(seen(&plant, long.id).await.state, BacktestState::Running);
    worker(&plant).run(&running).await.unwrap();
    assert_eq!(result(&plant, long.id).await.rule.totals.alarms, 1);
}

#[tokio::test]
async fn previews_and_other_backtests_take_no_room_from_each_other() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0)]).await;
    let input =
        |preview: bool| hot(plant.machine, 80.0, json!({"from": at(0), "preview": preview}));
    for (preview, most) in [(false, WAITING_MAX), (true, PREVIEWS_WAITING_MAX)] {
        for _ in 0..most {
            ask(&plant, input(preview)).await;
        }
    }
    let own = caller(&plant, 1);
    for (preview, expected) in [(false, RETRY_AFTER_S), (true, PREVIEW_RETRY_AFTER_S)] {
        let full = backtests::create(&plant.store, &own, input(preview), at(NOW)).await;
        let Err(AlarmError::TooManyBacktests { retry_after_s }) = full else { panic!("{full:?}") };
        assert_eq!(retry_after_s, expected);
    }
    previewed(&plant).await;
    ask(&plant, input(true)).await;
}

/// A database of before has them.
#[tokio::test]
async fn a_preview_with_a_job_as_of_other_backtests_is_done() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0)]).await;
    let options = json!({"from": at(0), "preview": true});
    let asked = ask(&plant, hot(plant.machine, 80.0, options)).await;
    let due = BacktestDue { backtest: asked.id, organization: plant.organization };
    let tx = plant.store.begin().await.unwrap();
    work::enqueue(&tx, plant.organization, &due, at(NOW)).await.unwrap();
    tx.commit().await.unwrap();
    done(&plant).await;
    assert_eq!(result(&plant, asked.id).await.rule.totals.alarms, 1);
    // Its other job finds nothing to do.
    previewed(&plant).await;
    assert_eq!(result(&plant, asked.id).await.rule.totals.alarms, 1);
}

#[tokio::test]
async fn one_that_runs_stops_when_it_is_canceled() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0)]).await;
    let asked = ask(&plant, hot(plant.machine, 80.0, json!({"from": at(0)}))).await;
    let job = take(&plant).await;
    millwright_store::backtests::begin(&plant.store, asked.id, at(NOW)).await.unwrap();
    let own = caller(&plant, 1);
    let told = backtests::cancel(&plant.store, &own, asked.id, at(NOW)).await.unwrap();
    assert_eq!((told.state, told.cancel_requested), (BacktestState::Running, true));
    worker(&plant).run(&job).await.unwrap();
    assert_eq!(seen(&plant, asked.id).await.state, BacktestState::Canceled);
}

#[tokio::test]
async fn what_a_stopping_platform_gives_back_is_begun_anew_but_not_for_ever() {
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 85.0)]).await;
    let asked = ask(&plant, hot(plant.machine, 80.0, json!({"from": at(0)}))).await;
    let stopping = Arc::new(AtomicBool::new(true));
    let seen_by = Arc::clone(&stopping);
    let worker =
        Backtests::new(plant.store.clone(), || at(NOW), move || seen_by.load(Ordering::Relaxed));
    let job = take(&plant).await;
    let given_back = worker.run(&job).await;
    assert!(matches!(given_back, Err(JobError::Later(_))), "{given_back:?}");
    assert_eq!(seen(&plant, asked.id).await.state, BacktestState::Running);
    stopping.store(false, Ordering::Relaxed);
    worker.run(&job).await.unwrap();
    assert_eq!(result(&plant, asked.id).await.rule.totals.alarms, 1);
    jobs::complete(&plant.store, &job).await.unwrap();

    let asked = ask(&plant, hot(plant.machine, 80.0, json!({"from": at(0)}))).await;
    let job = Job { attempts: ATTEMPTS_MAX + 1, ..take(&plant).await };
    worker.run(&job).await.unwrap();
    let failed = seen(&plant, asked.id).await;
    assert_eq!(failed.state, BacktestState::Failed);
    assert!(failed.error.unwrap().starts_with("interrupted"));
}

#[tokio::test]
async fn machines_of_a_model_are_found_and_what_they_lack_is_told() {
    let plant = Plant::start().await;
    let other = plant.add(None).await;
    let tx = plant.store.begin().await.unwrap();
    let scope = millwright_store::Scope::Platform;
    for id in [plant.machine, other] {
        let mut machine = millwright_store::machines::fleet::load(&tx, scope, id).await.unwrap();
        machine.model = Some("mill".to_owned());
        machine.version += 1;
        millwright_store::machines::fleet::save(&tx, scope, &machine, 1).await.unwrap();
    }
    tx.commit().await.unwrap();
    measured(&plant, plant.machine, "t", &[(10, 85.0)]).await;
    let body = json!({"name": "Hot", "model": "mill", "severity": "major",
        "condition": {"kind": "threshold", "signal": "t", "above": 80}});
    let input: BacktestInput = serde_json::from_value(body).unwrap();
    let asked = ask(&plant, input).await;
    assert_eq!(asked.machine_ids, [plant.machine, other]);
    assert_eq!((asked.from, asked.to), (at(NOW - 30 * 86_400), at(NOW)));
    done(&plant).await;
    let result = result(&plant, asked.id).await;
    let lacking: Vec<_> =
        result.rule.machines.iter().map(|it| it.missing_signals.as_slice()).collect();
    assert_eq!(lacking, [&[][..], &["t".to_owned()][..]]);
    assert_eq!((result.rule.totals.alarms, result.machines_left_out), (1, 0));
}
