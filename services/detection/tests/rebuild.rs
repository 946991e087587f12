//! What rules have learned is rebuilt beside their watch, and comes back as if it had been there.
#![allow(clippy::unwrap_used, missing_docs, clippy::cast_precision_loss)]

mod common;

use std::sync::Arc;

use common::{at, compiled};
use millwright_detection::anomaly::status::{self, LearningStage};
use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Checkpoint, Checkpoints, Rebuild, Watch};
use millwright_schemas::{RuleId, Timestamp};
use serde_json::{Value, json};

/// Three days of a sample a second.
const SECONDS: usize = 3 * 86_400;

/// Always the same, between -0.5 and 0.5.
fn noise(second: usize, of: u64) -> f64 {
    let mut x = (second as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(of + 1);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f64 / (1_u32 << 24) as f64 - 0.5
}

/// A temperature with a course of the day, and what it makes of a pressure.
fn sample(second: usize) -> [f64; 2] {
    let day = (second as f64 / 86_400.0 * std::f64::consts::TAU).sin();
    [20.0 + 5.0 * day + noise(second, 0), 3.0 + day + 0.2 * noise(second, 1)]
}

fn rule(together: bool) -> Arc<CompiledRule> {
    compiled(json!({"kind": "anomaly", "signals": ["t", "p"], "together": together}))
}

fn watch(rule: &Arc<CompiledRule>) -> Watch {
    Watch::new(vec![Arc::clone(rule)], &Surroundings::default(), |_, _| None)
}

fn live(watch: &mut Watch, seconds: std::ops::Range<usize>) {
    for second in seconds {
        let [t, p] = sample(second).map(Reading::Number);
        watch.instant(at(second as f64), [("t", t), ("p", p)]);
    }
}

fn checkpoint(watch: &mut Watch) -> Option<Checkpoint> {
    watch.take_checkpoints(Checkpoints { now: at(0.0), every_us: 0, most: 10 }).pop()
}

/// A watch that is behind, as after a restart.
fn behind(rule: &Arc<CompiledRule>) -> Watch {
    let mut watch = watch(rule);
    watch.follow(Watch::default());
    watch
}

fn set_aside(watch: &mut Watch, id: RuleId, ticket: u64, stored: Option<&[u8]>) -> Rebuild {
    let used = watch.begin_learning(id, stored.map(|state| (state, at(0.0))));
    assert_eq!(used, stored.is_some());
    let newest = Some(at((SECONDS - 1) as f64));
    watch.judged_to(id, vec![newest, newest], false);
    let mut rebuild = watch.set_aside(id, ticket, used).unwrap();
    let aside = watch.behind().remove(0);
    assert_eq!((aside.begun, aside.aside, aside.paced), (false, Some(ticket), true));
    rebuild.begin();
    rebuild
}

fn take(rebuild: &mut Rebuild, seconds: std::ops::Range<usize>) {
    for second in seconds {
        let [t, p] = sample(second).map(Reading::Number);
        assert!(rebuild.take(at(second as f64), &[(0, t), (1, p)]));
    }
}

#[test]
fn what_is_rebuilt_is_what_was_lived_through() {
    for together in [false, true] {
        let rule = rule(together);
        let id = rule.rule().id;
        let mut lived = watch(&rule);
        live(&mut lived, 0..SECONDS);
        let mut later = behind(&rule);
        let mut rebuild = set_aside(&mut later, id, 1, None);
        assert_eq!((rebuild.is_together(), rebuild.rule()), (together, id));
        assert_eq!(rebuild.judged(1), Some(at((SECONDS - 1) as f64)));
        take(&mut rebuild, 0..SECONDS);
        assert!(later.take_back(rebuild));
        let back = later.behind().remove(0);
        assert_eq!((back.begun, back.aside), (true, None));
        assert_eq!(back.signals[0].1, Some(at((SECONDS - 1) as f64)));
        later.caught_up(id);
        // It learns and judges as the other one does.
        for watch in [&mut lived, &mut later] {
            live(watch, SECONDS..SECONDS + 3_600);
        }
        assert_eq!(lived.score(), later.score());
        let kept = checkpoint(&mut later).unwrap();
        assert_eq!(kept.state, checkpoint(&mut lived).unwrap().state);
        assert_eq!(status::read(&kept.state).unwrap().stage, LearningStage::Watching);
    }
}

/// The process may end meanwhile.
#[test]
fn what_was_kept_on_the_way_is_where_the_next_one_goes_on() {
    let rule = rule(false);
    let id = rule.rule().id;
    let mut watch = behind(&rule);
    let mut whole = set_aside(&mut watch, id, 1, None);
    take(&mut whole, 0..100_000);
    let (through, state) = whole.kept().unwrap();
    assert_eq!(through, at(99_999.0));
    take(&mut whole, 100_000..150_000);
    let mut next = behind(&rule);
    let mut rest = set_aside(&mut next, id, 1, Some(&state));
    assert_eq!((rest.seen(0), rest.seen(1)), (Some(through), Some(through)));
    // What it has taken changes nothing.
    take(&mut rest, 90_000..150_000);
    assert_eq!(rest.kept(), whole.kept());
}

#[test]
fn what_is_passed_over_is_not_learned() {
    let rule = rule(false);
    let mut watch = behind(&rule);
    let mut rebuild = set_aside(&mut watch, rule.rule().id, 1, None);
    rebuild.skip_to(0, at(999.0));
    rebuild.skip_to(1, at(999.0));
    take(&mut rebuild, 0..1_000);
    let mut other = behind(&rule);
    let mut short = set_aside(&mut other, rule.rule().id, 1, None);
    take(&mut short, 999..1_000);
    assert_ne!(rebuild.kept(), short.kept());
    take(&mut rebuild, 1_000..1_001);
    assert_eq!(rebuild.seen(1), Some(at(1_000.0)));
    let (_, state) = rebuild.kept().unwrap();
    let LearningStage::Learning { seen, since, .. } = status::read(&state).unwrap().stage else {
        unreachable!("one sample was learned")
    };
    assert_eq!((seen, since), (1, Some(at(1_000.0))));
}

/// What was remembered of the machine was forgotten.
#[test]
fn who_knows_the_ticket_takes_it_back() {
    let rule = rule(false);
    let id = rule.rule().id;
    let since = Some(at(-1.0));
    let mut watch = behind(&rule);
    watch.learn_since(since);
    let mut rebuild = set_aside(&mut watch, id, 1, None);
    take(&mut rebuild, 0..10);
    assert_eq!((rebuild.since(), rebuild.version()), (since, rule.rule().version));
    let mut next = behind(&rule);
    next.learn_since(since);
    assert!(!next.take_back(rebuild.clone()), "it doesn't wait for it");
    next.wait_for(id, 1);
    assert_eq!(next.behind()[0].aside, Some(1));
    assert!(next.take_back(rebuild));
    next.wait_for(id, 2);
    let back = next.behind().remove(0);
    assert_eq!((back.begun, back.aside), (true, None), "it has begun");
}

#[test]
fn since_when_it_watches_goes_with_it() {
    let rule = rule(false);
    let id = rule.rule().id;
    let mut lived = watch(&rule);
    live(&mut lived, 0..SECONDS);
    let state = checkpoint(&mut lived).unwrap().state;
    let mut before = behind(&rule);
    assert!(before.begin_learning(id, Some((state.as_slice(), at(0.0)))));
    before.watched_since(id, at(7.0));
    let rebuild = before.set_aside(id, 1, true).unwrap();
    assert_eq!(rebuild.watching_since(), Some(at(7.0)));
    let mut next = behind(&rule);
    next.wait_for(id, 1);
    assert!(next.take_back(rebuild));
    next.caught_up(id);
    assert_eq!(checkpoint(&mut next).unwrap().watching_since, Some(at(7.0)));
    assert_eq!(set_aside(&mut behind(&rule), id, 2, None).watching_since(), None);
}

#[test]
fn it_is_not_taken_back_by_a_rule_that_begins_anew_or_has_asked_again() {
    let rule = rule(false);
    let id = rule.rule().id;
    let refused = |change: &dyn Fn(&mut Watch)| {
        let mut watch = behind(&rule);
        let mut rebuild = set_aside(&mut watch, id, 1, None);
        take(&mut rebuild, 0..10);
        change(&mut watch);
        !watch.take_back(rebuild)
    };
    assert!(!refused(&|_: &mut Watch| {}));
    let since = Some(Timestamp::from_micros(1));
    assert!(
        refused(&|watch: &mut Watch| watch.learn_since(since)),
        "what is older isn't learned any more"
    );
    assert!(
        refused(&|watch: &mut Watch| watch.begin_anew(at(100.0), true)),
        "its clock is another one"
    );
    assert!(
        refused(&|watch: &mut Watch| drop(set_aside(watch, id, 2, None))),
        "it was handed out again"
    );
    let begin = |watch: &mut Watch| {
        watch.begin_learning(id, None);
    };
    assert!(refused(&begin), "it has begun without");
    // Other rules, and other words, change nothing.
    let other = |version: i64, condition: &Value| {
        let condition = serde_json::from_value(condition.clone()).unwrap();
        let rule =
            millwright_schemas::api::rules::Rule { version, condition, ..rule.rule().clone() };
        Arc::new(CompiledRule::compile(rule).unwrap())
    };
    let same = json!({"kind": "anomaly", "signals": ["t", "p"], "together": false});
    let longer = json!({"kind": "anomaly", "signals": ["t", "p"], "train_rows": 500});
    let follow = |watch: &mut Watch, rule: Arc<CompiledRule>| {
        let before = std::mem::take(watch);
        *watch = Watch::new(vec![rule], &Surroundings::default(), |_, _| None);
        watch.follow(before);
    };
    assert!(!refused(&|watch: &mut Watch| follow(watch, other(1, &same))), "it is the same one");
    assert!(refused(&|watch: &mut Watch| follow(watch, other(2, &longer))), "it counts rows now");
}
