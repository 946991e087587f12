//! A rule that learns, with one machine: what it has learned, whether it is up to date, and when it
//! was stored last.

use std::sync::Arc;

use millwright_schemas::Timestamp;

use super::{Change, Finding, Transition, Watching};
use crate::anomaly::memory::Memory;
use crate::anomaly::{Anomaly, Told, words};
use crate::conditions::Update;
use crate::rules::{CompiledRule, Evaluator};
use crate::state::RuleState;

/// A rule that learns.
#[derive(Debug, Clone, Default)]
pub(super) struct Learner {
    /// `None`: nothing has been read or begun yet.
    pub(super) memory: Option<Memory>,
    /// Quiet, because not all that is stored has been taken yet.
    pub(super) behind: bool,
    /// While it is behind, by signal: up to then all that is stored has been judged, or won't be.
    pub(super) told: Vec<Option<Timestamp>>,
    /// Quiet, and learns nothing, because the machine is being worked on.
    pub(super) paused: bool,
    /// When it was stored.
    pub(super) saved_at: Option<Timestamp>,
    /// How many of its detectors were watching then.
    pub(super) saved_watching: usize,
    /// Whether it has taken something since.
    pub(super) has_news: bool,
    /// Whether it was said that there is no room for it.
    pub(super) left_out: bool,
}

impl Learner {
    /// One that begins with the next sample.
    pub(super) fn new(anomaly: &Anomaly) -> Self {
        Self { memory: Some(anomaly.untaught.clone()), ..Self::default() }
    }

    /// What it has learned, if it may speak.
    fn awake(&mut self) -> Option<&mut Memory> {
        self.memory.as_mut().filter(|_| !self.behind && !self.paused)
    }
}

impl Watching {
    /// The condition that learns.
    pub(super) fn anomaly(&self) -> Option<&Arc<Anomaly>> {
        match &self.with {
            Evaluator::Anomaly(anomaly) => Some(anomaly),
            Evaluator::Threshold(_) | Evaluator::Tree(_) => None,
        }
    }

    /// Samples of one moment.
    pub(super) fn learn(
        &mut self,
        at: Timestamp,
        updates: &[Update],
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let Some(learner) = &mut self.learner else { return };
        if learner.awake().is_none() {
            return;
        }
        // A rule for numbers has nothing to say about other values.
        let number = |(source, value): &Update| match value {
            None => Some((*source, None)),
            Some(value) => value.number().map(|number| (*source, Some(number))),
        };
        let samples: Vec<_> = updates.iter().filter_map(number).collect();
        self.take(at, &samples, place, changes);
    }

    /// Stored samples of one moment, of a rule that is behind. What was judged before changes no
    /// alarm any more; what came since does.
    pub(super) fn relive(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let Some(learner) = &mut self.learner else { return };
        let is_news = |(signal, _): &(usize, Option<f64>)| {
            learner.told.get(*signal).is_some_and(|told| told.is_none_or(|told| at > told))
        };
        if samples.iter().any(is_news) {
            self.take(at, samples, place, changes);
        } else if let Some(memory) = &mut learner.memory {
            memory.take(at, samples, false);
            learner.has_news = true;
        }
    }

    fn take(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let (Evaluator::Anomaly(anomaly), RuleState::Anomaly(state), Some(learner)) =
            (&self.with, &mut self.state, &mut self.learner)
        else {
            return;
        };
        let Some(memory) = &mut learner.memory else { return };
        let said = memory.take(at, samples, !state.lasts());
        learner.has_news = true;
        let rule = &self.rule;
        let mut tell = |told: Told| {
            let transition = of_anomaly(rule, anomaly, told);
            changes.push((place, Change { rule: Arc::clone(rule), transition }));
        };
        for said in said {
            self.changed |= anomaly.judge(state, said, &mut tell);
        }
    }

    /// Nothing older than this will come. Time doesn't pass beyond a row that isn't whole: it may
    /// still say otherwise.
    pub(super) fn learn_through(
        &mut self,
        at: Timestamp,
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let (Evaluator::Anomaly(anomaly), RuleState::Anomaly(state), Some(learner)) =
            (&self.with, &mut self.state, &mut self.learner)
        else {
            return;
        };
        let Some(memory) = learner.awake() else { return };
        let at = memory.open().map_or(at, |open| open.min(at));
        let rule = &self.rule;
        let mut tell = |told: Told| {
            let transition = of_anomaly(rule, anomaly, told);
            changes.push((place, Change { rule: Arc::clone(rule), transition }));
        };
        self.changed |= anomaly.pass(state, at, &mut tell);
    }
}

fn of_anomaly(rule: &CompiledRule, anomaly: &Anomaly, told: Told) -> Transition {
    match told {
        Told::Cleared { at } => Transition::Cleared { at },
        Told::Raised { at, cause } => {
            let own = rule.rule().message.clone();
            let made = || words::message(anomaly, &cause);
            let message = own.or_else(made).unwrap_or_else(|| rule.message(0).to_owned());
            let context = words::context(anomaly, &cause);
            Transition::Raised(Finding { at, severity: rule.rule().severity, message, context })
        }
    }
}
