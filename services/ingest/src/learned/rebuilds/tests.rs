use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::Watch;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;

fn machine(n: usize) -> MachineId {
    MachineId(Uuid::from_u128(n as u128))
}

fn job(n: usize, ticket: u64) -> Job {
    let condition = json!({"kind": "anomaly", "signals": ["t"]});
    let condition = serde_json::from_value(condition).unwrap();
    let rule = Arc::new(CompiledRule::of_condition(condition).unwrap());
    let id = rule.rule().id;
    let mut watch = Watch::new(vec![rule], &Surroundings::default(), |_, _| None);
    let rebuild = watch.set_aside(id, ticket, false).unwrap();
    Job { machine: machine(n), rebuild, signals: Vec::new(), taken: 7, used: false }
}

fn key(n: usize) -> Key {
    (machine(n), job(n, 0).rebuild.rule())
}

async fn finish(rebuilds: &Rebuilds, n: usize, ticket: u64) {
    rebuilds.ask(job(n, ticket));
    let Job { rebuild, taken, .. } = *rebuilds.next().await;
    let done = Outcome::Done { rebuild: Box::new(rebuild), taken };
    rebuilds.end(key(n), ticket, done);
}

#[tokio::test]
async fn what_was_asked_for_is_told_until_it_is_over_and_taken_once() {
    let rebuilds = Rebuilds::default();
    assert!(rebuilds.ticket() < rebuilds.ticket());
    assert!(rebuilds.may_begin(key(1), Some(1)));
    rebuilds.ask(job(1, 1));
    assert!(!rebuilds.may_begin(key(1), Some(1)));
    assert!(rebuilds.may_begin(key(1), Some(2)) && rebuilds.may_begin(key(1), None));
    let next = rebuilds.next().await;
    assert_eq!((next.machine, next.rebuild.ticket()), (machine(1), 1));
    let so_far = Kept { version: 1, through: 5, state: vec![1], watching_since: Some(3) };
    rebuilds.keep(key(1), 1, so_far.clone());
    assert_eq!(rebuilds.take_kept(key(1), 2), None);
    assert_eq!(rebuilds.take_kept(key(1), 1), Some(so_far));
    assert_eq!(rebuilds.take_kept(key(1), 1), None);
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown), "it isn't over");
    rebuilds.end(key(1), 1, Outcome::Failed);
    assert!(rebuilds.may_begin(key(1), Some(1)));
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Failed));
    rebuilds.settle(false);
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Failed), "the batch has failed");
    rebuilds.settle(true);
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown));
}

#[tokio::test]
async fn what_is_asked_for_again_replaces_what_was() {
    let rebuilds = Rebuilds::default();
    rebuilds.ask(job(1, 1));
    rebuilds.ask(job(1, 2));
    let next = rebuilds.next().await;
    assert_eq!(next.rebuild.ticket(), 2);
    assert!(rebuilds.is_wanted(key(1), 2));
    rebuilds.ask(job(1, 3));
    assert!(!rebuilds.is_wanted(key(1), 2));
    rebuilds.end(key(1), 2, Outcome::Failed);
    assert!(!rebuilds.may_begin(key(1), Some(3)), "the end of another one");
}

/// As of machines that are heard in turn.
#[tokio::test]
async fn what_is_over_is_there_for_all_that_were_asked_for() {
    let rebuilds = Rebuilds::default();
    for n in 1..=300 {
        finish(&rebuilds, n, n as u64).await;
    }
    for n in 1..=300 {
        let Outcome::Done { taken, .. } = rebuilds.take(key(n), Some(n as u64)) else {
            panic!("{n} isn't there")
        };
        assert_eq!(taken, 7);
    }
    rebuilds.settle(true);
    assert_eq!(rebuilds.desk().over_bytes, 0);
}

#[tokio::test]
async fn beyond_the_bound_others_wait_until_something_is_taken() {
    let rebuilds = Rebuilds::new(Bounds { over_bytes: 1, ..Bounds::default() });
    finish(&rebuilds, 1, 1).await;
    rebuilds.ask(job(2, 2));
    assert!(rebuilds.begin().is_err_and(|until| until.is_some()));
    assert!(!rebuilds.may_begin(key(2), Some(2)));
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Done { .. }));
    assert!(rebuilds.begin().is_err(), "the batch isn't committed");
    rebuilds.settle(true);
    assert_eq!(rebuilds.next().await.machine, machine(2));
    // What can't be rebuilt lies there as well.
    rebuilds.end(key(2), 2, Outcome::Failed);
    rebuilds.ask(job(3, 3));
    assert!(rebuilds.begin().is_err());
    // Asked for anew, it isn't what is waited for.
    rebuilds.ask(job(2, 4));
    assert_eq!(rebuilds.next().await.machine, machine(3));
}

#[tokio::test]
async fn what_nobody_takes_for_long_makes_room() {
    let over_kept = Duration::from_millis(20);
    let bounds = Bounds { over_bytes: 1, over_kept, ..Bounds::default() };
    let rebuilds = Rebuilds::new(bounds);
    finish(&rebuilds, 1, 1).await;
    rebuilds.ask(job(2, 2));
    // Nobody tells it that there is room.
    let next = timeout(Duration::from_secs(60), rebuilds.next()).await.unwrap();
    assert_eq!(next.machine, machine(2));
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown));
}

#[tokio::test]
async fn what_was_watching_comes_before_what_is_new() {
    let rebuilds = Rebuilds::default();
    for n in 1..=4 {
        rebuilds.ask(Job { used: n > 2, ..job(n, n as u64) });
    }
    assert_eq!(rebuilds.waiting(), 4);
    for n in [3, 4, 1, 2] {
        assert_eq!(rebuilds.next().await.machine, machine(n));
    }
    assert_eq!((rebuilds.waiting(), rebuilds.desk().waiting_bytes), (0, 0));
}

#[tokio::test]
async fn where_there_is_no_room_only_what_was_asked_for_may_begin() {
    for bounds in [
        Bounds { waiting: 1, ..Bounds::default() },
        Bounds { waiting_bytes: 1, ..Bounds::default() },
    ] {
        let rebuilds = Rebuilds::new(bounds);
        finish(&rebuilds, 1, 1).await;
        rebuilds.ask(job(2, 2));
        assert!(!rebuilds.has_room());
        assert!(rebuilds.may_begin(key(1), Some(1)), "it is over");
        assert!(!rebuilds.may_begin(key(2), Some(2)), "it is to come");
        assert!(!rebuilds.may_begin(key(3), Some(3)), "it can't be asked for");
        assert!(rebuilds.may_begin(key(4), None), "it isn't known that it has to be");
        rebuilds.next().await;
        assert!(rebuilds.has_room() && rebuilds.may_begin(key(3), Some(3)));
    }
}

#[tokio::test]
async fn what_was_asked_for_of_rules_that_are_gone_is_dropped() {
    let rebuilds = Rebuilds::default();
    finish(&rebuilds, 1, 1).await;
    rebuilds.ask(job(2, 2));
    rebuilds.ask(job(3, 3));
    assert_eq!(rebuilds.next().await.machine, machine(2));
    let (rule, version) = (key(1).1, job(1, 1).rebuild.version());
    rebuilds.keep_only(|of, in_version| (of, in_version) == (rule, version));
    assert!(rebuilds.is_wanted(key(1), 1) && rebuilds.is_wanted(key(2), 2));
    assert_eq!(rebuilds.waiting(), 1);
    rebuilds.keep_only(|_, in_version| in_version != version);
    assert!(!rebuilds.is_wanted(key(2), 2), "it was worked on");
    assert!(rebuilds.begin().is_err(), "it was waiting");
    assert!(matches!(rebuilds.take(key(1), Some(1)), Outcome::Unknown), "it was over");
    let desk = rebuilds.desk();
    assert_eq!((desk.waiting_bytes, desk.over_bytes), (0, 0));
}

#[tokio::test]
async fn what_was_asked_for_is_found_again_unless_it_is_of_another_version_or_time() {
    let rebuilds = Rebuilds::default();
    let (version, other) = (job(1, 1).rebuild.version(), Some(Timestamp::from_micros(1)));
    assert_eq!(rebuilds.adopt(key(1), version, None), None);
    rebuilds.ask(job(1, 1));
    assert_eq!(rebuilds.adopt(key(1), version, None), Some(1));
    rebuilds.next().await;
    assert_eq!(rebuilds.adopt(key(1), version, None), Some(1), "it is worked on");
    rebuilds.end(key(1), 1, Outcome::Failed);
    assert_eq!(rebuilds.adopt(key(1), version, None), Some(1), "it is over");
    for (version, since) in [(version + 1, None), (version, other)] {
        rebuilds.ask(job(1, 1));
        assert_eq!(rebuilds.adopt(key(1), version, since), None);
        assert!(!rebuilds.is_wanted(key(1), 1) && rebuilds.begin().is_err());
    }
    rebuilds.ask(job(1, 1));
    rebuilds.ask(job(2, 2));
    rebuilds.forget(&[machine(1), machine(3)]);
    assert_eq!(rebuilds.adopt(key(1), version, None), None);
    assert_eq!(rebuilds.next().await.machine, machine(2));
}

#[tokio::test]
async fn of_what_is_not_worked_on_any_more_nothing_is_to_be_stored() {
    let rebuilds = Rebuilds::default();
    let so_far = Kept { version: 1, through: 5, state: vec![1], watching_since: Some(3) };
    for is_over in [true, false] {
        rebuilds.ask(job(1, 1));
        rebuilds.next().await;
        rebuilds.keep(key(1), 1, so_far.clone());
        assert!(rebuilds.has_kept());
        if is_over {
            rebuilds.end(key(1), 1, Outcome::Failed);
        } else {
            rebuilds.ask(job(1, 2));
        }
        assert!(!rebuilds.has_kept());
        rebuilds.keep(key(1), 3, so_far.clone());
        assert!(!rebuilds.has_kept(), "nobody wants it");
    }
}
