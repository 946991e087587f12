//! A tree of conditions as a list of nodes, and where it stands.

use std::collections::BTreeSet;
use std::ops::Range;

use millwright_schemas::Timestamp;
use millwright_schemas::wire::events::Severity;
use serde::{Deserialize, Serialize};

use super::count::{Count, CountMemory};
use super::deviation::{Deviation, DeviationMemory};
use super::missing::{Missing, MissingMemory};
use super::rate::{Rate, RateMemory};
use super::schedule::Schedule;
use super::sequence::{Order, OrderMemory, Sequence, SequenceMemory};
use super::states::States;
use super::value::Value;
use crate::bound::Bound;
use crate::hold::{Hold, State};

/// A tree that can be watched. Children stand before their parents.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// What it hears; a node names its sources by their place here.
    pub(crate) sources: Vec<Source>,
    /// Rising severities with their nodes; one for a rule without levels.
    pub(crate) levels: Vec<(Severity, usize)>,
}

/// What a tree hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) heard: Heard,
    /// Its last value is remembered, for a `while` that begins.
    pub(crate) carried: bool,
}

/// How a source is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Signal,
    Event,
}

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) hold: Hold,
    /// The gate that must be open for it.
    pub(crate) gate: Option<usize>,
    /// The condition that a leaf was made of, by its place among them in the rule, depth first.
    pub(crate) leaf: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Threshold {
        source: usize,
        bound: Bound,
    },
    Rate {
        source: usize,
        rate: Rate,
    },
    Deviation {
        source: usize,
        from: usize,
        deviation: Deviation,
    },
    Count {
        source: usize,
        count: Count,
    },
    State {
        source: usize,
        states: States,
    },
    Missing {
        source: usize,
        missing: Missing,
    },
    Sequence {
        source: usize,
        sequence: Sequence,
    },
    Order {
        source: usize,
        order: Order,
    },
    Schedule(Schedule),
    All(Vec<usize>),
    Any(Vec<usize>),
    /// Open while `of` is true; then `covers`, which stand behind it, are watched.
    Gate {
        of: usize,
        covers: Range<usize>,
    },
    While {
        gate: usize,
        inner: usize,
    },
}

/// Where a tree stands with a machine. All that is remembered between two events; bounded by the
/// numbers of the rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeState {
    pub(crate) nodes: Vec<NodeState>,
    /// Last values, by source, where they are needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) carried: Vec<Option<Option<Value>>>,
    /// The latest time at which something has changed; groups don't go back behind it.
    pub(crate) time: Timestamp,
    /// The alarm's severity while it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raised: Option<Severity>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeState {
    pub(crate) hold: State,
    /// The figure with which it was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    #[serde(default, skip_serializing_if = "Memory::is_none")]
    pub(crate) memory: Memory,
}

/// What a leaf remembers beside its hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Memory {
    #[default]
    None,
    Rate(RateMemory),
    Deviation(DeviationMemory),
    Count(CountMemory),
    Missing(MissingMemory),
    Sequence(SequenceMemory),
    Order(OrderMemory),
    /// When the next window begins or ends; before the first look nothing.
    Schedule(Option<Timestamp>),
}

impl Memory {
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Kind {
    /// What a node of this kind remembers when nothing has been seen.
    fn memory(&self) -> Memory {
        match self {
            Self::Rate { .. } => Memory::Rate(RateMemory::default()),
            Self::Deviation { .. } => Memory::Deviation(DeviationMemory::default()),
            Self::Count { .. } => Memory::Count(CountMemory::default()),
            Self::Missing { .. } => Memory::Missing(MissingMemory::default()),
            Self::Sequence { .. } => Memory::Sequence(SequenceMemory::default()),
            Self::Order { .. } => Memory::Order(OrderMemory::default()),
            Self::Schedule(_) => Memory::Schedule(None),
            Self::Threshold { .. }
            | Self::State { .. }
            | Self::All(_)
            | Self::Any(_)
            | Self::Gate { .. }
            | Self::While { .. } => Memory::None,
        }
    }
}

impl Kind {
    /// What a leaf hears first.
    const fn source(&self) -> Option<usize> {
        match self {
            Self::Threshold { source, .. }
            | Self::Rate { source, .. }
            | Self::Deviation { source, .. }
            | Self::Count { source, .. }
            | Self::State { source, .. }
            | Self::Missing { source, .. }
            | Self::Sequence { source, .. }
            | Self::Order { source, .. } => Some(*source),
            Self::Schedule(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Gate { .. }
            | Self::While { .. } => None,
        }
    }

    /// The conditions that can be a cause for it.
    fn watched(&self) -> Vec<usize> {
        match self {
            Self::All(children) | Self::Any(children) => children.clone(),
            Self::While { inner, .. } => vec![*inner],
            _ => Vec::new(),
        }
    }

    /// The conditions that it is made of.
    fn children(&self) -> Vec<usize> {
        match self {
            Self::While { gate, inner } => vec![*gate, *inner],
            Self::Gate { of, .. } => vec![*of],
            _ => self.watched(),
        }
    }
}

impl Node {
    /// As when nothing has been seen, since then.
    pub(crate) fn fresh(&self, since: Timestamp) -> NodeState {
        NodeState { hold: State::Normal { since }, value: None, memory: self.kind.memory() }
    }
}

impl Tree {
    /// Where it stands when nothing has been seen.
    #[must_use]
    pub fn begin(&self) -> TreeState {
        let never = Timestamp::from_micros(i64::MIN);
        let carries = self.sources.iter().any(|source| source.carried);
        TreeState {
            nodes: self.nodes.iter().map(|node| node.fresh(never)).collect(),
            carried: if carries { vec![None; self.sources.len()] } else { Vec::new() },
            time: never,
            raised: None,
        }
    }

    /// Where it stands when only this is known: an alarm of that severity is active, because of
    /// these signals and events. What that takes counts as true until its signals say otherwise: all
    /// of an `all`, and of an `any` the conditions that hear a cause, or the first one that hears
    /// something when none does. The others would hold the alarm for ever if they are never heard
    /// again. What there is to remember begins anew.
    #[must_use]
    pub fn adopt(&self, since: Timestamp, severity: Severity, causes: &[String]) -> TreeState {
        let mut state = self.begin();
        let reached = self.levels.iter().rposition(|(level, _)| *level == severity).unwrap_or(0);
        let (level, top) = self.levels[reached];
        let known: BTreeSet<&str> = causes.iter().map(String::as_str).collect();
        let mut on = BTreeSet::new();
        self.assume(top, &known, &mut on);
        // A lower level is reached too where it is about the same.
        let about: BTreeSet<&str> = on.iter().filter_map(|place| self.hears(*place)).collect();
        for (_, lower) in &self.levels[..reached] {
            if self.is_about(*lower, &about) {
                self.assume(*lower, &about, &mut on);
            }
        }
        for place in on {
            state.nodes[place].hold = State::Active { since };
        }
        state.raised = Some(level);
        state
    }

    /// The signals and events of the conditions that are true.
    pub(crate) fn on(&self, state: &TreeState) -> Vec<String> {
        let nodes = state.nodes.iter().enumerate().filter(|(_, node)| node.hold.is_raised());
        nodes.filter_map(|(place, _)| self.hears(place)).map(str::to_owned).collect()
    }

    /// Notes what must be true for this node to be.
    fn assume(&self, place: usize, known: &BTreeSet<&str>, on: &mut BTreeSet<usize>) {
        let kind = &self.nodes[place].kind;
        // A schedule knows by itself.
        if matches!(kind, Kind::Schedule(_)) {
            return;
        }
        on.insert(place);
        let mut children = kind.children();
        if matches!(kind, Kind::Any(_)) {
            let first = children.iter().copied().find(|child| self.is_about_anything(*child));
            children.retain(|child| self.is_about(*child, known));
            if children.is_empty() {
                children.extend(first);
            }
        }
        for child in children {
            self.assume(child, known, on);
        }
    }

    /// Whether a condition hears one of these. What a `while` asks for is no cause.
    fn is_about(&self, place: usize, names: &BTreeSet<&str>) -> bool {
        let about = |it: usize| self.is_about(it, names);
        self.hears(place).is_some_and(|it| names.contains(it))
            || self.nodes[place].kind.watched().into_iter().any(about)
    }

    /// Whether a condition hears something: a schedule doesn't.
    fn is_about_anything(&self, place: usize) -> bool {
        let about = |it: usize| self.is_about_anything(it);
        self.hears(place).is_some() || self.nodes[place].kind.watched().into_iter().any(about)
    }

    /// What a leaf hears.
    fn hears(&self, place: usize) -> Option<&str> {
        let source = self.nodes[place].kind.source()?;
        self.sources.get(source).map(|source| source.name.as_str())
    }

    /// Whether a stored state is one of this tree.
    #[must_use]
    pub fn fits(&self, state: &TreeState) -> bool {
        let carries = self.sources.iter().any(|source| source.carried);
        let same = |(node, state): (&Node, &NodeState)| {
            std::mem::discriminant(&node.kind.memory()) == std::mem::discriminant(&state.memory)
        };
        self.nodes.len() == state.nodes.len()
            && self.nodes.iter().zip(&state.nodes).all(same)
            && state.carried.len() == if carries { self.sources.len() } else { 0 }
    }

    /// Whether time that passes by other signals' samples matters.
    pub(crate) fn is_timed(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.kind, Kind::Missing { .. }))
    }
}

impl TreeState {
    /// Whether the other one can be of the same tree.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same = |(ours, theirs): (&NodeState, &NodeState)| {
            std::mem::discriminant(&ours.memory) == std::mem::discriminant(&theirs.memory)
        };
        self.nodes.len() == other.nodes.len()
            && self.nodes.iter().zip(&other.nodes).all(same)
            && self.carried.len() == other.carried.len()
    }

    /// Whether its alarm is active.
    #[must_use]
    pub const fn is_raised(&self) -> bool {
        self.raised.is_some()
    }

    pub(crate) fn is_on(&self, node: usize) -> bool {
        self.nodes[node].hold.is_raised()
    }
}
