//! Rules that learn: what raises and clears their alarms, what they tell, and that neither the cut
//! of messages nor restarts change anything.
#![allow(clippy::unwrap_used, missing_docs, clippy::cast_precision_loss)]

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use common::{at, compiled, shown};
use millwright_detection::anomaly::status::LearningStage;
use millwright_detection::anomaly::stored;
use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::state::RuleState;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Change, Checkpoint, Checkpoints, Marks, Transition, Watch};
use millwright_schemas::RuleId;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Seconds between two samples.
const STEP: usize = 60;

/// A rule that learns, with one machine, as its keeper holds it.
struct Learning {
    rule: Arc<CompiledRule>,
    watch: Watch,
    /// Where the alarm stands, as stored with every change.
    states: HashMap<RuleId, String>,
    told: Vec<Transition>,
}

impl Learning {
    fn of(condition: Value) -> Self {
        let rule = compiled(condition);
        let watch = Watch::new(vec![Arc::clone(&rule)], &Surroundings::default(), |_, _| None);
        Self { rule, watch, states: HashMap::new(), told: Vec::new() }
    }

    fn id(&self) -> RuleId {
        self.rule.rule().id
    }

    fn instant(&mut self, second: usize, samples: &[(&str, Option<f64>)]) {
        let readings = samples.iter().map(|(signal, value)| (*signal, Reading::from(*value)));
        let changes = self.watch.instant(at(second as f64), readings);
        self.keep(changes);
    }

    fn through(&mut self, second: usize) {
        let changes = self.watch.through(at(second as f64));
        self.keep(changes);
    }

    fn keep(&mut self, changes: Vec<Change>) {
        self.told.extend(changes.into_iter().map(|change| change.transition));
        for (id, _, state) in self.watch.take_changed() {
            self.states.insert(id, serde_json::to_string(&state).unwrap());
        }
    }

    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let when = Checkpoints { now: at(0.0), every_us: 0, most: 10 };
        self.watch.take_checkpoints(when).pop()
    }

    /// A watch that has read where the alarm stands, but not yet what was learned.
    fn restart(&mut self) {
        let states = &self.states;
        let read = |id: RuleId| -> Option<RuleState> {
            Some(serde_json::from_str(states.get(&id)?).unwrap())
        };
        let rules = vec![Arc::clone(&self.rule)];
        self.watch = Watch::new(rules, &Surroundings::default(), |id, _| read(id));
        self.watch.follow(Watch::default());
    }

    fn resume(&mut self, kept: Option<&Checkpoint>) -> bool {
        let id = self.id();
        let used = self.watch.begin_learning(id, kept.map(|it| (it.state.as_slice(), at(0.0))));
        self.watch.caught_up(id);
        used
    }

    fn heard(&self) -> Vec<String> {
        self.told.iter().map(shown).collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        let kind = |transition: &Transition| match transition {
            Transition::Raised(_) => "raised",
            Transition::Changed(_) => "changed",
            Transition::Cleared { .. } => "cleared",
        };
        self.told.iter().map(kind).collect()
    }
}

/// Noise between -0.5 and 0.5, always the same.
fn noise(sample: usize, signal: usize) -> f64 {
    let mut x = (sample * 97 + signal) as u64 + 1;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f64 / (1 << 24) as f64 - 0.5
}

/// A spindle: vibration and temperature follow the load.
fn spindle(row: usize) -> [(&'static str, Option<f64>); 3] {
    let load = 50.0 + 30.0 * (row as f64 / 40.0).sin();
    [
        ("load", Some(load + noise(row, 0))),
        ("vibration", Some(load / 10.0 + 0.2 * noise(row, 1))),
        ("temperature", Some(20.0 + load / 4.0 + noise(row, 2))),
    ]
}

fn of_spindle() -> Learning {
    let signals = ["load", "vibration", "temperature"];
    Learning::of(json!({"kind": "anomaly", "signals": signals, "train_rows": 600}))
}

fn alone(signal: &str) -> Learning {
    Learning::of(json!({"kind": "anomaly", "signals": [signal], "train_rows": 150}))
}

/// Samples of one signal from this one on.
fn feed(
    learning: &mut Learning,
    from: usize,
    values: impl IntoIterator<Item = Option<f64>>,
) -> usize {
    let mut sample = from;
    for value in values {
        learning.instant(sample * STEP, &[("t", value)]);
        sample += 1;
    }
    sample
}

#[test]
fn signals_together_alarm_once_an_incident_say_why_and_clear_when_it_is_over() {
    let mut learning = of_spindle();
    for row in 0..2000 {
        let mut samples = spindle(row);
        if (700..760).contains(&row) || (1300..1360).contains(&row) {
            // As at another load: well within its own range.
            samples[1] = spindle(row + 126)[1];
        }
        learning.instant(row * STEP, &samples);
    }
    let kinds = learning.kinds();
    assert!(kinds.len() >= 4, "{:?}", learning.heard());
    assert!(kinds.chunks(2).all(|pair| pair == ["raised", "cleared"]), "{:?}", learning.heard());
    let second = |transition: &Transition| transition.at().seconds() as usize;
    let incident = |rows: std::ops::Range<usize>| {
        let seconds = rows.start * STEP..rows.end * STEP;
        let of = |it: &&Transition| seconds.contains(&second(it));
        learning.told.iter().find(of).unwrap_or_else(|| unreachable!("none in {seconds:?}"))
    };
    let Transition::Raised(found) = incident(700..761) else { unreachable!() };
    assert!(found.message.contains("vibration is") && found.message.contains('σ'), "{found:?}");
    assert_eq!(found.context["kind"], "anomaly");
    assert_eq!(found.context["message_key"], "anomaly");
    assert_eq!(found.context["together"], true);
    assert_eq!(found.context["signal"], "vibration");
    assert!(found.context["score"].as_f64().unwrap() >= 0.5, "{found:?}");
    let first = &found.context["findings"][0];
    assert_eq!(first["signal"], "vibration");
    assert!(first["text"].as_str().unwrap().contains("% of the evidence"), "{first}");
    assert!(matches!(incident(1300..1361), Transition::Raised(_)));
    for pair in learning.told.chunks(2) {
        assert!(second(&pair[1]) >= second(&pair[0]) + 300, "{:?}", learning.heard());
    }
}

#[test]
fn a_rules_own_message_stays_and_the_explanation_is_told_beside_it() {
    let condition = json!({"kind": "anomaly", "signals": ["t"], "train_rows": 150});
    let condition = serde_json::from_value(condition).unwrap();
    let mut rule = common::rule(1, condition, millwright_schemas::wire::events::Severity::Minor);
    rule.message = Some("look at the pump".to_owned());
    let mut learning = alone("t");
    learning.rule = Arc::new(CompiledRule::compile(rule).unwrap());
    let rules = vec![Arc::clone(&learning.rule)];
    learning.watch = Watch::new(rules, &Surroundings::default(), |_, _| None);
    feed(&mut learning, 0, (0..400).map(|n| Some(noise(n, 0) + if n == 390 { 50.0 } else { 0.0 })));
    let [Transition::Raised(found)] = learning.told.as_slice() else {
        unreachable!("{:?}", learning.heard())
    };
    assert_eq!(found.message, "look at the pump");
    assert_eq!(found.context.get("message_key"), None);
    let explanation = found.context["explanation"].as_str().unwrap();
    assert!(
        explanation.starts_with("t: ") && explanation.contains("beyond the highest"),
        "{explanation}"
    );
    assert_eq!(
        (&found.context["signal"], &found.context["together"]),
        (&json!("t"), &json!(false))
    );
    assert!(found.context["findings"][0]["aspect"].is_string());
}

#[test]
fn nothing_is_said_while_it_learns() {
    let mut learning = of_spindle();
    for row in 0..600 {
        let mut samples = spindle(row);
        samples[0].1 = Some(if row % 100 == 99 { 1e4 } else { 1.0 });
        learning.instant(row * STEP, &samples);
    }
    assert_eq!(learning.heard(), [""; 0]);
}

#[test]
fn a_constant_signal_alarms_when_it_changes_and_a_stuck_one_when_it_stops() {
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..600).map(|n| Some(if n < 500 { 5.0 } else { 6.0 })));
    assert_eq!(learning.heard().first(), Some(&format!("raised major {}", 500 * STEP)));
    let mut learning = alone("t");
    let end = feed(&mut learning, 0, (0..1152).map(|n| Some(60.0 + noise(n, 0))));
    let before = learning.told.len();
    feed(&mut learning, end, (0..148).map(|_| Some(60.2)));
    assert!(learning.told.len() > before, "stuck: {:?}", learning.heard());
}

#[test]
fn a_counter_may_wrap() {
    let count = |n: usize| (60_000 + n * 3 + (n % 4)) % 65_536;
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..3000).map(|n| Some(count(n) as f64)));
    assert_eq!(learning.heard(), [""; 0]);
}

#[test]
fn unusable_samples_raise_and_clear_nothing_and_time_alone_clears() {
    let mut learning = alone("t");
    let healthy = |n: usize| Some(noise(n, 0));
    let end = feed(&mut learning, 0, (0..400).map(healthy));
    let end = feed(&mut learning, end, std::iter::repeat_n(None, 100));
    assert_eq!(learning.heard(), [""; 0]);
    let end = feed(&mut learning, end, [Some(50.0)]);
    assert_eq!(learning.heard(), [format!("raised major {}", (end - 1) * STEP)]);
    let end = feed(&mut learning, end, std::iter::repeat_n(None, 2000));
    learning.through((end + 10_000) * STEP);
    assert_eq!(learning.told.len(), 1, "nobody knows that all is well");
    let end = feed(&mut learning, end + 10_000, (0..200).map(healthy));
    learning.through((end + 10) * STEP);
    assert_eq!(learning.kinds(), ["raised", "cleared"]);
}

#[test]
fn several_signals_by_themselves_are_one_alarm_until_the_last_is_well() {
    let condition = json!({"kind": "anomaly", "signals": ["a", "b"], "together": false,
        "train_rows": 150, "clear_hold_s": 600});
    let mut learning = Learning::of(condition);
    for n in 0..900 {
        let spike = |when: usize| if n == when { 50.0 } else { 0.0 };
        let (a, b) = (noise(n, 0) + spike(500), noise(n, 1) + spike(520));
        learning.instant(n * STEP, &[("a", Some(a)), ("b", Some(b))]);
    }
    assert_eq!(learning.kinds(), ["raised", "cleared"], "{:?}", learning.heard());
    let Transition::Raised(found) = &learning.told[0] else { unreachable!() };
    assert_eq!((found.at, &found.context["signal"]), (at((500 * STEP) as f64), &json!("a")));
    assert!(learning.told[1].at() >= at((520 * STEP + 600) as f64), "{:?}", learning.heard());
}

#[test]
fn learning_anew_forgets_what_was_normal_and_takes_nothing_older() {
    let mut learning = alone("t");
    let end = feed(&mut learning, 0, (0..400).map(|n| Some(noise(n, 0))));
    // Repaired: it is at another level now.
    let since = at((end * STEP) as f64);
    learning.watch.learn_since(Some(since));
    let kept = learning.checkpoint().unwrap();
    let end = feed(&mut learning, end, (0..149).map(|n| Some(90.0 + 5.0 * noise(n, 1))));
    assert_eq!(learning.heard(), [""; 0]);
    feed(&mut learning, end, (0..200).map(|n| Some(90.0 + 5.0 * noise(n, 2))));
    learning.instant((end + 300) * STEP, &[("t", Some(0.0))]);
    assert_eq!(learning.kinds().last(), Some(&"raised"), "{:?}", learning.heard());
    // What was learned before is of no use to one that learns since then, nor the other way round.
    let old = alone("t").checkpoint();
    assert_eq!(old, None, "nothing was taken");
    learning.restart();
    assert!(!learning.resume(Some(&kept)), "it doesn't say since when");
    learning.restart();
    learning.watch.learn_since(Some(since));
    assert!(learning.resume(Some(&kept)));
}

#[test]
fn while_a_machine_is_worked_on_nothing_is_learned() {
    let mut learning = alone("t");
    let end = feed(&mut learning, 0, (0..400).map(|n| Some(noise(n, 0))));
    let before = learning.checkpoint().unwrap();
    learning.watch.pause_learning(true);
    let end = feed(&mut learning, end, (0..400).map(|n| Some(1e3 * noise(n, 1))));
    assert_eq!(learning.checkpoint(), None);
    learning.watch.pause_learning(false);
    feed(&mut learning, end, [Some(0.0)]);
    assert_eq!(learning.heard(), [""; 0]);
    assert!(learning.checkpoint().unwrap().through > before.through);
}

#[test]
fn one_that_is_behind_is_quiet_until_it_has_relived_what_is_stored() {
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..300).map(|n| Some(noise(n, 0))));
    let kept = learning.checkpoint().unwrap();
    learning.restart();
    let behind = learning.watch.behind();
    assert_eq!((behind.len(), behind[0].begun), (1, false));
    learning.instant(300 * STEP, &[("t", Some(50.0))]);
    assert_eq!(learning.heard(), [""; 0]);
    let id = learning.id();
    assert!(learning.watch.begin_learning(id, Some((kept.state.as_slice(), at(0.0)))));
    let behind = learning.watch.behind();
    let seen = Some(at((299 * STEP) as f64));
    assert_eq!((behind[0].begun, &behind[0].signals), (true, &vec![("t".to_owned(), seen)]));
    // What it would have said then, it doesn't say now; it learns it.
    learning.watch.relive(id, at((300 * STEP) as f64), &[(0, Reading::Number(50.0))]);
    learning.watch.caught_up(id);
    assert!(learning.watch.behind().is_empty());
    learning.instant(301 * STEP, &[("t", Some(0.0))]);
    assert_eq!(learning.heard(), [""; 0]);
}

/// As without the restart, though what came after it is taken later.
#[test]
fn what_came_while_it_was_behind_is_judged_when_it_is_relived() {
    let course = |n: usize| if n == 320 { 50.0 } else { noise(n, 0) };
    let mut plain = alone("t");
    feed(&mut plain, 0, (0..400).map(|n| Some(course(n))));
    assert_eq!(plain.kinds(), ["raised", "cleared"]);
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..250).map(|n| Some(course(n))));
    let kept = learning.checkpoint().unwrap();
    feed(&mut learning, 250, (250..300).map(|n| Some(course(n))));
    learning.restart();
    let id = learning.id();
    assert!(learning.watch.begin_learning(id, Some((kept.state.as_slice(), at(0.0)))));
    let newest = at((299 * STEP) as f64);
    assert!(!learning.watch.behind()[0].judged);
    learning.watch.judged_to(id, vec![Some(newest)], false);
    assert_eq!(learning.watch.take_marks().kept.len(), 1);
    feed(&mut learning, 300, (300..350).map(|n| Some(course(n))));
    assert_eq!(learning.heard(), [""; 0], "it is behind");
    for n in 250..350 {
        let moment = at((n * STEP) as f64);
        let changes = learning.watch.relive(id, moment, &[(0, Reading::Number(course(n)))]);
        learning.keep(changes);
        // Told again only when it has judged more.
        let judged = (n > 299).then_some(Some(moment));
        let marks = learning.watch.take_marks();
        let kept: Vec<_> = marks.kept.into_iter().map(|mark| mark.judged[0]).collect();
        assert_eq!((kept, marks.over), (judged.into_iter().collect(), Vec::new()));
    }
    learning.watch.caught_up(id);
    assert_eq!(learning.watch.take_marks().over, [id]);
    assert_eq!(learning.watch.take_marks(), Marks::default());
    feed(&mut learning, 350, (350..400).map(|n| Some(course(n))));
    assert_eq!(learning.told, plain.told);
    assert_eq!(learning.checkpoint().unwrap().state, plain.checkpoint().unwrap().state);
}

/// Else who looks for what comes behind them would find them for ever.
#[test]
fn stored_samples_that_are_too_old_to_be_learned_are_passed_over() {
    let mut learning = alone("t");
    learning.restart();
    let id = learning.id();
    assert!(!learning.watch.begin_learning(id, None));
    learning.watch.learn_since(Some(at(1_000.0)));
    learning.watch.relive(id, at(10.0), &[(0, Reading::Number(1.0))]);
    let behind = learning.watch.behind();
    assert_eq!(behind[0].signals, [("t".to_owned(), Some(at(10.0)))]);
}

#[test]
fn what_is_damaged_or_of_something_else_is_learned_anew() {
    let mut learning = of_spindle();
    for row in 0..700 {
        learning.instant(row * STEP, &spindle(row));
    }
    let kept = learning.checkpoint().unwrap();
    let cut = Checkpoint { state: kept.state[..kept.state.len() - 1].to_vec(), ..kept.clone() };
    let longer = Checkpoint { state: [kept.state.as_slice(), &[0]].concat(), ..kept.clone() };
    let other = Checkpoint { state: vec![9; 40], ..kept.clone() };
    for broken in [cut, longer, other] {
        learning.restart();
        assert!(!learning.resume(Some(&broken)));
    }
    learning.restart();
    assert!(learning.resume(Some(&kept)));
    for condition in [
        json!({"kind": "anomaly", "signals": ["load", "vibration", "temperature"]}),
        json!({"kind": "anomaly", "signals": ["load", "temperature", "vibration"], "train_rows": 600}),
        json!({"kind": "anomaly", "signals": ["load", "vibration", "temperature"],
            "together": false, "train_rows": 600}),
    ] {
        let mut learning = Learning::of(condition);
        learning.restart();
        assert!(!learning.resume(Some(&kept)));
    }
}

#[test]
fn a_checkpoint_says_how_far_its_own_rule_has_come() {
    let stage = |rule: &CompiledRule, kept: &Checkpoint, since| {
        stored::status(rule, &kept.state, since).map(|status| status.stage)
    };
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..100).map(|n| Some(noise(n, 0))));
    let early = learning.checkpoint().unwrap();
    let Some(LearningStage::Learning { seen, needed, .. }) = stage(&learning.rule, &early, None)
    else {
        unreachable!("{:?}", stage(&learning.rule, &early, None))
    };
    assert!(seen > 50 && seen <= 100 && seen < needed, "{seen} of {needed}");
    assert_eq!(early.watching_since, None);
    feed(&mut learning, 100, (100..600).map(|n| Some(noise(n, 0))));
    let late = learning.checkpoint().unwrap();
    assert_eq!(stage(&learning.rule, &late, None), Some(LearningStage::Watching));
    assert_eq!(stage(&learning.rule, &late, Some(at(9.0))), None, "to be learned anew");
    assert_eq!(stage(&alone("u").rule, &late, None), None, "of another signal");
    let limit = compiled(json!({"kind": "threshold", "signal": "t", "above": 1, "hold_s": 0}));
    assert_eq!(stage(&limit, &late, None), None, "it doesn't learn");
    let broken = Checkpoint { state: vec![9; 40], ..late };
    assert_eq!(stage(&learning.rule, &broken, None), None);
}

#[test]
fn since_when_a_rule_watches_is_kept_over_restarts_and_not_guessed() {
    let mut learning = alone("t");
    feed(&mut learning, 0, (0..600).map(|n| Some(noise(n, 0))));
    let id = learning.id();
    let when = |now: f64| Checkpoints { now: at(now), every_us: 0, most: 10 };
    let first = learning.watch.take_checkpoints(when(5.0)).pop().unwrap();
    assert_eq!(first.watching_since, Some(at(5.0)));
    feed(&mut learning, 600, [Some(0.1)]);
    let next = learning.watch.take_checkpoints(when(6.0)).pop().unwrap();
    assert_eq!(next.watching_since, Some(at(5.0)));
    for known in [Some(at(5.0)), None] {
        learning.restart();
        assert!(learning.resume(Some(&next)));
        known.into_iter().for_each(|since| learning.watch.watched_since(id, since));
        feed(&mut learning, 601, [Some(0.1)]);
        let kept = learning.watch.take_checkpoints(when(7.0)).pop().unwrap();
        assert_eq!(kept.watching_since, known);
    }
    learning.watch.learn_since(Some(at(1e6)));
    feed(&mut learning, 1_000_000, [Some(0.1)]);
    let anew = learning.watch.take_checkpoints(when(8.0)).pop().unwrap();
    assert_eq!(anew.watching_since, None);
}

#[test]
fn what_is_learned_of_twenty_signals_stays_below_64_kib() {
    let names: Vec<String> = (0..20).map(|n| format!("signal.{n:02}")).collect();
    for together in [false, true] {
        let condition = json!({"kind": "anomaly", "signals": names, "together": together});
        let mut learning = Learning::of(condition);
        let (mut stored, mut held) = (0, 0);
        for row in 0..900 {
            let samples: Vec<(&str, Option<f64>)> = names
                .iter()
                .enumerate()
                .map(|(n, name)| (name.as_str(), Some(noise(row, n))))
                .collect();
            learning.instant(row * STEP, &samples);
            if row % 99 == 98 {
                stored = stored.max(learning.checkpoint().unwrap().state.len());
                held = held.max(learning.watch.learned_bytes());
            }
        }
        assert!(stored < 64 * 1024 && held < 64 * 1024, "{together}: {stored} and {held} bytes");
        assert!(stored > 8 * 1024, "{together}: {stored} bytes are too few to be all");
    }
}

#[test]
fn checkpoints_are_taken_when_it_is_time_and_when_a_detector_begins_to_watch() {
    let mut learning = of_spindle();
    let mut taken = Vec::new();
    for row in 0..700 {
        learning.instant(row, &spindle(row));
        let when = Checkpoints { now: at(row as f64), every_us: 250_000_000, most: 10 };
        taken.extend(learning.watch.take_checkpoints(when).iter().map(|_| row));
    }
    assert_eq!(taken, [0, 250, 500, 599]);
    let none = Checkpoints { now: at(1e6), every_us: 1, most: 0 };
    assert_eq!(learning.watch.take_checkpoints(none), []);
}

/// `t` is learned while the machine turns.
fn while_turning(clear_hold_s: u32) -> Value {
    json!({"kind": "while",
        "while": {"kind": "threshold", "signal": "speed", "above": 0,
            "clear_hold_s": clear_hold_s},
        "condition": {"kind": "anomaly", "signals": ["t"], "train_rows": 150}})
}

#[test]
fn while_its_gate_is_closed_nothing_is_learned_and_nothing_said() {
    let mut learning = Learning::of(while_turning(0));
    let mut feed = |rows: std::ops::Range<usize>, speed: f64, value: &dyn Fn(usize) -> f64| {
        for row in rows {
            let samples = [("t", Some(value(row))), ("speed", Some(speed))];
            learning.instant(row * STEP, &samples);
        }
        learning.heard()
    };
    let usual = |row: usize| noise(row, 0);
    assert_eq!(feed(0..200, 1.0, &usual), [""; 0]);
    let raised = format!("raised major {}", 200 * STEP);
    assert_eq!(feed(200..201, 1.0, &|_| 50.0), std::slice::from_ref(&raised));
    assert_eq!(feed(201..205, 1.0, &usual), std::slice::from_ref(&raised));
    // It stops: the alarm ends at that moment, whatever comes.
    let cleared = format!("cleared {}", 205 * STEP);
    assert_eq!(feed(205..400, 0.0, &|_| 500.0), [raised.clone(), cleared.clone()]);
    // It is as it was, and nothing is compared with what was while it stood.
    assert_eq!(feed(400..540, 1.0, &usual), [raised.clone(), cleared.clone()]);
    // 500 wasn't learned: this is beyond all.
    let again = format!("raised major {}", 540 * STEP);
    assert_eq!(feed(540..541, 1.0, &|_| 200.0), [raised, cleared, again]);
}

#[test]
fn a_gate_closes_by_time_too_and_is_heard_while_the_machine_is_worked_on() {
    let mut learning = Learning::of(while_turning(60));
    for row in 0..200 {
        learning.instant(row * STEP, &[("speed", Some(1.0)), ("t", Some(noise(row, 0)))]);
    }
    learning.instant(200 * STEP, &[("t", Some(50.0))]);
    learning.instant(201 * STEP, &[("speed", Some(0.0))]);
    assert_eq!(learning.kinds(), ["raised"]);
    learning.through(201 * STEP + 90);
    assert_eq!(learning.heard()[1], format!("cleared {}", 202 * STEP));
    learning.watch.pause_learning(true);
    learning.instant(300 * STEP, &[("speed", Some(1.0)), ("t", Some(900.0))]);
    learning.watch.pause_learning(false);
    for row in 301..430 {
        learning.instant(row * STEP, &[("t", Some(noise(row, 0)))]);
    }
    assert_eq!(learning.told.len(), 2, "{:?}", learning.heard());
    learning.instant(430 * STEP, &[("t", Some(200.0))]);
    assert_eq!(learning.kinds(), ["raised", "cleared", "raised"]);
}

#[test]
fn what_was_learned_while_another_condition_was_true_is_of_no_use() {
    let mut learning = Learning::of(while_turning(0));
    for row in 0..200 {
        learning.instant(row * STEP, &[("speed", Some(1.0)), ("t", Some(noise(row, 0)))]);
    }
    let kept = learning.checkpoint().unwrap();
    learning.restart();
    assert!(learning.resume(Some(&kept)));
    for condition in [while_turning(5), json!({"kind": "anomaly", "signals": ["t"]})] {
        let mut other = Learning::of(condition);
        other.restart();
        assert!(!other.resume(Some(&kept)));
    }
    let behind = {
        learning.restart();
        learning.watch.behind()
    };
    let names: Vec<&str> = behind[0].signals.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, behind[0].learned), (vec!["t", "speed"], 1));
}

/// What a signal says at a moment.
#[derive(Debug, Clone, Copy)]
enum Said {
    Nothing,
    Unusable,
    Usual,
    Far,
}

#[derive(Debug, Clone)]
struct Moment {
    /// Minutes after the one before.
    minutes: usize,
    said: [Said; 3],
    /// Whether it is said that nothing older will come.
    through: bool,
    /// Whether its samples are handed in one by one.
    split: bool,
    restart: bool,
}

fn moments(holes: bool) -> impl Strategy<Value = Vec<Moment>> {
    let nothing = if holes { Said::Nothing } else { Said::Usual };
    let said = prop_oneof![
        2 => Just(nothing),
        1 => Just(Said::Unusable),
        40 => Just(Said::Usual),
        1 => Just(Said::Far),
    ];
    let moment = (
        1_usize..4,
        prop::array::uniform3(said),
        prop::bool::weighted(0.3),
        any::<bool>(),
        prop::bool::weighted(0.03),
    );
    let moment = moment.prop_map(|(minutes, said, through, split, restart)| Moment {
        minutes,
        said,
        through,
        split,
        restart,
    });
    prop::collection::vec(moment, 220..300)
}

fn paced(
    condition: &Value,
    moments: &[Moment],
    troubled: bool,
    split: bool,
) -> (Vec<Transition>, Vec<u8>) {
    run_at(20, condition, moments, troubled, split)
}

fn run(
    condition: &Value,
    moments: &[Moment],
    troubled: bool,
    split: bool,
) -> (Vec<Transition>, Vec<u8>) {
    run_at(60, condition, moments, troubled, split)
}

/// Runs moments, of which a minute has so many seconds; `troubled`: with restarts, with samples cut otherwise, and with the machine saying
/// how far it has come.
fn run_at(
    second: usize,
    condition: &Value,
    moments: &[Moment],
    troubled: bool,
    split: bool,
) -> (Vec<Transition>, Vec<u8>) {
    let mut learning = Learning::of(condition.clone());
    let mut minute = 0;
    for (row, moment) in moments.iter().enumerate() {
        minute += moment.minutes;
        let mut samples = Vec::new();
        if row % 5 == 0 {
            // Of a gate, if there is one: first, because it says whether the others count.
            samples.push(("g", Some(if row / 40 % 3 == 1 { 0.0 } else { 1.0 })));
        }
        for (signal, (name, said)) in ["a", "b", "c"].into_iter().zip(moment.said).enumerate() {
            let usual = noise(row, signal);
            match said {
                Said::Nothing => {}
                Said::Unusable => samples.push((name, None)),
                Said::Usual => samples.push((name, Some(usual))),
                Said::Far => samples.push((name, Some(usual + 40.0))),
            }
        }
        if troubled && split && moment.split {
            for sample in samples {
                learning.instant(minute * second, &[sample]);
                learning.instant(minute * second, &[sample]);
            }
        } else if !samples.is_empty() {
            learning.instant(minute * second, &samples);
        }
        if troubled && moment.through {
            learning.through(minute * second + second / 2);
        }
        if troubled
            && moment.restart
            && let Some(kept) = learning.checkpoint()
        {
            learning.restart();
            assert!(learning.resume(Some(&kept)));
        }
    }
    learning.through((minute + 100_000) * second);
    // So that there is something to be kept.
    learning.instant((minute + 100_001) * second, &[("a", None), ("b", None), ("c", None)]);
    let kept = learning.checkpoint().unwrap().state;
    (learning.told, kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The same alarms with the same words, and the same is known at the end.
    #[test]
    fn cuts_restarts_and_repeats_change_nothing(moments in moments(false), together in any::<bool>()) {
        let condition = json!({"kind": "anomaly", "signals": ["a", "b", "c"], "together": together,
            "train_rows": 50, "clear_hold_s": 240});
        prop_assert_eq!(run(&condition, &moments, false, true), run(&condition, &moments, true, true));
    }

    /// The same where it is learned only while another condition is true.
    #[test]
    fn nor_do_they_with_a_gate(moments in moments(true), together in any::<bool>()) {
        let condition = json!({"kind": "while",
            "while": {"kind": "threshold", "signal": "g", "above": 0.5, "clear_hold_s": 200},
            "condition": {"kind": "anomaly", "signals": ["a", "b", "c"], "together": together,
                "train_rows": 50, "clear_hold_s": 240}});
        let split = !together;
        prop_assert_eq!(run(&condition, &moments, false, split), run(&condition, &moments, true, split));
    }

    /// The same where signals don't come in every row.
    #[test]
    fn signals_of_different_rhythm_too(moments in moments(true), together in any::<bool>()) {
        let condition = json!({"kind": "anomaly", "signals": ["a", "b", "c"], "together": together,
            "train_rows": 50, "clear_hold_s": 240});
        let split = !together;
        prop_assert_eq!(run(&condition, &moments, false, split), run(&condition, &moments, true, split));
    }

    /// The same where samples are put together, and learned for a day.
    #[test]
    fn nor_where_a_rule_has_its_own_pace(moments in moments(true), together in any::<bool>()) {
        let condition = json!({"kind": "anomaly", "signals": ["a", "b", "c"], "together": together,
            "clear_hold_s": 240});
        let split = !together;
        let often: Vec<Moment> = moments.iter().flat_map(|it| vec![it.clone(); 4]).collect();
        prop_assert_eq!(paced(&condition, &often, false, split), paced(&condition, &often, true, split));
    }
}
