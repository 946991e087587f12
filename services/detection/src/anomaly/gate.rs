//! When a rule that learns watches: while another condition is true.
//!
//! The condition is a tree of its own. Where it stands goes with what was learned: whoever takes stored
//! samples again must know of each whether it was to be learned. So it goes by samples of its signals,
//! and by time as far as samples of the rule's signals tell it: conditions that hear more
//! (`missing`) are refused.

use millwright_schemas::Timestamp;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::RuleCondition;

use crate::conditions::compile::compile_gate;
use crate::conditions::value::hash;
use crate::conditions::{Happening, OverBudget, Tree, TreeState, Update};
use crate::learned::packed::Packed;
use crate::surroundings::Surroundings;

/// Bytes that a condition remembers, about.
const NODE_BYTES: usize = 1024;

/// The condition while which it is watched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    tree: Tree,
    /// Of the condition as it was written.
    name: u64,
}

/// Where it stands with a machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GateState {
    name: u64,
    tree: TreeState,
    /// The time of each signal's newest sample.
    seen: Vec<Option<Timestamp>>,
}

/// What a moment has made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether it is true now.
    pub(crate) open: bool,
    /// When it has ended last, if it has.
    pub(crate) closed_at: Option<Timestamp>,
    /// Whether something else is known now.
    pub(crate) changed: bool,
}

impl Gate {
    /// Checks a condition.
    ///
    /// # Errors
    /// All that is wrong, by field of the rule.
    pub(crate) fn compile(
        condition: &RuleCondition,
        around: &Surroundings,
        path: &str,
    ) -> Result<Self, Vec<FieldProblem>> {
        let tree = compile_gate(condition, around, path)?;
        let name = hash(&serde_json::to_string(condition).unwrap_or_default());
        Ok(Self { tree, name })
    }

    /// The signals that it hears, by their places.
    pub(crate) fn signals(&self) -> impl Iterator<Item = &str> {
        self.tree.sources.iter().map(|source| source.name.as_str())
    }

    /// Where it stands when nothing has been seen.
    pub(crate) fn begin(&self) -> GateState {
        let seen = vec![None; self.tree.sources.len()];
        GateState { name: self.name, tree: self.tree.begin(), seen }
    }

    /// What samples of one moment make of it; `through`: that nothing older will come. A sample that
    /// isn't later than the one before of its signal changes nothing.
    ///
    /// # Errors
    /// [`OverBudget`]: the state isn't to be used any more.
    pub(crate) fn turn(
        &self,
        state: &mut GateState,
        at: Timestamp,
        samples: &[Update],
        through: bool,
        work: u32,
    ) -> Result<Turn, OverBudget> {
        let GateState { tree, seen, .. } = state;
        let mut new: Vec<Update> = Vec::with_capacity(samples.len());
        for (source, value) in samples {
            let Some(seen) = seen.get_mut(*source) else { continue };
            if seen.is_none_or(|seen| at > seen) {
                *seen = Some(at);
                new.push((*source, *value));
            }
        }
        let happening = if through { Happening::Through } else { Happening::Samples(&new) };
        let mut closed_at = None;
        let changed = self.tree.step(tree, at, happening, work, |_, moved| {
            if moved.to.is_none() {
                closed_at = Some(moved.at);
            }
        })?;
        Ok(Turn { open: tree.is_raised(), closed_at, changed: changed || !new.is_empty() })
    }
}

impl GateState {
    /// Whether it is of the same condition as this one.
    pub(crate) fn fits(&self, other: &Self) -> bool {
        self.name == other.name
            && self.seen.len() == other.seen.len()
            && self.tree.is_like(&other.tree)
    }

    /// The time of a signal's newest sample.
    pub(crate) fn seen(&self, signal: usize) -> Option<Timestamp> {
        self.seen.get(signal).copied().flatten()
    }

    /// The time of the newest sample of all.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.seen.iter().copied().flatten().max()
    }

    /// A signal's samples up to then are passed over.
    pub(crate) fn skip_to(&mut self, signal: usize, at: Timestamp) {
        if let Some(seen) = self.seen.get_mut(signal) {
            *seen = (*seen).max(Some(at));
        }
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.tree.nodes.len() * NODE_BYTES
    }
}

impl Packed for GateState {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.name.write(bytes);
        serde_json::to_string(&self.tree).unwrap_or_default().write(bytes);
        self.seen.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let name = u64::read(bytes)?;
        let tree = serde_json::from_str(&String::read(bytes)?).ok()?;
        Some(Self { name, tree, seen: Packed::read(bytes)? })
    }
}
