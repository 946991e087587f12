//! Rules as people write them, compiled, and which of them watch a machine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::{MachineId, OrganizationId, RuleId};
use serde_json::{Map, Value};

use crate::threshold::Threshold;

/// A rule that can watch.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledRule {
    rule: Rule,
    threshold: Threshold,
    message: String,
}

impl CompiledRule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// What is wrong with its condition, by field.
    pub fn compile(rule: Rule) -> Result<Self, Vec<FieldProblem>> {
        let threshold = Threshold::compile(&rule.condition)?;
        let message = rule.message.clone().unwrap_or_else(|| describe(&rule.condition));
        Ok(Self { rule, threshold, message })
    }

    /// The rule as it was written.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// What it watches.
    #[must_use]
    pub const fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// The signal that it watches; the source of its alarms.
    #[must_use]
    pub fn signal(&self) -> &str {
        let RuleCondition::Threshold { signal, .. } = &self.rule.condition;
        signal.as_str()
    }

    /// The message of its alarms: its own, or made from the condition.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What its alarm tells of its raise: the value, and what it was compared with.
    #[must_use]
    pub fn context(&self, value: f64) -> Map<String, Value> {
        let RuleCondition::Threshold { hold_s, .. } = self.rule.condition;
        Map::from_iter([
            ("signal".to_owned(), self.signal().into()),
            ("value".to_owned(), value.into()),
            ("side".to_owned(), self.threshold.side().as_str().into()),
            ("limit".to_owned(), self.threshold.limit().into()),
            ("hold_s".to_owned(), hold_s.into()),
        ])
    }
}

/// A condition in words, such as `spindle.temperature above 80 for 10 s`.
fn describe(condition: &RuleCondition) -> String {
    let RuleCondition::Threshold { signal, above, below, hold_s, .. } = condition;
    let mut text = signal.to_string();
    for (word, limit) in [("above", above), ("below", below)] {
        if let Some(limit) = limit {
            // Writing to a text can't fail.
            let _ = write!(text, " {word} {limit}");
        }
    }
    if *hold_s > 0.0 {
        let _ = write!(text, " for {hold_s} s");
    }
    text
}

/// A machine, as far as it matters which rules watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The machine.
    pub machine: MachineId,
    /// Its model.
    pub model: Option<String>,
    /// Its organization and all above it.
    pub organizations: Vec<OrganizationId>,
}

/// All rules that watch, by machine and model.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: HashMap<RuleId, Arc<CompiledRule>>,
    of_machine: HashMap<MachineId, Vec<RuleId>>,
    of_model: HashMap<String, Vec<RuleId>>,
}

impl RuleSet {
    /// Compiles rules. Those that are switched off are left out, and those that this program
    /// can't watch, which are returned with what is wrong.
    #[must_use]
    pub fn compile(
        rules: impl IntoIterator<Item = Rule>,
    ) -> (Self, Vec<(RuleId, Vec<FieldProblem>)>) {
        let (mut set, mut refused) = (Self::default(), Vec::new());
        for rule in rules.into_iter().filter(|rule| rule.enabled) {
            let id = rule.id;
            match CompiledRule::compile(rule) {
                Ok(rule) => set.add(rule),
                Err(problems) => refused.push((id, problems)),
            }
        }
        (set, refused)
    }

    fn add(&mut self, compiled: CompiledRule) {
        let rule = &compiled.rule;
        if let Some(machine) = rule.machine_id {
            self.of_machine.entry(machine).or_default().push(rule.id);
        }
        if let Some(model) = &rule.model {
            self.of_model.entry(model.clone()).or_default().push(rule.id);
        }
        self.rules.insert(rule.id, Arc::new(compiled));
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rule with this id, if it watches.
    #[must_use]
    pub fn get(&self, id: RuleId) -> Option<&Arc<CompiledRule>> {
        self.rules.get(&id)
    }

    /// The rules that watch this machine, by id. A rule watches machines of its organization and
    /// all below it.
    #[must_use]
    pub fn watching(&self, machine: &Watched) -> Vec<Arc<CompiledRule>> {
        let own = self.of_machine.get(&machine.machine).into_iter().flatten();
        let model = machine.model.as_ref().and_then(|model| self.of_model.get(model));
        let mut rules: Vec<_> = own
            .chain(model.into_iter().flatten())
            .filter_map(|id| self.rules.get(id))
            .filter(|rule| machine.organizations.contains(&rule.rule.organization_id))
            .map(Arc::clone)
            .collect();
        rules.sort_unstable_by_key(|rule| rule.rule.id);
        rules
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::Timestamp;
    use millwright_schemas::wire::events::Severity;

    use super::*;

    fn id<T: std::str::FromStr>(n: u8) -> T
    where
        T::Err: std::fmt::Debug,
    {
        format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}").parse().unwrap()
    }

    fn rule(n: u8, machine: Option<u8>, model: Option<&str>) -> Rule {
        Rule {
            id: id(n),
            organization_id: id(1),
            name: "r".to_owned(),
            machine_id: machine.map(id),
            model: model.map(str::to_owned),
            condition: RuleCondition::Threshold {
                signal: "spindle.temperature".parse().unwrap(),
                above: Some(80.0),
                below: None,
                clear_at: None,
                hold_s: 10.0,
                clear_hold_s: 0.0,
            },
            severity: Severity::Major,
            message: None,
            enabled: true,
            version: 1,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    fn watched(n: u8, model: &str, organizations: &[u8]) -> Watched {
        let organizations = organizations.iter().map(|n| id(*n)).collect();
        Watched { machine: id(n), model: Some(model.to_owned()), organizations }
    }

    #[test]
    fn a_machine_is_watched_by_its_own_rules_and_its_models_within_the_organization() {
        let off = Rule { enabled: false, ..rule(14, Some(5), None) };
        let strange = Rule { organization_id: id(9), ..rule(13, None, Some("mill")) };
        let rules = [rule(12, None, Some("mill")), rule(11, Some(5), None), strange, off];
        let (set, refused) = RuleSet::compile(rules);
        assert_eq!(refused, []);
        let ids = |machine: &Watched| -> Vec<RuleId> {
            set.watching(machine).iter().map(|rule| rule.rule().id).collect()
        };
        assert_eq!(ids(&watched(5, "mill", &[2, 1])), [id(11), id(12)]);
        assert_eq!(ids(&watched(6, "mill", &[1])), [id(12)]);
        assert_eq!(ids(&watched(5, "lathe", &[1])), [id(11)]);
        assert_eq!(ids(&watched(5, "mill", &[2])), []);
    }

    #[test]
    fn a_rule_that_cannot_be_watched_is_told_and_left_out() {
        let mut broken = rule(11, Some(5), None);
        let RuleCondition::Threshold { above, .. } = &mut broken.condition;
        *above = None;
        let (set, refused) = RuleSet::compile([broken]);
        assert!(set.is_empty());
        assert_eq!((refused.len(), refused[0].0), (1, id(11)));
    }

    #[test]
    fn the_message_says_the_condition_unless_there_is_one() {
        let compiled = CompiledRule::compile(rule(11, Some(5), None)).unwrap();
        assert_eq!(compiled.message(), "spindle.temperature above 80 for 10 s");
        let own = Rule { message: Some("hot".to_owned()), ..rule(11, Some(5), None) };
        assert_eq!(CompiledRule::compile(own).unwrap().message(), "hot");
        let context = Value::Object(compiled.context(81.5));
        let expected = serde_json::json!({"signal": "spindle.temperature", "value": 81.5,
            "side": "above", "limit": 80.0, "hold_s": 10.0});
        assert_eq!(context, expected);
    }
}
