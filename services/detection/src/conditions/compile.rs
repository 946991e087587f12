//! Conditions as people write them, checked and made a tree.

use std::fmt::Display;

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::{
    DeviationMeasure, GroupCondition, Limit, RuleCondition, ThresholdCondition, WhileCondition,
};
use millwright_schemas::limits::{RULE_CONDITIONS_MAX, RULE_DEPTH_MAX};
use millwright_schemas::wire::events::Severity;

use super::deviation::Deviation;
use super::needs::walk;
use super::tree::{Heard, Kind, Node, Source, Tree};
use crate::bound::{Bound, BoundFields};
use crate::hold::Hold;
use crate::surroundings::Surroundings;
use crate::threshold::Threshold;

/// The field of a rule that conditions stand in.
pub(crate) const ROOT: &str = "condition";

/// Makes a rule's condition a tree, as it is with a machine.
///
/// # Errors
/// All that is wrong, by field of the rule.
pub(crate) fn compile(
    condition: &RuleCondition,
    severity: Severity,
    around: &Surroundings,
) -> Result<Tree, Vec<FieldProblem>> {
    let mut compiler = Compiler { around, ..Compiler::new(around) };
    let levels = compiler.levels(condition, severity);
    if compiler.count > RULE_CONDITIONS_MAX {
        let count = compiler.count;
        let message = format!("has {count} conditions, at most {RULE_CONDITIONS_MAX} fit");
        compiler.refuse(ROOT, message);
    }
    let Compiler { nodes, sources, problems, .. } = compiler;
    if problems.is_empty() { Ok(Tree { nodes, sources, levels }) } else { Err(problems) }
}

/// Makes a condition while which something is learned a tree of its own, as it is with a machine. It may
/// be as large as it could be within an outermost `while`.
///
/// # Errors
/// All that is wrong, by field of the rule.
pub(crate) fn compile_gate(
    condition: &RuleCondition,
    around: &Surroundings,
    path: &str,
) -> Result<Tree, Vec<FieldProblem>> {
    let mut compiler = Compiler { depth: 1, count: 2, ..Compiler::new(around) };
    let node = compiler.condition(condition, path);
    walk(condition, path, &mut |leaf, path| {
        if matches!(leaf, RuleCondition::Missing(_)) {
            compiler.refuse(path, "missing can't say when something is learned");
        }
    });
    if compiler.count > RULE_CONDITIONS_MAX {
        let count = compiler.count;
        let message = format!("has {count} conditions, at most {RULE_CONDITIONS_MAX} fit");
        compiler.refuse(ROOT, message);
    }
    let Compiler { nodes, sources, problems, .. } = compiler;
    match node {
        // Its severity means nothing.
        Some(node) if problems.is_empty() => {
            Ok(Tree { nodes, sources, levels: vec![(Severity::Warning, node)] })
        }
        _ => Err(problems),
    }
}

/// What is made so far.
pub(super) struct Compiler<'a> {
    pub(super) around: &'a Surroundings,
    nodes: Vec<Node>,
    sources: Vec<Source>,
    pub(super) problems: Vec<FieldProblem>,
    /// Conditions so far, groups counted.
    count: usize,
    /// Leaves so far.
    leaves: usize,
    /// The gate around what is being made.
    gate: Option<usize>,
    depth: usize,
}

impl<'a> Compiler<'a> {
    fn new(around: &'a Surroundings) -> Self {
        let (nodes, sources, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { around, nodes, sources, problems, count: 0, leaves: 0, gate: None, depth: 0 }
    }

    pub(super) fn refuse(&mut self, field: impl Display, message: impl Into<String>) {
        self.problems.push(FieldProblem { field: field.to_string(), message: message.into() });
    }

    pub(super) fn hold(&mut self, path: &str, hold_s: f64, clear_hold_s: f64) -> Hold {
        Hold::compile(hold_s, clear_hold_s, path, &mut self.problems)
    }

    pub(super) fn bound(&mut self, path: &str, fields: BoundFields<'_>) -> Option<Bound> {
        Bound::compile(fields, self.around, path, &mut self.problems)
    }

    /// The place of a source.
    pub(super) fn source(&mut self, name: &str, heard: Heard) -> usize {
        let carried = self.gate.is_some() && heard == Heard::Signal;
        let known = self.sources.iter().position(|it| it.heard == heard && it.name == name);
        match known {
            Some(place) => {
                self.sources[place].carried |= carried;
                place
            }
            None => {
                self.sources.push(Source { name: name.to_owned(), heard, carried });
                self.sources.len() - 1
            }
        }
    }

    fn add(&mut self, kind: Kind, hold: Hold) -> usize {
        self.nodes.push(Node { kind, hold, gate: self.gate, leaf: self.leaves });
        self.nodes.len() - 1
    }

    /// The outermost condition, which may have levels.
    fn levels(&mut self, condition: &RuleCondition, severity: Severity) -> Vec<(Severity, usize)> {
        let RuleCondition::Levels(levels) = condition else {
            let node = self.watching(condition, ROOT);
            return node.map(|node| (severity, node)).into_iter().collect();
        };
        self.check_levels(&levels.levels, severity);
        let mut nodes = Vec::new();
        for (place, level) in levels.levels.iter().enumerate() {
            let node =
                self.watching(&level.condition, &format!("{ROOT}.levels[{place}].condition"));
            nodes.extend(node.map(|node| (level.severity, node)));
        }
        nodes
    }

    /// A condition that can be the cause of an alarm.
    fn watching(&mut self, condition: &RuleCondition, path: &str) -> Option<usize> {
        let before = self.problems.len();
        let node = self.condition(condition, path);
        if self.problems.len() == before && !hears(condition) {
            self.refuse(path, "watches no signal: a schedule alone is no cause for an alarm");
        }
        node
    }

    /// Makes a condition's nodes, itself last. `None`: something is wrong with it, which is told.
    fn condition(&mut self, condition: &RuleCondition, path: &str) -> Option<usize> {
        self.count += 1;
        if self.depth >= RULE_DEPTH_MAX {
            self.refuse(path, format!("is nested more than {RULE_DEPTH_MAX} deep"));
            return None;
        }
        self.depth += 1;
        let node = match condition {
            RuleCondition::All(group) => self.group(group, path, Kind::All),
            RuleCondition::Any(group) => self.group(group, path, Kind::Any),
            RuleCondition::While(while_) => self.while_(while_, path),
            RuleCondition::Levels(_) => {
                self.refuse(path, "levels can only be the outermost condition of a rule");
                None
            }
            RuleCondition::Anomaly(_) => {
                let only = "anomaly can only be the outermost condition of a rule, or that of an \
                            outermost while";
                self.refuse(path, only);
                None
            }
            leaf => {
                let made = self.leaf(leaf, path);
                let node = made.map(|(kind, hold)| self.add(kind, hold));
                self.leaves += 1;
                node
            }
        };
        self.depth -= 1;
        node
    }

    fn group(
        &mut self,
        group: &GroupCondition,
        path: &str,
        kind: impl FnOnce(Vec<usize>) -> Kind,
    ) -> Option<usize> {
        if group.conditions.is_empty() {
            self.refuse(format!("{path}.conditions"), "is empty; at least 1 is needed");
        }
        let mut children = Vec::new();
        for (place, child) in group.conditions.iter().enumerate() {
            children.push(self.condition(child, &format!("{path}.conditions[{place}]")));
        }
        let hold = self.hold(path, group.hold_s, group.clear_hold_s);
        let children: Option<Vec<usize>> = children.into_iter().collect();
        let children = children.filter(|children| !children.is_empty())?;
        Some(self.add(kind(children), hold))
    }

    fn while_(&mut self, of: &WhileCondition, path: &str) -> Option<usize> {
        let gate = self.condition(&of.gate, &format!("{path}.while"));
        let outer = self.gate;
        let gate = self.add(Kind::Gate { of: gate.unwrap_or(0), covers: 0..0 }, Hold::default());
        self.gate = Some(gate);
        let inner = self.condition(&of.condition, &format!("{path}.condition"));
        self.gate = outer;
        let end = self.nodes.len();
        if let Kind::Gate { covers, .. } = &mut self.nodes[gate].kind {
            *covers = gate + 1..end;
        }
        Some(self.add(Kind::While { gate, inner: inner? }, Hold::default()))
    }

    fn leaf(&mut self, condition: &RuleCondition, path: &str) -> Option<(Kind, Hold)> {
        match condition {
            RuleCondition::Threshold(it) => self.threshold(it, path),
            RuleCondition::Rate(it) => self.rate(it, path),
            RuleCondition::Deviation(it) => {
                let fields = BoundFields {
                    above: Some(&it.above),
                    below: None,
                    clear_at: it.clear_at.as_ref(),
                };
                let bound = self.bound(path, fields);
                let hold = self.hold(path, it.hold_s, it.clear_hold_s);
                self.unit(path, it.unit.as_deref());
                for (field, limit) in
                    [("above", Some(&it.above)), ("clear_at", it.clear_at.as_ref())]
                {
                    if let Some(limit) =
                        limit.map(Limit::default_value).filter(|limit| *limit < 0.0)
                    {
                        self.refuse(
                            format!("{path}.{field}"),
                            format!("{limit} is below 0, which no distance is"),
                        );
                    }
                }
                if it.signal == it.from {
                    self.refuse(format!("{path}.from"), "is the signal itself");
                }
                let source = self.source(it.signal.as_str(), Heard::Signal);
                let from = self.source(it.from.as_str(), Heard::Signal);
                let percent = it.measure == DeviationMeasure::Percent;
                let deviation = Deviation { bound: bound?, percent };
                Some((Kind::Deviation { source, from, deviation }, hold))
            }
            RuleCondition::Count(it) => self.count(it, path),
            RuleCondition::State(it) => self.state(it, path),
            RuleCondition::Missing(it) => self.missing(it, path),
            RuleCondition::Sequence(it) => self.sequence(it, path),
            RuleCondition::Order(it) => self.order(it, path),
            RuleCondition::Schedule(it) => self.schedule(it, path),
            RuleCondition::All(_)
            | RuleCondition::Any(_)
            | RuleCondition::While(_)
            | RuleCondition::Anomaly(_)
            | RuleCondition::Levels(_) => None,
        }
    }

    fn threshold(&mut self, it: &ThresholdCondition, path: &str) -> Option<(Kind, Hold)> {
        self.unit(path, it.unit.as_deref());
        let made = Threshold::check(it, self.around, path, &mut self.problems);
        let source = self.source(it.signal.as_str(), Heard::Signal);
        let Threshold { bound, hold } = made?;
        Some((Kind::Threshold { source, bound }, hold))
    }
}

/// Whether a condition watches a signal or an event.
fn hears(condition: &RuleCondition) -> bool {
    match condition {
        RuleCondition::Schedule(_) => false,
        RuleCondition::All(group) | RuleCondition::Any(group) => group.conditions.iter().any(hears),
        RuleCondition::While(of) => hears(&of.condition),
        _ => true,
    }
}
