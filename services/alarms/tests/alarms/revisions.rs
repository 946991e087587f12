//! What late samples show: found, stored once, told; nothing of it changes an alarm.

use millwright_alarms::revisions::Revisions;
use millwright_alarms::revisions::limits::{ATTEMPTS_MAX, QUIET_S, WAIT_S};
use millwright_alarms::{AlarmError, Raise, manage, revisions};
use millwright_core::access::{Actor, Caller, Permission};
use millwright_schemas::api::alarms::AlarmOrigin;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::policies::{PolicyInput, RetentionPolicy};
use millwright_schemas::api::revisions::{AlarmRevision, RevisionKind};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{OrganizationId, RuleId, UserId};
use millwright_store::machines::{fleet, surroundings};
use millwright_store::revisions::{Due, take};
use millwright_store::telemetry::late::{LateRow, mark};
use millwright_store::upkeep::{Steps, retention, take_turn};
use millwright_store::{Scope, StoreError, policies, rules};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::backtests::measured;
use crate::harness::{Plant, at};

/// When somebody looks, in seconds: long after all that came late.
const NOW: i64 = 100_000;
const DAY: i64 = 86_400;

fn caller(organization: OrganizationId) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::from_u128(1))),
        organization,
        permissions: [Permission::ReadAlarms].into(),
    }
}

/// A rule for the machine, unchanged since this time.
async fn rule(plant: &Plant, condition: Value, changed_s: i64) -> Rule {
    let rule = Rule {
        id: RuleId(Uuid::now_v7()),
        organization_id: plant.organization,
        name: "Hot".to_owned(),
        machine_id: Some(plant.machine),
        model: None,
        condition: serde_json::from_value(condition).unwrap(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0),
        updated_at: at(changed_s),
    };
    let tx = plant.store.begin().await.unwrap();
    rules::insert(&tx, &rule).await.unwrap();
    tx.commit().await.unwrap();
    rule
}

fn hot() -> Value {
    json!({"kind": "threshold", "signal": "t", "above": 80})
}

/// As ingest does when samples of these times came late.
async fn late(plant: &Plant, (from, to): (i64, i64), came_s: i64) {
    let machine = plant.machine;
    let (from, to, marked_at) = (at(from).micros(), at(to).micros(), at(came_s).micros());
    let mut tx = plant.store.begin_batch().await.unwrap();
    mark(&mut tx, &[LateRow { machine, from, to, marked_at }]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Looks at what is due at this time; how many parts of spans.
async fn look(plant: &Plant, now_s: i64) -> usize {
    work(&Revisions::new(plant.store.clone(), move || at(now_s), || false)).await
}

async fn work(worker: &Revisions) -> usize {
    let mut parts = 0;
    while worker.look_at_next().await.unwrap() {
        parts += 1;
    }
    parts
}

async fn found(plant: &Plant) -> Vec<AlarmRevision> {
    let caller = caller(plant.organization);
    let query = PageQuery::default();
    let page = revisions::list(&plant.store, &caller, plant.machine, &query).await;
    page.unwrap().items
}

fn raise(plant: &Plant, rule: &Rule, seconds: i64) -> Raise {
    Raise {
        origin: AlarmOrigin::Rule,
        source: "t".to_owned(),
        code: rule.id.to_string(),
        rule: Some((rule.id, rule.version)),
        ..plant.fault("", Severity::Major, seconds)
    }
}

#[tokio::test]
async fn an_alarm_that_was_missed_is_told_once_and_not_raised() {
    let plant = Plant::start().await;
    let rule = rule(&plant, hot(), 0).await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    for round in 0..2 {
        late(&plant, (20, 20), NOW - QUIET_S).await;
        assert_eq!(look(&plant, NOW).await, 1, "{round}");
        let found = found(&plant).await;
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!((one.kind, one.rule_id), (RevisionKind::Missed, Some(rule.id)));
        assert_eq!((one.from, one.to), (at(20), Some(at(40))));
        assert_eq!((one.severity, one.message.as_str()), (Some(Severity::Major), "t above 80"));
        assert_eq!((one.rule_version, one.alarm_id), (Some(1), None));
    }
    assert_eq!(plant.told().await, ["alarm.revised"]);
    assert!(plant.alarms(plant.machine).await.is_empty());
    assert_eq!(plant.ticket_jobs().await, 0);
}

#[tokio::test]
async fn an_alarm_that_is_unfounded_is_told_and_stays_as_it_is() {
    let plant = Plant::start().await;
    let condition = json!({"kind": "missing", "signal": "t", "for_s": 300});
    let rule = rule(&plant, condition, 0).await;
    let values = [(0, 1.0), (200, 1.0), (400, 1.0), (600, 1.0)];
    measured(&plant, plant.machine, "t", &values).await;
    // What came at 200 s came late: by then it was missing.
    plant.raise(raise(&plant, &rule, 300)).await;
    let before = plant.alarm().await;
    assert!(before.active);
    let jobs = plant.ticket_jobs().await;
    late(&plant, (200, 200), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    let found = found(&plant).await;
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.kind, one.alarm_id), (RevisionKind::Unfounded, Some(before.id)));
    assert_eq!((one.from, one.to, one.found_at), (at(300), None, at(NOW)));
    assert_eq!(plant.alarm().await, before);
    let seen = manage::get(&plant.store, &caller(plant.organization), before.id).await.unwrap();
    assert_eq!(seen.revision.map(|it| (it.id, it.found_at)), Some((one.id, at(NOW))));
    assert_eq!((jobs, plant.ticket_jobs().await), (1, 0));
    late(&plant, (200, 200), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(plant.told().await, ["alarm.raised", "alarm.revised"]);
}

#[tokio::test]
async fn alarms_that_are_as_they_would_be_are_not_told() {
    let plant = Plant::start().await;
    let rule = rule(&plant, hot(), 0).await;
    let values = [(10, 20.0), (20, 85.0), (30, 90.0), (40, 20.0)];
    measured(&plant, plant.machine, "t", &values).await;
    // Raised later than it would have been with what came late at 20 s.
    let raised = raise(&plant, &rule, 30);
    plant.raise(raised.clone()).await;
    plant.clear(raised, 40).await;
    late(&plant, (20, 20), 1_000).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, []);
}

#[tokio::test]
async fn a_rule_says_nothing_of_the_time_before_it_was_as_it_is_and_one_that_learns_nothing_at_all()
{
    let plant = Plant::start().await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    rule(&plant, hot(), 21).await;
    rule(&plant, json!({"kind": "anomaly", "signals": ["t"]}), 0).await;
    // It looks further back than is read.
    rule(&plant, json!({"kind": "missing", "signal": "t", "for_s": 8 * DAY}), 0).await;
    late(&plant, (20, 20), 1_000).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, []);
}

async fn keep(plant: &Plant, raw_days: Option<u32>) {
    let retention = RetentionPolicy { raw_days, ..RetentionPolicy::default() };
    let policy = PolicyInput { retention, ..PolicyInput::default() };
    let tx = plant.store.begin().await.unwrap();
    policies::put(&tx, plant.organization, &policy, 1, at(0)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn of_a_time_of_which_values_are_gone_nothing_is_said() {
    let plant = Plant::start().await;
    let condition = json!({"kind": "missing", "signal": "t", "for_s": 300});
    let rule = rule(&plant, condition, 0).await;
    let values = [(0, 1.0), (200, 1.0), (400, 1.0), (600, 1.0)];
    measured(&plant, plant.machine, "t", &values).await;
    plant.raise(raise(&plant, &rule, 300)).await;
    // By now values are kept for a day.
    keep(&plant, Some(1)).await;
    late(&plant, (200, 200), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, []);
    // What was removed isn't there again when they are kept for ever.
    let wanted = retention::Wanted::read(&plant.store, at(NOW)).await.unwrap();
    let turn = take_turn(&plant.store).await.unwrap().unwrap();
    retention::apply(&plant.store, &wanted, &Steps::new(&turn, &|| true)).await.unwrap();
    turn.end().await.unwrap();
    keep(&plant, None).await;
    late(&plant, (200, 200), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, []);
}

#[tokio::test]
async fn an_alarm_that_hangs_on_what_was_never_heard_is_not_unfounded() {
    let plant = Plant::start().await;
    // The machine runs since long ago; it says so when that changes.
    let condition = json!({"kind": "while",
        "while": {"kind": "threshold", "signal": "running", "above": 0},
        "condition": {"kind": "threshold", "signal": "t", "above": 80}});
    let rule = rule(&plant, condition, 0).await;
    measured(&plant, plant.machine, "running", &[(-40 * DAY, 1.0)]).await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    plant.raise(raise(&plant, &rule, 20)).await;
    late(&plant, (20, 20), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, []);
}

#[tokio::test]
async fn what_a_rule_says_of_the_time_before_its_machine_was_changed_is_not_told() {
    let plant = Plant::start().await;
    let condition = json!({"kind": "threshold", "signal": "t",
        "above": {"parameter": "hottest", "default": 80}});
    let rule = rule(&plant, condition, 0).await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    let raised = raise(&plant, &rule, 20);
    plant.raise(raised.clone()).await;
    plant.clear(raised, 40).await;
    let change = async |seconds: i64| {
        let before = fleet::get(&plant.store, Scope::Platform, plant.machine).await.unwrap();
        let parameters = serde_json::from_value(json!({"hottest": 90})).unwrap();
        let changed = Machine { parameters, version: before.version + 1, ..before.clone() };
        let tx = plant.store.begin().await.unwrap();
        fleet::save(&tx, Scope::Platform, &changed, before.version).await.unwrap();
        let of = surroundings::Of::Machine(plant.machine);
        surroundings::changed(&tx, of, at(seconds)).await.unwrap();
        tx.commit().await.unwrap();
    };
    change(25).await;
    late(&plant, (20, 20), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    assert_eq!(found(&plant).await, [], "it had another limit then");
    change(15).await;
    late(&plant, (20, 20), NOW - QUIET_S).await;
    assert_eq!(look(&plant, NOW).await, 1);
    let kinds: Vec<_> = found(&plant).await.iter().map(|one| (one.kind, one.from)).collect();
    assert_eq!(kinds, [(RevisionKind::Unfounded, at(20))]);
}

#[tokio::test]
async fn it_waits_for_more_but_not_for_ever() {
    let plant = Plant::start().await;
    late(&plant, (10, 20), 0).await;
    late(&plant, (30, 40), 200).await;
    assert_eq!(look(&plant, 200 + QUIET_S - 1).await, 0);
    late(&plant, (30, 40), WAIT_S - 1).await;
    assert_eq!(look(&plant, WAIT_S - 1).await, 0);
    assert_eq!(look(&plant, WAIT_S).await, 1);
    assert_eq!(look(&plant, NOW).await, 0);
}

#[tokio::test]
async fn a_long_span_is_looked_at_in_parts() {
    let plant = Plant::start().await;
    rule(&plant, hot(), 0).await;
    let hot_at = 35 * DAY;
    let values = [(10, 20.0), (hot_at, 85.0), (hot_at + 20, 20.0)];
    measured(&plant, plant.machine, "t", &values).await;
    late(&plant, (10, 40 * DAY), 1_000).await;
    assert_eq!(look(&plant, 41 * DAY).await, 2);
    let found = found(&plant).await;
    let times: Vec<_> = found.iter().map(|one| (one.kind, one.from)).collect();
    assert_eq!(times, [(RevisionKind::Missed, at(hot_at))]);
}

#[tokio::test]
async fn of_many_values_as_many_are_looked_at_in_one_go_as_may_be() {
    let plant = Plant::start().await;
    rule(&plant, hot(), 0).await;
    let value = |n: i64| (n * 1_000, if n == 50 { 85.0 } else { 20.0 });
    let values: Vec<_> = (0..=100).map(value).collect();
    measured(&plant, plant.machine, "t", &values).await;
    let worker = |values_max: usize| {
        Revisions::new(plant.store.clone(), || at(200_000), || false).at_most(values_max)
    };
    late(&plant, (10_000, 90_000), 1_000).await;
    assert_eq!(work(&worker(40)).await, 3);
    let missed = found(&plant).await;
    let times: Vec<_> = missed.iter().map(|one| (one.kind, one.from, one.to)).collect();
    assert_eq!(times, [(RevisionKind::Missed, at(50_000), Some(at(51_000)))]);
    // Not even the time around the first of them.
    late(&plant, (10_000, 90_000), 1_000).await;
    assert_eq!(work(&worker(3)).await, 1);
    let all = found(&plant).await;
    assert_eq!((all.len(), all[0].kind), (2, RevisionKind::NotEvaluated));
    assert_eq!((all[0].from, all[0].to), (at(10_000), Some(at(90_000))));
    assert_eq!(all[0].message, "too many values");
}

#[tokio::test]
async fn what_is_never_ended_is_told_as_not_evaluated() {
    let plant = Plant::start().await;
    rule(&plant, hot(), 0).await;
    late(&plant, (20, 30), 1_000).await;
    let now = at(NOW);
    let due = Due { quiet_since: now, waiting_since: now };
    for _ in 0..ATTEMPTS_MAX {
        // Whoever takes it is stopped at once.
        assert!(take(&plant.store, due, now, now).await.unwrap().is_some());
    }
    assert_eq!(look(&plant, NOW).await, 1);
    let found = found(&plant).await;
    let [one] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.kind, one.rule_id), (RevisionKind::NotEvaluated, None));
    assert_eq!((one.from, one.to), (at(20), Some(at(30))));
    assert_eq!(one.message, "begun too often, never ended");
    assert_eq!(look(&plant, NOW).await, 0);
}

#[tokio::test]
async fn a_platform_that_stops_gives_it_back() {
    let plant = Plant::start().await;
    rule(&plant, hot(), 0).await;
    measured(&plant, plant.machine, "t", &[(10, 20.0), (20, 85.0), (40, 20.0)]).await;
    late(&plant, (20, 20), 1_000).await;
    let stopping = Revisions::new(plant.store.clone(), || at(NOW), || true);
    assert!(!stopping.look_at_next().await.unwrap());
    assert_eq!(found(&plant).await, []);
    assert_eq!(look(&plant, NOW).await, 0, "it is leased");
    assert_eq!(look(&plant, NOW + 600).await, 1);
    assert_eq!(found(&plant).await.len(), 1);
}

#[tokio::test]
async fn strangers_see_nothing() {
    let plant = Plant::start().await;
    let list = async |caller: &Caller| {
        let page = PageQuery::default();
        revisions::list(&plant.store, caller, plant.machine, &page).await
    };
    let strange = list(&caller(OrganizationId(Uuid::nil()))).await;
    let missing = matches!(strange, Err(AlarmError::Store(StoreError::NotFound("machine"))));
    assert!(missing, "{strange:?}");
    let unable = Caller { permissions: [].into(), ..caller(plant.organization) };
    assert!(matches!(list(&unable).await, Err(AlarmError::Forbidden(_))));
}
