//! Rules as people write them, compiled, and which of them watch a machine.

use std::collections::HashMap;
use std::sync::Arc;

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::{Limit, Rule, RuleCondition};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::anomaly::{self, Anomaly};
use crate::conditions::needs::{learning, subject, walk};
use crate::conditions::{Tree, compile, words};
use crate::state::RuleState;
use crate::surroundings::Surroundings;
use crate::threshold::{State, Threshold};

/// A rule that can watch.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledRule {
    rule: Rule,
    of_all: Evaluator,
    /// Whether it is another one with each machine.
    refers: bool,
    /// By level.
    messages: Vec<String>,
}

/// What judges a rule's samples with a machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Evaluator {
    /// A rule of one threshold, as most are.
    Threshold(Threshold),
    /// A rule that learns.
    Anomaly(Arc<Anomaly>),
    /// Any other.
    Tree(Arc<Tree>),
}

/// What is wrong with a rule's condition and severity, by field.
#[must_use]
pub fn problems(condition: &RuleCondition, severity: Severity) -> Vec<FieldProblem> {
    evaluator(condition, severity, &Surroundings::default()).err().unwrap_or_default()
}

fn evaluator(
    condition: &RuleCondition,
    severity: Severity,
    around: &Surroundings,
) -> Result<Evaluator, Vec<FieldProblem>> {
    if let Some((what, gate)) = learning(condition) {
        return Ok(Evaluator::Anomaly(Arc::new(anomaly::compile::compile(what, gate, around)?)));
    }
    let tree = compile::compile(condition, severity, around)?;
    if let RuleCondition::Threshold(condition) = condition {
        let mut problems = Vec::new();
        let made = Threshold::check(condition, around, compile::ROOT, &mut problems);
        return made.map(Evaluator::Threshold).ok_or(problems);
    }
    Ok(Evaluator::Tree(Arc::new(tree)))
}

impl CompiledRule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// What is wrong with its condition, by field.
    pub fn compile(rule: Rule) -> Result<Self, Vec<FieldProblem>> {
        let of_all = evaluator(&rule.condition, rule.severity, &Surroundings::default())?;
        let refers = refers(&rule.condition);
        let messages = match (&rule.message, &rule.condition) {
            (Some(message), _) => vec![message.clone()],
            (None, RuleCondition::Levels(of)) => {
                of.levels.iter().map(|level| words::describe(&level.condition)).collect()
            }
            (None, condition) => vec![words::describe(condition)],
        };
        Ok(Self { rule, of_all, refers, messages })
    }

    /// Compiles a rule that has a condition and nothing else, to be tried.
    ///
    /// # Errors
    /// What is wrong with the condition, by field.
    pub fn of_condition(condition: RuleCondition) -> Result<Self, Vec<FieldProblem>> {
        let severity = match &condition {
            RuleCondition::Levels(of) => of.levels.last().map(|level| level.severity),
            _ => None,
        };
        Self::compile(Rule {
            id: RuleId(Uuid::nil()),
            organization_id: OrganizationId(Uuid::nil()),
            name: String::new(),
            machine_id: None,
            model: None,
            condition,
            severity: severity.unwrap_or(Severity::Major),
            message: None,
            enabled: true,
            version: 1,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        })
    }

    /// The rule as it was written.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether what it judges depends on the machine: on its parameters, or on its time zone.
    #[must_use]
    pub const fn depends_on_machine(&self) -> bool {
        self.refers
    }

    /// What its alarms are about, their source: the first signal or event that it watches.
    #[must_use]
    pub fn source(&self) -> &str {
        subject(&self.rule.condition)
    }

    /// The message of its alarms of a level: its own, or made from the condition.
    pub(crate) fn message(&self, level: usize) -> &str {
        self.messages.get(level).or(self.messages.first()).map_or("", String::as_str)
    }

    /// What judges it with this machine.
    pub(crate) fn with(&self, around: &Surroundings) -> Evaluator {
        if !self.refers {
            return self.of_all.clone();
        }
        // What a machine says only moves limits: what compiled for all compiles for each.
        let with = evaluator(&self.rule.condition, self.rule.severity, around);
        match (with, &self.of_all) {
            // What is large is the same with each.
            (Ok(Evaluator::Anomaly(own)), Evaluator::Anomaly(of_all)) => {
                Evaluator::Anomaly(Arc::new(own.sharing(of_all)))
            }
            (Ok(own), _) => own,
            (Err(_), of_all) => of_all.clone(),
        }
    }

    /// Where it stands when only this is known: its alarm is active with that severity, because of
    /// these signals and events ([`causes`]). It is cleared when they say that all is well.
    #[must_use]
    pub fn adopt(&self, since: Timestamp, severity: Severity, causes: &[String]) -> RuleState {
        match &self.of_all {
            Evaluator::Threshold(_) => RuleState::Threshold(State::Active { since }),
            Evaluator::Anomaly(anomaly) => RuleState::Anomaly(anomaly.adopt(since, causes)),
            Evaluator::Tree(tree) => RuleState::Tree(tree.adopt(since, severity, causes)),
        }
    }
}

impl Evaluator {
    /// Where it stands when nothing has been seen.
    pub(crate) fn begin(&self) -> RuleState {
        match self {
            Self::Threshold(_) => RuleState::Threshold(State::default()),
            Self::Anomaly(anomaly) => RuleState::Anomaly(anomaly.begin()),
            Self::Tree(tree) => RuleState::Tree(tree.begin()),
        }
    }

    /// A stored state if it is one of this rule.
    pub(crate) fn fitting(&self, state: RuleState) -> Option<RuleState> {
        let fits = match (self, &state) {
            (Self::Threshold(_), RuleState::Threshold(_)) => true,
            (Self::Anomaly(anomaly), RuleState::Anomaly(state)) => anomaly.fits(state),
            (Self::Tree(tree), RuleState::Tree(state)) => tree.fits(state),
            _ => false,
        };
        fits.then_some(state)
    }
}

/// The signals and events that an alarm names as its causes, in the context that it was found with.
#[must_use]
pub fn causes(context: &Map<String, Value>) -> Vec<String> {
    let listed = context.get("causes").and_then(Value::as_array);
    let each: Vec<&Map<String, Value>> = match listed {
        Some(listed) => listed.iter().filter_map(Value::as_object).collect(),
        None => vec![context],
    };
    let named = each.into_iter().filter_map(|cause| {
        let name = cause.get("signal").or_else(|| cause.get("event"))?;
        name.as_str().map(str::to_owned)
    });
    named.collect()
}

/// Whether a condition depends on the machine.
fn refers(condition: &RuleCondition) -> bool {
    let mut found = false;
    let of_machine = |limit: Option<&Limit>| matches!(limit, Some(Limit::Parameter(_)));
    walk(condition, "", &mut |leaf, _| {
        found |= match leaf {
            RuleCondition::Threshold(it) => [&it.above, &it.below, &it.clear_at]
                .into_iter()
                .any(|limit| of_machine(limit.as_ref())),
            RuleCondition::Rate(it) => [&it.above, &it.below, &it.clear_at]
                .into_iter()
                .any(|limit| of_machine(limit.as_ref())),
            RuleCondition::Deviation(it) => {
                of_machine(Some(&it.above)) || of_machine(it.clear_at.as_ref())
            }
            RuleCondition::Count(it) => {
                of_machine(it.above.as_ref()) || of_machine(it.below.as_ref())
            }
            RuleCondition::Schedule(it) => it.time_zone.is_none(),
            _ => false,
        };
    });
    found
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
    use millwright_schemas::api::rules::ThresholdCondition;

    use super::*;

    fn id<T: std::str::FromStr>(n: u8) -> T
    where
        T::Err: std::fmt::Debug,
    {
        format!("0198b2c4-7c1e-7000-8000-0000000000{n:02x}").parse().unwrap()
    }

    fn limit() -> ThresholdCondition {
        let signal = "spindle.temperature".parse().unwrap();
        ThresholdCondition { hold_s: 10.0, ..ThresholdCondition::above(signal, 80.0) }
    }

    fn rule(n: u8, machine: Option<u8>, model: Option<&str>) -> Rule {
        Rule {
            id: id(n),
            organization_id: id(1),
            name: "r".to_owned(),
            machine_id: machine.map(id),
            model: model.map(str::to_owned),
            condition: limit().into(),
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
        let nothing = ThresholdCondition { above: None, ..limit() };
        broken.condition = nothing.into();
        let (set, refused) = RuleSet::compile([broken]);
        assert!(set.is_empty());
        assert_eq!((refused.len(), refused[0].0), (1, id(11)));
    }

    #[test]
    fn of_signals_that_learn_by_themselves_only_those_are_taken_over_that_are_a_cause() {
        let states = |causes: &[&str]| -> Vec<String> {
            let condition = serde_json::json!({
                "kind": "anomaly", "signals": ["a", "b", "c"], "together": false
            });
            let compiled =
                CompiledRule::of_condition(serde_json::from_value(condition).unwrap()).unwrap();
            let causes: Vec<String> = causes.iter().map(|it| (*it).to_owned()).collect();
            let state = compiled.adopt(Timestamp::from_micros(5), Severity::Major, &causes);
            assert!(state.is_raised());
            let state = serde_json::to_value(state).unwrap();
            let holds = state["holds"].as_array().unwrap();
            holds.iter().map(|hold| hold["state"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(states(&["b"]), ["normal", "active", "normal"]);
        let none: &[&str] = &[];
        for nothing_known in [none, &["gone"]] {
            assert_eq!(states(nothing_known), ["active", "normal", "normal"]);
        }
    }

    #[test]
    fn the_message_says_the_condition_unless_there_is_one() {
        let compiled = CompiledRule::compile(rule(11, Some(5), None)).unwrap();
        assert_eq!(compiled.message(0), "spindle.temperature above 80 for 10 s");
        let own = Rule { message: Some("hot".to_owned()), ..rule(11, Some(5), None) };
        assert_eq!(CompiledRule::compile(own).unwrap().message(0), "hot");
    }
}
