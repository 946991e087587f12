//! A machine with one rule, as its caller keeps it.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::sync::Arc;

use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::state::RuleState;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Change, Transition, Watch};
use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use serde_json::{Value, json};

pub(crate) fn at(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, reason = "small numbers")]
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

pub(crate) fn rule(n: u8, condition: RuleCondition, severity: Severity) -> Rule {
    Rule {
        id: format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}").parse().unwrap(),
        organization_id: "0198b2c4-7c1e-7000-8000-0000000000ff".parse().unwrap(),
        name: "r".to_owned(),
        machine_id: None,
        model: Some("m".to_owned()),
        condition,
        severity,
        message: None,
        enabled: true,
        version: 1,
        created_at: at(0.0),
        updated_at: at(0.0),
    }
}

/// The severity that a condition asks for.
pub(crate) fn severity_of(condition: &RuleCondition) -> Severity {
    match condition {
        RuleCondition::Levels(of) => of.levels.last().unwrap().severity,
        _ => Severity::Major,
    }
}

pub(crate) fn compiled(condition: Value) -> Arc<CompiledRule> {
    let condition: RuleCondition = serde_json::from_value(condition).unwrap();
    let severity = severity_of(&condition);
    Arc::new(CompiledRule::compile(rule(1, condition, severity)).unwrap())
}

/// A rule on a machine. A sample is handed in when it is later than all before it of its signal.
pub(crate) struct Machine {
    pub(crate) rules: Vec<Arc<CompiledRule>>,
    pub(crate) around: Surroundings,
    pub(crate) watch: Watch,
    pub(crate) stored: HashMap<RuleId, String>,
    pub(crate) latest: HashMap<String, i64>,
    pub(crate) told: Vec<(RuleId, Transition)>,
}

impl Machine {
    pub(crate) fn new(rules: Vec<Arc<CompiledRule>>) -> Self {
        Self::around(rules, Surroundings::default())
    }

    pub(crate) fn around(rules: Vec<Arc<CompiledRule>>, around: Surroundings) -> Self {
        let watch = Watch::new(rules.clone(), &around, |_, _| None);
        let (stored, latest, told) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { rules, around, watch, stored, latest, told }
    }

    pub(crate) fn of(condition: Value) -> Self {
        Self::new(vec![compiled(condition)])
    }

    pub(crate) fn instant(&mut self, seconds: f64, samples: &[(&str, Value)]) {
        let mut new = Vec::new();
        for (signal, value) in samples {
            let latest = self.latest.entry((*signal).to_owned()).or_insert(i64::MIN);
            if at(seconds).micros() > *latest {
                *latest = at(seconds).micros();
                new.push((*signal, reading(value)));
            }
        }
        if !new.is_empty() {
            let changes = self.watch.instant(at(seconds), new);
            self.tell(changes);
        }
    }

    pub(crate) fn sample(&mut self, seconds: f64, signal: &str, value: impl Into<Value>) {
        self.instant(seconds, &[(signal, value.into())]);
    }

    pub(crate) fn through(&mut self, seconds: f64) {
        let changes = self.watch.through(at(seconds));
        self.tell(changes);
    }

    pub(crate) fn event(&mut self, seconds: f64, event_type: &str) {
        let changes = self.watch.event(event_type, at(seconds));
        self.tell(changes);
    }

    fn tell(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.told.push((change.rule.rule().id, change.transition));
        }
        for (id, _, state) in self.watch.take_changed() {
            self.stored.insert(id, serde_json::to_string(&state).unwrap());
        }
    }

    pub(crate) fn restart(&mut self) {
        let read =
            |id: RuleId| Some(serde_json::from_str::<RuleState>(self.stored.get(&id)?).unwrap());
        self.watch = Watch::new(self.rules.clone(), &self.around, |id, _| read(id));
    }

    /// What was told, such as `raised major 12.5`.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.told.iter().map(|(_, transition)| shown(transition)).collect()
    }

    /// The same, and forgotten.
    pub(crate) fn take(&mut self) -> Vec<String> {
        let heard = self.heard();
        self.told.clear();
        heard
    }

    /// The context of the last finding, without the key of its message.
    pub(crate) fn context(&self) -> Value {
        let found = self.told.iter().rev().find_map(|(_, transition)| match transition {
            Transition::Raised(found) | Transition::Changed(found) => Some(found.context.clone()),
            Transition::Cleared { .. } => None,
        });
        found.map_or(json!(null), |mut context| {
            context.remove("message_key");
            Value::Object(context)
        })
    }
}

pub(crate) fn shown(transition: &Transition) -> String {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let seconds = |at: Timestamp| at.micros() as f64 / 1e6;
    match transition {
        Transition::Raised(found) => {
            format!("raised {} {}", found.severity.as_str(), seconds(found.at))
        }
        Transition::Changed(found) => {
            format!("changed {} {}", found.severity.as_str(), seconds(found.at))
        }
        Transition::Cleared { at } => format!("cleared {}", seconds(*at)),
    }
}

/// Null: nothing usable.
fn reading(value: &Value) -> Reading<'_> {
    match value {
        Value::Bool(value) => Reading::Boolean(*value),
        Value::Number(number) => Reading::Number(number.as_f64().unwrap()),
        Value::String(text) => Reading::Text(text),
        _ => Reading::Unusable,
    }
}
