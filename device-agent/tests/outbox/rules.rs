//! The rules of the machine: they find in the samples what the platform finds in what is sent, and
//! move with them, whatever the disk and the power do.

use std::collections::HashMap;
use std::sync::Arc;

use millwright_agent::limits::LOCAL_ALARM_EVENTS;
use millwright_agent::outbox::{Delivery, Outbox, OutboxSettings, Readings, Topic};
use millwright_agent::signals::AllowedSignals;
use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Change, Transition, Watch};
use millwright_schemas::wire::events;
use millwright_schemas::wire::rules::{ConfigClaims, GivenRule};
use millwright_schemas::wire::telemetry::{self, SampleValue};
use millwright_schemas::{Quality, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::{SETTINGS, all, append, at, delivery, now, number, outbox};

fn id(n: u8) -> String {
    format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}")
}

#[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn given(n: u8, version: i64, condition: Value) -> Value {
    json!({
        "id": id(n), "version": version, "name": format!("rule {n}"), "severity": "major",
        "condition": condition,
    })
}

fn above(signal: &str, limit: f64, hold_s: f64) -> Value {
    json!({"kind": "threshold", "signal": signal, "above": limit, "hold_s": hold_s})
}

fn claims(version: u64, rules: Vec<Value>) -> ConfigClaims {
    ConfigClaims {
        aud: id(1).parse().unwrap(),
        iat: 1_763_775_000,
        version,
        rules,
        parameters: Default::default(),
        time_zone: None,
    }
}

fn measured(outbox: &mut Outbox, signal: &str, seconds: i64, value: f64) {
    append(outbox, &[delivery(vec![number(signal, at(seconds * 1_000), value)])]).unwrap();
}

/// Data of the events of a type, oldest first.
fn told(outbox: &mut Outbox, event_type: &str) -> Vec<Value> {
    all(outbox, Topic::Events)
        .iter()
        .map(|waiting| events::decode(&waiting.payload).unwrap())
        .filter(|event| event.event_type.as_str() == event_type)
        .map(|event| Value::Object(event.data))
        .collect()
}

/// What was told of alarms, such as `…11 raised 12000000`.
fn alarms_told(outbox: &mut Outbox) -> Vec<String> {
    let told = told(outbox, "alarm.local");
    let words = told.iter().map(|data| {
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("rule"), text("change"), data["at_us"])
    });
    words.collect()
}

fn active(outbox: &mut Outbox) -> Vec<String> {
    let shown = outbox.rules_shown().unwrap();
    shown.alarms.iter().map(|alarm| alarm.rule.to_string()).collect()
}

#[test]
fn an_alarm_is_told_with_its_samples_and_shown_until_it_is_over() {
    let mut outbox = outbox();
    measured(&mut outbox, "t", 0, 99.0);
    assert!(
        outbox.take_rules(&claims(4, vec![given(11, 2, above("t", 80.0, 5.0))]), now()).unwrap()
    );
    let applied = json!({"version": 4, "watching": 1});
    assert_eq!(told(&mut outbox, "rules.applied"), [applied]);
    for (seconds, value) in [(1, 99.0), (5, 95.0)] {
        measured(&mut outbox, "t", seconds, value);
    }
    assert_eq!(active(&mut outbox), Vec::<String>::new(), "held for 4 s only");
    measured(&mut outbox, "t", 7, 90.0);
    let shown = outbox.rules_shown().unwrap();
    assert_eq!((shown.version, shown.watching, shown.alarms.len()), (4, 1, 1));
    let alarm = &shown.alarms[0];
    assert_eq!(
        (alarm.name.as_str(), alarm.source.as_str(), alarm.since),
        ("rule 11", "t", at(6_000))
    );
    let data = &told(&mut outbox, "alarm.local")[0];
    assert_eq!((&data["rule_version"], &data["severity"]), (&json!(2), &json!("major")));
    assert_eq!(data["message"], "t above 80 for 5 s");
    measured(&mut outbox, "t", 8, 70.0);
    assert_eq!(active(&mut outbox), Vec::<String>::new());
    let expected = ["raised 6000000", "cleared 8000000"].map(|it| format!("{} {it}", id(11)));
    assert_eq!(alarms_told(&mut outbox), expected);
}

#[test]
fn a_restart_goes_on_with_the_rules_and_where_they_stood() {
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    outbox.take_rules(&claims(1, vec![given(11, 1, above("t", 80.0, 5.0))]), now()).unwrap();
    measured(&mut outbox, "t", 1, 99.0);
    drop(outbox);
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    assert_eq!(outbox.rules_version().unwrap(), 1);
    outbox.settle_rules(now()).unwrap();
    assert_eq!(told(&mut outbox, "rules.applied").len(), 1, "nothing new");
    measured(&mut outbox, "t", 7, 99.0);
    assert_eq!(alarms_told(&mut outbox), [format!("{} raised 6000000", id(11))]);
}

#[test]
fn only_a_newer_document_counts() {
    let mut outbox = outbox();
    let first = claims(5, vec![given(11, 1, above("t", 80.0, 0.0))]);
    assert!(outbox.take_rules(&first, now()).unwrap());
    for version in [0, 4, 5] {
        assert!(!outbox.take_rules(&claims(version, Vec::new()), now()).unwrap());
    }
    measured(&mut outbox, "t", 1, 99.0);
    assert_eq!(active(&mut outbox), [id(11)]);
    assert_eq!(told(&mut outbox, "rules.applied").len(), 1);
}

#[test]
fn a_new_version_that_watches_the_same_knows_of_the_alarm_and_others_end_it() {
    let mut outbox = outbox();
    let rules = |limit: f64, second: &str| {
        vec![given(11, 1, above("t", 80.0, 0.0)), given(12, 1, above(second, limit, 0.0))]
    };
    outbox.take_rules(&claims(1, rules(80.0, "p")), now()).unwrap();
    for signal in ["t", "p"] {
        measured(&mut outbox, signal, 1, 99.0);
    }
    assert_eq!(active(&mut outbox), [id(11), id(12)]);
    // The first has gone; the second has another limit.
    let second = vec![given(12, 2, above("p", 90.0, 0.0))];
    outbox.take_rules(&claims(2, second), at(2_000)).unwrap();
    assert_eq!(active(&mut outbox), [id(12)]);
    assert_eq!(outbox.rules_shown().unwrap().alarms[0].rule_version, 2);
    assert_eq!(alarms_told(&mut outbox)[2], format!("{} cleared 2000000", id(11)));
    measured(&mut outbox, "p", 3, 95.0);
    assert_eq!(alarms_told(&mut outbox).len(), 3, "still so, told once");
    // It watches another signal.
    let second = vec![given(12, 3, above("q", 90.0, 0.0))];
    outbox.take_rules(&claims(3, second), at(4_000)).unwrap();
    assert_eq!(active(&mut outbox), Vec::<String>::new());
    assert_eq!(alarms_told(&mut outbox)[3], format!("{} cleared 4000000", id(12)));
}

/// As on the platform: another name changes nothing of what is judged.
#[test]
fn a_rule_with_another_name_goes_on_where_it_stood() {
    let mut outbox = outbox();
    let named = |version: i64, name: &str, severity: &str| {
        let mut rule = given(11, version, above("t", 80.0, 10.0));
        (rule["name"], rule["severity"]) = (json!(name), json!(severity));
        vec![rule]
    };
    outbox.take_rules(&claims(1, named(1, "warm", "major")), now()).unwrap();
    measured(&mut outbox, "t", 1, 99.0);
    outbox.take_rules(&claims(2, named(2, "hot", "major")), at(2_000)).unwrap();
    measured(&mut outbox, "t", 12, 99.0);
    assert_eq!(alarms_told(&mut outbox), [format!("{} raised 11000000", id(11))]);
    outbox.take_rules(&claims(3, named(3, "too hot", "major")), at(13_000)).unwrap();
    let alarm = outbox.rules_shown().unwrap().alarms.remove(0);
    assert_eq!((alarm.rule_version, alarm.name.as_str()), (3, "too hot"));
    measured(&mut outbox, "t", 14, 10.0);
    assert_eq!(active(&mut outbox), Vec::<String>::new());
    // What judges otherwise begins anew.
    measured(&mut outbox, "t", 20, 99.0);
    outbox.take_rules(&claims(4, named(4, "too hot", "minor")), at(21_000)).unwrap();
    measured(&mut outbox, "t", 31, 99.0);
    assert_eq!(active(&mut outbox), Vec::<String>::new(), "its hold began at 31 s");
}

#[test]
fn what_can_not_watch_is_told_and_the_rest_watches() {
    let mut outbox = outbox();
    let list = [AllowedSignals { pattern: "t".to_owned(), purpose: None, personal: false }];
    outbox.watch_only(&list);
    let rules = vec![
        given(11, 1, json!({"kind": "telepathy"})),
        given(12, 1, above("door", 1.0, 0.0)),
        given(13, 1, above("t", 80.0, 0.0)),
    ];
    outbox.take_rules(&claims(1, rules), now()).unwrap();
    let applied = told(&mut outbox, "rules.applied");
    assert_eq!((applied.len(), &applied[0]["watching"]), (1, &json!(1)));
    let refused = applied[0]["refused"].as_array().unwrap();
    assert_eq!((&refused[0]["id"], &refused[1]["id"]), (&json!(id(11)), &json!(id(12))));
    // The operator lets the other signal leave.
    outbox.watch_only(&[AllowedSignals {
        pattern: "*".to_owned(),
        purpose: None,
        personal: false,
    }]);
    outbox.settle_rules(now()).unwrap();
    let applied = told(&mut outbox, "rules.applied");
    assert_eq!((applied.len(), &applied[1]["watching"]), (2, &json!(2)));
    measured(&mut outbox, "t", 1, 99.0);
    assert_eq!(active(&mut outbox), [id(13)]);
}

#[test]
fn an_alarm_about_a_signal_that_the_operator_keeps_back_now_is_over() {
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    let rules = vec![given(11, 1, above("t", 80.0, 0.0)), given(12, 1, above("p", 8.0, 0.0))];
    outbox.take_rules(&claims(1, rules), now()).unwrap();
    measured(&mut outbox, "t", 1, 99.0);
    measured(&mut outbox, "p", 1, 9.0);
    assert_eq!(active(&mut outbox), [id(11), id(12)]);
    drop(outbox);
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    let pattern = "p".to_owned();
    outbox.watch_only(&[AllowedSignals { pattern, purpose: None, personal: false }]);
    outbox.settle_rules(now()).unwrap();
    assert_eq!(active(&mut outbox), [id(12)]);
    let ended = alarms_told(&mut outbox).pop().unwrap();
    assert!(ended.starts_with(&format!("{} cleared ", id(11))), "{ended}");
    outbox.settle_rules(now()).unwrap();
    assert_eq!(alarms_told(&mut outbox).len(), 3, "told once");
}

/// As after a change of the program that gives states another form.
#[test]
fn an_alarm_whose_state_is_not_understood_ends_when_all_is_well() {
    let states = redb::TableDefinition::<u128, &[u8]>::new("rule_states");
    let disk = Disk::default();
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    outbox.take_rules(&claims(1, vec![given(11, 1, above("t", 80.0, 0.0))]), now()).unwrap();
    measured(&mut outbox, "t", 1, 99.0);
    drop(outbox);
    let database = disk.opener()().unwrap();
    let txn = database.begin_write().unwrap();
    let mut table = txn.open_table(states).unwrap();
    let key = u128::from_str_radix(&id(11).replace('-', ""), 16).unwrap();
    assert!(table.insert(key, b"{}".as_slice()).unwrap().is_some(), "the rule has a state");
    drop(table);
    txn.commit().unwrap();
    drop(database);
    let mut outbox = Outbox::open_with(disk.opener(), SETTINGS).unwrap();
    assert_eq!(active(&mut outbox), [id(11)]);
    measured(&mut outbox, "t", 2, 70.0);
    assert_eq!(active(&mut outbox), Vec::<String>::new());
}

#[test]
fn a_document_that_is_all_wrong_stops_nothing() {
    let mut outbox = outbox();
    let rules = vec![json!(null), json!("x"), json!({"id": 7}), json!([1])];
    outbox.take_rules(&claims(1, rules), now()).unwrap();
    let shown = outbox.rules_shown().unwrap();
    assert_eq!((shown.version, shown.watching), (1, 0));
    measured(&mut outbox, "t", 1, 99.0);
    assert_eq!(crate::points(&mut outbox).len(), 1);
}

#[test]
fn an_event_that_must_come_is_heard() {
    let mut outbox = outbox();
    let missing = json!({"kind": "missing", "event": "fault.raised", "for_s": 10});
    outbox.take_rules(&claims(1, vec![given(11, 1, missing)]), now()).unwrap();
    let through = |outbox: &mut Outbox, seconds: i64| {
        let samples = vec![number("t", at(seconds * 1_000), 1.0)];
        let readings = Readings {
            through: Some(at(seconds * 1_000)),
            ..Readings::new(vec![delivery(samples)])
        };
        outbox.append(&readings).unwrap();
    };
    through(&mut outbox, 1);
    outbox.raise(&crate::raised("E-1"), at(8_000)).unwrap();
    through(&mut outbox, 15);
    assert_eq!(active(&mut outbox), Vec::<String>::new());
    through(&mut outbox, 20);
    assert_eq!(active(&mut outbox), [id(11)]);
    outbox.raise(&crate::raised("E-1"), at(21_000)).unwrap();
    assert_eq!(active(&mut outbox), Vec::<String>::new());
}

#[test]
fn only_the_last_message_of_an_append_says_that_nothing_older_will_come() {
    let mut outbox = outbox();
    let samples: Vec<_> = (0..25).map(|n| number("t", at(n * 1_000), 1.0)).collect();
    let readings = Readings { through: Some(at(24_000)), ..Readings::new(vec![delivery(samples)]) };
    outbox.append(&readings).unwrap();
    let said: Vec<Option<Timestamp>> = all(&mut outbox, Topic::Telemetry)
        .iter()
        .map(|waiting| telemetry::decode(&waiting.payload).unwrap().through_ts)
        .collect();
    assert_eq!(said, [None, None, Some(at(24_000))]);
}

// ---- Against the platform's way of watching

/// Watches as the platform's intake does: message by message, what is newest and in time.
struct Platform {
    watch: Watch,
    latest: HashMap<String, i64>,
    passed: i64,
    seen: u64,
    told: Vec<String>,
    active: Vec<String>,
}

impl Platform {
    fn new(claims: &ConfigClaims) -> Self {
        let compiled = |rule: &Value| {
            let rule = GivenRule::read(rule).unwrap().into_rule(claims.aud);
            Arc::new(CompiledRule::compile(rule).unwrap())
        };
        let rules = claims.rules.iter().map(compiled).collect();
        let watch = Watch::new(rules, &Surroundings::default(), |_, _| None);
        let (latest, told, active) = (HashMap::new(), Vec::new(), Vec::new());
        Self { watch, latest, passed: i64::MIN, seen: 0, told, active }
    }

    fn receive(&mut self, outbox: &mut Outbox) {
        for waiting in outbox.peek(Topic::Telemetry, self.seen, usize::MAX, usize::MAX).unwrap() {
            self.seen = waiting.seq;
            self.message(&waiting.payload);
        }
    }

    fn message(&mut self, payload: &[u8]) {
        let message = telemetry::decode(payload).unwrap();
        let mut newest = Vec::new();
        for point in &message.points {
            let ts = point.ts.unwrap().micros();
            let latest = self.latest.entry(point.signal.clone()).or_insert(i64::MIN);
            if ts > *latest {
                *latest = ts;
                if ts >= self.passed {
                    newest.push(point);
                }
            }
        }
        newest.sort_by_key(|point| point.ts);
        for moment in newest.chunk_by(|a, b| a.ts == b.ts) {
            let samples = moment.iter().map(|point| match &point.value {
                SampleValue::Number(number) if point.quality != Quality::Bad => {
                    (point.signal.as_str(), Reading::Number(*number))
                }
                _ => (point.signal.as_str(), Reading::Unusable),
            });
            let changes = self.watch.instant(moment[0].ts.unwrap(), samples);
            self.tell(&changes);
        }
        if let Some(through) = message.through_ts.filter(|it| it.micros() > self.passed) {
            self.passed = through.micros();
            let changes = self.watch.through(through);
            self.tell(&changes);
        }
    }

    fn tell(&mut self, changes: &[Change]) {
        for change in changes {
            let rule = change.rule.rule().id.to_string();
            let word = match change.transition {
                Transition::Raised(_) => "raised",
                Transition::Changed(_) => "changed",
                Transition::Cleared { .. } => "cleared",
            };
            self.told.push(format!("{rule} {word} {}", change.transition.at().micros()));
            self.active.retain(|it| *it != rule);
            if word != "cleared" {
                self.active.push(rule);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Action {
    /// Signal, milliseconds since the sample before, value.
    Append {
        samples: Vec<(u8, i64, u8)>,
        through: bool,
    },
    /// As with a clock that was ahead.
    SetBack,
    Restart,
    Crash,
    /// The disk is full after so many writes; then there is room, and the same is given again.
    FillAfter(u32),
}

fn action() -> impl Strategy<Value = Action> {
    let sample = (0u8..2, -2_000i64..4_000, 0u8..100);
    prop_oneof![
        8 => (proptest::collection::vec(sample, 1..9), any::<bool>())
            .prop_map(|(samples, through)| Action::Append { samples, through }),
        1 => Just(Action::SetBack),
        1 => Just(Action::Restart),
        1 => Just(Action::Crash),
        2 => (0u32..30).prop_map(Action::FillAfter),
    ]
}

/// So small that an append becomes several messages.
const SMALL: OutboxSettings = OutboxSettings { samples_per_message: 3, ..SETTINGS };

struct Machine {
    disk: Disk,
    outbox: Outbox,
    clock_ms: i64,
    last: Timestamp,
}

impl Machine {
    fn readings(&mut self, samples: &[(u8, i64, u8)], through: bool) -> Readings {
        let samples: Vec<_> = samples
            .iter()
            .map(|(signal, step, value)| {
                self.clock_ms += step;
                self.last = at(self.clock_ms).plus_micros(i64::from(*value));
                number(["a", "b"][usize::from(*signal)], self.last, f64::from(*value))
            })
            .collect();
        let through = through.then_some(self.last);
        let deliveries: Vec<Delivery> = samples.into_iter().map(|it| delivery(vec![it])).collect();
        Readings { through, ..Readings::new(deliveries) }
    }

    fn reopen(&mut self) {
        // The old one must have let go of the file before.
        let other = Outbox::open_with(Disk::default().opener(), SMALL).unwrap();
        drop(std::mem::replace(&mut self.outbox, other));
        self.outbox = Outbox::open_with(self.disk.opener(), SMALL).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_finds_what_the_platform_finds(actions in proptest::collection::vec(action(), 1..12)) {
        let given = claims(1, vec![
            given(11, 1, above("a", 60.0, 1.5)),
            given(12, 1, json!({"kind": "deviation", "signal": "a", "from": "b", "above": 40})),
            given(13, 1, json!({"kind": "any", "hold_s": 1, "conditions": [
                {"kind": "threshold", "signal": "b", "below": 20, "clear_at": 30},
                {"kind": "count", "signal": "a", "above": 50, "each": "sample", "at_least": 3,
                 "window_s": 4},
            ]})),
        ]);
        let disk = Disk::default();
        let outbox = Outbox::open_with(disk.opener(), SMALL).unwrap();
        let mut machine =
            Machine { disk, outbox, clock_ms: 1_763_775_000_000, last: at(0) };
        machine.outbox.take_rules(&given, now()).unwrap();
        let mut platform = Platform::new(&given);
        let mut full = None;
        for action in &actions {
            match action {
                Action::Append { samples, through } => {
                    let readings = machine.readings(samples, *through);
                    machine.disk.fill_after(full.take());
                    let appended = machine.outbox.append(&readings);
                    machine.disk.fill_after(None);
                    if appended.is_err() {
                        machine.outbox.append(&readings).unwrap();
                    }
                    platform.receive(&mut machine.outbox);
                }
                Action::SetBack => machine.clock_ms -= 60_000,
                Action::Restart => machine.reopen(),
                Action::Crash => {
                    machine.disk.crash(0);
                    machine.reopen();
                }
                Action::FillAfter(writes) => full = Some(*writes),
            }
        }
        prop_assume!(platform.told.len() <= LOCAL_ALARM_EVENTS as usize);
        prop_assert_eq!(alarms_told(&mut machine.outbox), platform.told);
        let mut here = active(&mut machine.outbox);
        here.sort();
        platform.active.sort();
        prop_assert_eq!(here, platform.active);
    }
}
