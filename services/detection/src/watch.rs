//! The rules that watch one machine, with their states.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millwright_schemas::api::rules::RuleCondition;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{RuleId, Timestamp};
use serde_json::{Map, Value as Json};

use crate::conditions::value::{Reading, Value};
use crate::conditions::{
    Happening, Heard, Moved, OverBudget, Tree, TreeState, Update, WORK_MAX, words,
};
use crate::hold;
use crate::rules::{CompiledRule, Evaluator};
use crate::state::RuleState;
use crate::surroundings::Surroundings;
use crate::threshold::{Event, Threshold};
use learner::{Learner, Moment};

mod learned;
mod learner;
mod rebuild;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

pub use learned::{Behind, Checkpoint, Checkpoints, Mark, Marks};
pub use rebuild::Rebuild;

/// A machine's rules and where they stand. Empty for most machines: then it costs nothing.
#[derive(Debug, Default, Clone)]
pub struct Watch {
    rules: Vec<Watching>,
    /// Signal → places in `rules`, with the place among the rule's sources.
    of_signal: HashMap<String, Vec<(usize, usize)>>,
    /// The same for events.
    of_event: HashMap<String, Vec<(usize, usize)>>,
    /// Rules for which time passes by any sample.
    timed: Vec<usize>,
    /// Rules that learn.
    learners: Vec<usize>,
    /// What is older isn't learned.
    learned_since: Option<Timestamp>,
    /// Judgements that an event may take with a rule.
    work: Option<u32>,
    /// What rules of several signals hear at one moment; empty between two calls.
    together: Vec<(usize, Update)>,
}

#[derive(Debug, Clone)]
struct Watching {
    rule: Arc<CompiledRule>,
    with: Evaluator,
    state: RuleState,
    changed: bool,
    failed: Failed,
    /// Of a rule that learns.
    learner: Option<Box<Learner>>,
}

/// Whether a rule has failed; it doesn't watch then.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failed {
    No,
    Now(RuleFailure),
    Told,
}

/// Why a rule doesn't watch any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleFailure {
    /// It would have taken too much.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// A mistake of ours.
    #[error("the detection has panicked")]
    Panicked,
}

/// A rule's alarm changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Of which rule.
    pub rule: Arc<CompiledRule>,
    /// How.
    pub transition: Transition,
}

/// How a rule's alarm changes, in event time.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// It is active.
    Raised(Finding),
    /// It has another severity.
    Changed(Finding),
    /// It is over.
    Cleared {
        /// Since when.
        at: Timestamp,
    },
}

/// What a rule has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Since when.
    pub at: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// What was compared with what.
    pub context: Map<String, Json>,
}

impl Transition {
    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Raised(found) | Self::Changed(found) => found.at,
            Self::Cleared { at } => *at,
        }
    }
}

impl Watch {
    /// The rules that watch a machine, each with the state that is stored of this version of it;
    /// without one it begins anew. A state that isn't one of the rule counts as none, except that
    /// an alarm stays active until all is well. Rules that learn begin with the next sample, unless
    /// it is said otherwise ([`Watch::follow`]).
    #[must_use]
    pub fn new(
        rules: Vec<Arc<CompiledRule>>,
        around: &Surroundings,
        stored: impl Fn(RuleId, i64) -> Option<RuleState>,
    ) -> Self {
        let watching = |rule: Arc<CompiledRule>| {
            let with = rule.with(around);
            let known = stored(rule.rule().id, rule.rule().version);
            let state = known.map(|state| restored(&rule, &with, state));
            let state = state.unwrap_or_else(|| with.begin());
            let learner = match &with {
                Evaluator::Anomaly(anomaly) => Some(Box::new(Learner::new(anomaly))),
                Evaluator::Threshold(_) | Evaluator::Tree(_) => None,
            };
            Watching { rule, with, state, changed: false, failed: Failed::No, learner }
        };
        let mut watch =
            Self { rules: rules.into_iter().map(watching).collect(), ..Self::default() };
        for place in 0..watch.rules.len() {
            watch.listen(place);
        }
        watch
    }

    fn listen(&mut self, place: usize) {
        let Watching { rule, with, .. } = &self.rules[place];
        match with {
            Evaluator::Threshold(_) => {
                self.of_signal.entry(rule.source().to_owned()).or_default().push((place, 0));
            }
            Evaluator::Anomaly(anomaly) => {
                for (source, signal) in anomaly.sources().enumerate() {
                    self.of_signal.entry(signal.to_owned()).or_default().push((place, source));
                }
                self.learners.push(place);
            }
            Evaluator::Tree(tree) => {
                for (source, heard) in tree.sources.iter().enumerate() {
                    let of = match heard.heard {
                        Heard::Signal => &mut self.of_signal,
                        Heard::Event => &mut self.of_event,
                    };
                    of.entry(heard.name.clone()).or_default().push((place, source));
                }
                if tree.is_timed() {
                    self.timed.push(place);
                }
            }
        }
    }

    /// How much work an event may take with a rule; [`WORK_MAX`] unless it is said.
    pub fn set_work(&mut self, work: u32) {
        self.work = Some(work);
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

    /// Whether a rule that doesn't learn watches this signal.
    #[must_use]
    pub fn hears(&self, signal: &str) -> bool {
        let watching = self.of_signal.get(signal).into_iter().flatten();
        let mut rules = watching.filter_map(|(place, _)| self.rules.get(*place));
        rules.any(|watching| !matches!(watching.with, Evaluator::Anomaly(_)))
    }

    /// A sample of this signal, later than all before it.
    pub fn sample<'a>(
        &mut self,
        signal: &str,
        at: Timestamp,
        reading: impl Into<Reading<'a>>,
    ) -> Vec<Change> {
        self.instant(at, [(signal, reading.into())])
    }

    /// Samples of several signals at one moment, each later than all before it of its signal. A
    /// rule sees them at once: two signals that jump together never differ.
    pub fn instant<'a>(
        &mut self,
        at: Timestamp,
        samples: impl IntoIterator<Item = (&'a str, Reading<'a>)>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for (signal, reading) in samples {
            for (place, source) in self.of_signal.get(signal).into_iter().flatten() {
                let watching = &mut self.rules[*place];
                match &watching.with {
                    Evaluator::Threshold(_) => {
                        let changes = &mut changes;
                        watching.guarded(|it| it.threshold(at, reading, *place, changes));
                    }
                    Evaluator::Anomaly(_) | Evaluator::Tree(_) => {
                        self.together.push((*place, (*source, reading.value())));
                    }
                }
            }
        }
        self.judge_together(at, &mut changes);
        in_order(changes)
    }

    /// The machine has reported an event of this type.
    pub fn event(&mut self, event_type: &str, at: Timestamp) -> Vec<Change> {
        let happened = Some(Value::Boolean(true));
        for (place, source) in self.of_event.get(event_type).into_iter().flatten() {
            self.together.push((*place, (*source, happened)));
        }
        let mut changes = Vec::new();
        self.judge_together(at, &mut changes);
        in_order(changes)
    }

    /// Nothing older than this will come from the machine.
    pub fn through(&mut self, at: Timestamp) -> Vec<Change> {
        let work = self.work.unwrap_or(WORK_MAX);
        let mut changes = Vec::new();
        for (place, watching) in self.rules.iter_mut().enumerate() {
            let changes = &mut changes;
            watching.guarded(|it| it.through(at, work, place, changes));
        }
        in_order(changes)
    }

    fn judge_together(&mut self, at: Timestamp, changes: &mut Vec<(usize, Change)>) {
        let work = self.work.unwrap_or(WORK_MAX);
        let mut together = std::mem::take(&mut self.together);
        // Stable: of one signal that is named twice the last one counts.
        together.sort_by_key(|(place, _)| *place);
        for place in &self.timed {
            if together.binary_search_by_key(place, |(of, _)| *of).is_err() {
                let happening = Happening::Elsewhere;
                self.rules[*place].guarded(|it| it.tree(at, happening, work, *place, changes));
            }
        }
        for of_rule in together.chunk_by(|(a, _), (b, _)| a == b) {
            let (place, first) = of_rule[0];
            let updates: Vec<Update>;
            let updates = if of_rule.len() == 1 {
                std::slice::from_ref(&first)
            } else {
                updates = of_rule.iter().map(|(_, update)| *update).collect();
                &updates
            };
            let watching = &mut self.rules[place];
            watching.guarded(|it| match &it.with {
                Evaluator::Anomaly(_) => {
                    it.learn(Moment { at, samples: updates, work, place }, changes);
                }
                Evaluator::Threshold(_) | Evaluator::Tree(_) => {
                    it.tree(at, Happening::Samples(updates), work, place, changes);
                }
            });
        }
        together.clear();
        self.together = together;
    }

    /// The machine's clock is another one from `at` on, by that clock: what rules remember is of times that
    /// can't be compared with those that come. They begin anew; an alarm that is active stays, until all is
    /// well. `unlearn`: those that learn are behind as well, with nothing taken; of what is stored they have judged
    /// what isn't later than `at`.
    pub fn begin_anew(&mut self, at: Timestamp, unlearn: bool) {
        for watching in self.rules.iter_mut().filter(|watching| watching.failed == Failed::No) {
            let (severity, causes) = match (&watching.state, &watching.with) {
                (RuleState::Tree(state), Evaluator::Tree(tree)) => (state.raised, tree.on(state)),
                (RuleState::Anomaly(state), Evaluator::Anomaly(it)) => (None, it.on(state)),
                _ => (None, Vec::new()),
            };
            watching.state = if watching.state.is_raised() {
                let severity = severity.unwrap_or(watching.rule.rule().severity);
                watching.rule.adopt(at, severity, &causes)
            } else {
                watching.with.begin()
            };
            watching.changed = true;
            if unlearn && let Some(learner) = &mut watching.learner {
                let sources = match &watching.with {
                    Evaluator::Anomaly(anomaly) => anomaly.sources().count(),
                    Evaluator::Threshold(_) | Evaluator::Tree(_) => 0,
                };
                let (told, paused) = (vec![Some(at); sources], learner.paused);
                **learner = Learner { behind: true, told, paused, ..Learner::default() };
            }
        }
    }

    /// The states that have changed since the last call, with the version of their rule.
    pub fn take_changed(&mut self) -> Vec<(RuleId, i64, RuleState)> {
        let changed = self.rules.iter_mut().filter(|watching| watching.changed);
        changed
            .map(|watching| {
                watching.changed = false;
                let rule = watching.rule.rule();
                (rule.id, rule.version, watching.state.clone())
            })
            .collect()
    }

    /// The rules that have failed since the last call. They don't watch any more; what they had told
    /// up to then stands, their states are worth nothing.
    pub fn take_failed(&mut self) -> Vec<(Arc<CompiledRule>, RuleFailure)> {
        let failed = self.rules.iter_mut().filter_map(|watching| {
            let Failed::Now(error) = watching.failed else { return None };
            watching.failed = Failed::Told;
            Some((Arc::clone(&watching.rule), error))
        });
        failed.collect()
    }
}

/// A rule's changes stay in their order; rules come in theirs.
fn in_order(mut changes: Vec<(usize, Change)>) -> Vec<Change> {
    changes.sort_by_key(|(place, _)| *place);
    changes.into_iter().map(|(_, change)| change).collect()
}

fn restored(rule: &CompiledRule, with: &Evaluator, state: RuleState) -> RuleState {
    let raised = match &state {
        RuleState::Threshold(state) => state.is_raised().then_some((state.since(), None)),
        RuleState::Anomaly(state) => state.is_raised().then_some((state.time(), None)),
        RuleState::Tree(state) => state.raised.map(|severity| (state.time, Some(severity))),
    };
    with.fitting(state).unwrap_or_else(|| match raised {
        Some((since, severity)) => rule.adopt(since, severity.unwrap_or(rule.rule().severity), &[]),
        None => with.begin(),
    })
}

impl Watching {
    /// Whatever happens in there, samples are stored and other rules go on: a rule that panics has
    /// failed, and one that has failed does nothing more.
    fn guarded(&mut self, judge: impl FnOnce(&mut Self)) {
        if self.failed != Failed::No {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| judge(&mut *self))).is_err() {
            self.failed = Failed::Now(RuleFailure::Panicked);
        }
    }

    fn threshold(
        &mut self,
        at: Timestamp,
        reading: Reading<'_>,
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let value = match reading {
            Reading::Number(number) => Some(number),
            Reading::Unusable => None,
            // A rule for numbers has nothing to say about them.
            Reading::Boolean(_) | Reading::Text(_) => return,
        };
        self.step(Event::Sample { at, value }, place, changes);
    }

    fn step(&mut self, event: Event, place: usize, changes: &mut Vec<(usize, Change)>) {
        let (Evaluator::Threshold(threshold), RuleState::Threshold(before)) =
            (&self.with, &mut self.state)
        else {
            return;
        };
        let (state, transitions) = threshold.step(*before, event);
        if state != *before {
            *before = state;
            self.changed = true;
        }
        for transition in transitions {
            let transition = of_threshold(&self.rule, threshold, transition);
            changes.push((place, Change { rule: Arc::clone(&self.rule), transition }));
        }
    }

    fn through(
        &mut self,
        at: Timestamp,
        work: u32,
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        match self.with {
            Evaluator::Threshold(_) => self.step(Event::Through(at), place, changes),
            Evaluator::Anomaly(_) => self.learn_through(at, work, place, changes),
            Evaluator::Tree(_) => self.tree(at, Happening::Through, work, place, changes),
        }
    }

    fn tree(
        &mut self,
        at: Timestamp,
        happening: Happening<'_>,
        work: u32,
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let (Evaluator::Tree(tree), RuleState::Tree(state)) = (&self.with, &mut self.state) else {
            return;
        };
        let rule = &self.rule;
        let told = |state: &TreeState, moved: Moved| {
            let transition = of_tree(rule, tree, state, moved);
            changes.push((place, Change { rule: Arc::clone(rule), transition }));
        };
        match tree.step(state, at, happening, work, told) {
            Ok(changed) => self.changed |= changed,
            Err(error) => self.failed = Failed::Now(error.into()),
        }
    }
}

fn of_threshold(
    rule: &CompiledRule,
    threshold: &Threshold,
    transition: hold::Transition,
) -> Transition {
    match transition {
        hold::Transition::Cleared { at } => Transition::Cleared { at },
        hold::Transition::Raised { at, value } => {
            let context = match &rule.rule().condition {
                RuleCondition::Threshold(it) => words::of_threshold(it, threshold, value),
                _ => Map::new(),
            };
            let context = words::keyed(rule.rule(), words::OF_CONDITION, context);
            let severity = rule.rule().severity;
            let message = rule.message(0).to_owned();
            Transition::Raised(Finding { at, severity, message, context })
        }
    }
}

fn of_tree(rule: &CompiledRule, tree: &Tree, state: &TreeState, moved: Moved) -> Transition {
    let Moved { at, from, to } = moved;
    let Some(severity) = to else { return Transition::Cleared { at } };
    let level = tree.levels.iter().position(|(level, _)| *level == severity).unwrap_or(0);
    let context = words::context(&rule.rule().condition, tree, state, level);
    let context = words::keyed(rule.rule(), words::OF_CONDITION, context);
    let message = rule.message(level).to_owned();
    let finding = Finding { at, severity, message, context };
    if from.is_some() { Transition::Changed(finding) } else { Transition::Raised(finding) }
}
