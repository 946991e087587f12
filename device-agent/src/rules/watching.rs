//! The rules of this machine with their states, in memory. No storage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::state::RuleState;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Change, Watch};
use millwright_schemas::wire::rules::{ConfigClaims, RefusedRule, RulesApplied};
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, RuleId, Timestamp};
use serde::{Deserialize, Serialize};

use super::given::{FailedRule, Given};
use crate::limits::{LOCAL_ALARM_EVENTS, LOCAL_ALARM_WINDOW_US};

/// Where a version of a rule stands, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredState {
    pub(crate) version: i64,
    pub(crate) state: RuleState,
}

/// A value that is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(crate) ts: Timestamp,
    pub(crate) signal: &'a str,
    pub(crate) value: &'a SampleValue,
    pub(crate) quality: Quality,
}

/// The rules of this machine with their states. Without a document: none.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    version: u64,
    rules: Vec<Arc<CompiledRule>>,
    refused: Vec<RefusedRule>,
    watch: Watch,
    /// All that has failed and isn't taken yet.
    failed: Vec<FailedRule>,
    /// Since when alarms are counted that are told, and how many there were.
    told: Option<(Timestamp, u32)>,
}

impl Watching {
    /// The rules of a document, each with what is kept of it.
    pub(crate) fn new(
        claims: &ConfigClaims,
        given: Given,
        stored: impl Fn(RuleId) -> Option<StoredState>,
    ) -> Self {
        let Given { rules, refused } = given;
        let around = Surroundings {
            parameters: claims.parameters.clone(),
            time_zone: claims.time_zone.clone(),
        };
        let watch = Watch::new(rules.clone(), &around, |rule, version| {
            stored(rule).filter(|kept| kept.version == version).map(|kept| kept.state)
        });
        Self { version: claims.version, rules, refused, watch, ..Self::default() }
    }

    /// Which document it is; 0: none.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The rules that watch.
    pub(crate) fn rules(&self) -> &[Arc<CompiledRule>] {
        &self.rules
    }

    /// What is told of it.
    pub(crate) fn applied(&self) -> RulesApplied {
        RulesApplied {
            version: self.version,
            watching: u32::try_from(self.rules.len()).unwrap_or(u32::MAX),
            refused: self.refused.clone(),
        }
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.watch.is_empty()
    }

    /// The values of a message, as the platform's own watching takes them: in the order of their
    /// times, those of one moment at once.
    pub(crate) fn message(&mut self, mut points: Vec<Point<'_>>) -> Vec<Change> {
        points.sort_by_key(|point| point.ts);
        let mut changes = Vec::new();
        for moment in points.chunk_by(|a, b| a.ts == b.ts) {
            let Some(at) = moment.first().map(|point| point.ts) else { continue };
            let samples = moment.iter().map(|point| (point.signal, reading(point)));
            changes.extend(self.guarded(|watch| watch.instant(at, samples)));
        }
        changes
    }

    /// The machine has reported an event.
    pub(crate) fn event(&mut self, event_type: &str, at: Timestamp) -> Vec<Change> {
        self.guarded(|watch| watch.event(event_type, at))
    }

    /// Nothing older will come.
    pub(crate) fn through(&mut self, at: Timestamp) -> Vec<Change> {
        self.guarded(|watch| watch.through(at))
    }

    /// Whatever happens in there, samples go on being stored: a panic switches the rules off.
    fn guarded(&mut self, step: impl FnOnce(&mut Watch) -> Vec<Change>) -> Vec<Change> {
        let watch = &mut self.watch;
        match catch_unwind(AssertUnwindSafe(|| step(watch))) {
            Ok(changes) => changes,
            Err(_) => {
                tracing::error!("watching the rules has panicked: they are switched off");
                self.watch = Watch::default();
                for rule in std::mem::take(&mut self.rules) {
                    self.fail(&rule, "the detection has panicked".to_owned());
                }
                Vec::new()
            }
        }
    }

    fn fail(&mut self, rule: &CompiledRule, reason: String) {
        let rule = rule.rule();
        let told = format!("it has failed here: {reason}");
        self.refused.push(RefusedRule::new(rule.id, [told]));
        self.failed.push(FailedRule { id: rule.id, version: rule.version, reason });
    }

    /// The states that have changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<(RuleId, StoredState)> {
        let changed = self.watch.take_changed().into_iter();
        changed.map(|(rule, version, state)| (rule, StoredState { version, state })).collect()
    }

    /// The rules that have failed since the last call. They are switched off.
    pub(crate) fn take_failed(&mut self) -> Vec<FailedRule> {
        for (rule, error) in self.watch.take_failed() {
            self.rules.retain(|watched| watched.rule().id != rule.rule().id);
            self.fail(&rule, error.to_string());
        }
        std::mem::take(&mut self.failed)
    }

    /// Whether one more change may be told to the platform; counts it if so. An alarm that comes
    /// and goes all the time must not drive out what it is made of.
    pub(crate) fn may_tell(&mut self, now: Timestamp) -> bool {
        let (since, count) = match self.told {
            Some((since, count))
                if (0..LOCAL_ALARM_WINDOW_US).contains(&now.micros_since(since)) =>
            {
                (since, count + 1)
            }
            _ => (now, 1),
        };
        self.told = Some((since, count.min(LOCAL_ALARM_EVENTS + 1)));
        count <= LOCAL_ALARM_EVENTS
    }

    /// How much work an event may take; for tests.
    #[cfg(test)]
    pub(crate) fn set_work(&mut self, work: u32) {
        self.watch.set_work(work);
    }
}

fn reading<'a>(point: &Point<'a>) -> Reading<'a> {
    if point.quality == Quality::Bad {
        return Reading::Unusable;
    }
    match point.value {
        SampleValue::Number(number) => Reading::Number(*number),
        SampleValue::Boolean(value) => Reading::Boolean(*value),
        SampleValue::Text(text) => Reading::Text(text),
        SampleValue::Null => Reading::Unusable,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_detection::watch::Transition;
    use serde_json::{Value, json};

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[allow(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn watching(condition: Value) -> Watching {
        let rule = json!({
            "id": "0198b2c4-7c1e-7000-8000-000000000011", "version": 4, "name": "r",
            "severity": "major", "condition": condition,
        });
        let claims = ConfigClaims {
            aud: "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap(),
            iat: 0,
            version: 9,
            rules: vec![rule],
            parameters: Default::default(),
            time_zone: None,
        };
        let given = Given::read(&claims, &[], None);
        assert_eq!(given.refused, []);
        Watching::new(&claims, given, |_| None)
    }

    fn point<'a>(ms: i64, signal: &'a str, value: &'a SampleValue) -> Point<'a> {
        Point { ts: at(ms), signal, value, quality: Quality::Good }
    }

    #[test]
    fn a_message_is_judged_in_the_order_of_its_times_and_a_moment_at_once() {
        let differ = json!({"kind": "deviation", "signal": "a", "from": "b", "above": 1});
        let mut rules = watching(differ);
        let (low, high) = (SampleValue::Number(1.0), SampleValue::Number(9.0));
        // Both jump together, and are named apart from each other.
        let points = vec![
            point(2, "a", &high),
            point(1, "a", &low),
            point(1, "b", &low),
            point(2, "b", &high),
        ];
        assert_eq!(rules.message(points), []);
        let changes = rules.message(vec![point(3, "b", &low)]);
        assert_eq!(changes.len(), 1);
        assert!(matches!(&changes[0].transition, Transition::Raised(found) if found.at == at(3)));
        assert_eq!(rules.take_changed().len(), 1);
        assert_eq!(rules.take_changed(), []);
    }

    #[test]
    fn a_rule_that_takes_too_much_is_switched_off_and_told() {
        let mut rules = watching(json!({"kind": "all", "conditions": [
            {"kind": "threshold", "signal": "a", "above": 1},
            {"kind": "threshold", "signal": "b", "above": 1},
        ]}));
        rules.set_work(0);
        let high = SampleValue::Number(9.0);
        assert_eq!(rules.message(vec![point(1, "a", &high)]), []);
        let failed = rules.take_failed();
        assert_eq!((failed.len(), failed[0].version), (1, 4));
        let applied = rules.applied();
        assert_eq!((applied.version, applied.watching), (9, 0));
        assert!(applied.refused[0].problems[0].starts_with("it has failed here: one event"));
        assert_eq!(rules.take_failed(), []);
    }

    #[test]
    fn an_alarm_that_comes_and_goes_is_told_so_often_and_no_more() {
        let mut rules = Watching::default();
        let told = (0..200).filter(|s| rules.may_tell(at(s * 1_000))).count();
        assert_eq!(told, LOCAL_ALARM_EVENTS as usize);
        assert!(rules.may_tell(at(3_600_000)), "an hour later");
        assert!(rules.may_tell(at(1_000)), "after the clock was set back");
    }
}
