//! The rules that watch one machine, with their states.

use std::collections::HashMap;
use std::sync::Arc;

use millwright_schemas::{RuleId, Timestamp};

use crate::rules::CompiledRule;
use crate::threshold::{Event, State, Transition};

/// A machine's rules and where they stand. Empty for most machines: then it costs nothing.
#[derive(Debug, Default, Clone)]
pub struct Watch {
    rules: Vec<Watching>,
    /// Signal → places in `rules`.
    of_signal: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Watching {
    rule: Arc<CompiledRule>,
    state: State,
    changed: bool,
}

/// A rule's alarm changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Of which rule.
    pub rule: Arc<CompiledRule>,
    /// How.
    pub transition: Transition,
}

impl Watch {
    /// The rules that watch a machine, each with the state that is stored of this version of it;
    /// without one it begins anew.
    #[must_use]
    pub fn new(
        rules: Vec<Arc<CompiledRule>>,
        stored: impl Fn(RuleId, i64) -> Option<State>,
    ) -> Self {
        let mut of_signal: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            of_signal.entry(rule.signal().to_owned()).or_default().push(place);
        }
        let watching = |rule: Arc<CompiledRule>| {
            let state = stored(rule.rule().id, rule.rule().version).unwrap_or_default();
            Watching { rule, state, changed: false }
        };
        Self { rules: rules.into_iter().map(watching).collect(), of_signal }
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules watch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether this rule watches.
    #[must_use]
    pub fn has(&self, rule: RuleId) -> bool {
        self.rules.iter().any(|watching| watching.rule.rule().id == rule)
    }

    /// A sample of this signal, later than all before it; `None`: without a usable value.
    pub fn sample(&mut self, signal: &str, at: Timestamp, value: Option<f64>) -> Vec<Change> {
        let mut changes = Vec::new();
        for place in self.of_signal.get(signal).into_iter().flatten() {
            if let Some(watching) = self.rules.get_mut(*place) {
                watching.step(Event::Sample { at, value }, &mut changes);
            }
        }
        changes
    }

    /// Nothing older than this will come from the machine.
    pub fn through(&mut self, at: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for watching in &mut self.rules {
            watching.step(Event::Through(at), &mut changes);
        }
        changes
    }

    /// The states that have changed since the last call, with the version of their rule.
    pub fn take_changed(&mut self) -> Vec<(RuleId, i64, State)> {
        let changed = self.rules.iter_mut().filter(|watching| watching.changed);
        changed
            .map(|watching| {
                watching.changed = false;
                let rule = watching.rule.rule();
                (rule.id, rule.version, watching.state)
            })
            .collect()
    }
}

impl Watching {
    fn step(&mut self, event: Event, changes: &mut Vec<Change>) {
        let (state, transitions) = self.rule.threshold().step(self.state, event);
        if state != self.state {
            self.state = state;
            self.changed = true;
        }
        let change = |transition| Change { rule: Arc::clone(&self.rule), transition };
        changes.extend(transitions.into_iter().map(change));
    }
}
