//! A rule that learns, with one machine: what it has learned, whether it is up to date, and when it
//! was stored last.

use std::sync::Arc;

use millwright_schemas::Timestamp;

use super::{Change, Failed, Finding, Transition, Watching};
use crate::anomaly::memory::Memory;
use crate::anomaly::{Anomaly, Told, words};
use crate::conditions::Update;
use crate::conditions::words::{OF_ANOMALY, keyed};
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
    /// What is stored of that; `None`: nothing.
    pub(super) marked: Option<Vec<Option<Timestamp>>>,
    /// Quiet, and learns nothing, because the machine is being worked on.
    pub(super) paused: bool,
    /// When it was stored.
    pub(super) saved_at: Option<Timestamp>,
    /// How many of its detectors were watching then.
    pub(super) saved_watching: usize,
    /// Whether all of it was watching then.
    pub(super) saved_watches: bool,
    /// Since when it does, as far as that is known.
    pub(super) watching_since: Option<Timestamp>,
    /// Whether it has taken something since.
    pub(super) has_news: bool,
    /// How unusual the last moment was, 0 to 1.
    pub(super) score: f64,
    /// Whether it was said that there is no room for it.
    pub(super) left_out: bool,
    /// With which ticket what it has learned was handed out, to be brought up to what is stored.
    pub(super) aside: Option<u64>,
}

/// Samples of one moment, by their places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) at: Timestamp,
    pub(super) samples: &'a [Update],
    /// Judgements that it may take.
    pub(super) work: u32,
    /// The rule's place.
    pub(super) place: usize,
}

/// How samples are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// Learned, and judged.
    News,
    /// Learned; they were judged before.
    Known,
    /// Of the gate only.
    Paused,
}

impl Learner {
    /// One that begins with the next sample.
    pub(super) fn new(anomaly: &Anomaly) -> Self {
        Self { memory: Some((*anomaly.untaught).clone()), ..Self::default() }
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

    /// Samples of one moment. Of the gate they are heard also while the machine is being worked on.
    pub(super) fn learn(&mut self, moment: Moment<'_>, changes: &mut Vec<(usize, Change)>) {
        let Some(learner) = self.learner.as_ref().filter(|it| !it.behind) else { return };
        let heard = if learner.paused { As::Paused } else { As::News };
        self.take(moment, heard, changes);
    }

    /// Stored samples of one moment, of a rule that is behind. What was judged before changes no
    /// alarm any more; what came since does.
    pub(super) fn relive(&mut self, moment: Moment<'_>, changes: &mut Vec<(usize, Change)>) {
        let Some(learner) = &self.learner else { return };
        let is_news = |(signal, _): &Update| {
            learner.told.get(*signal).is_some_and(|told| told.is_none_or(|told| moment.at > told))
        };
        let heard = if moment.samples.iter().any(is_news) { As::News } else { As::Known };
        self.take(moment, heard, changes);
    }

    fn take(&mut self, moment: Moment<'_>, heard: As, changes: &mut Vec<(usize, Change)>) {
        let (Evaluator::Anomaly(anomaly), RuleState::Anomaly(state), Some(learner)) =
            (&self.with, &mut self.state, &mut self.learner)
        else {
            return;
        };
        let Some(memory) = &mut learner.memory else { return };
        learner.score = 0.0;
        let Moment { at, samples, work, place } = moment;
        let (samples, turns) = anomaly.parted(samples);
        let mut tell = teller(&self.rule, anomaly, place, changes);
        if let Some(gate) = &anomaly.gate {
            let open_row = memory.open();
            let turn = match memory.turn(gate, at, &turns, false, work) {
                Ok(turn) => turn,
                Err(error) => {
                    self.failed = Failed::Now(error.into());
                    return;
                }
            };
            learner.has_news |= turn.changed;
            if heard == As::News
                && let Some(end) = turn.closed_at.or((!turn.open).then_some(at))
            {
                self.changed |= anomaly.end(state, open_row, end, &mut tell);
            }
            if !turn.open {
                memory.pass_over(at, &samples);
                // So that they needn't be looked at again.
                learner.has_news |= !samples.is_empty();
                return;
            }
        }
        if heard == As::Paused {
            return;
        }
        let said = memory.take(at, &samples, heard == As::News && !state.lasts());
        learner.has_news = true;
        learner.score = said.iter().map(|said| said.score).fold(0.0, f64::max);
        for said in said.into_iter().filter(|_| heard == As::News) {
            self.changed |= anomaly.judge(state, said, &mut tell);
        }
    }

    /// It doesn't watch from `at` on: an alarm that is active is over.
    pub(super) fn end(&mut self, at: Timestamp, place: usize, changes: &mut Vec<(usize, Change)>) {
        let (Evaluator::Anomaly(anomaly), RuleState::Anomaly(state)) =
            (&self.with, &mut self.state)
        else {
            return;
        };
        let mut tell = teller(&self.rule, anomaly, place, changes);
        self.changed |= anomaly.end(state, None, at, &mut tell);
    }

    /// Nothing older than this will come. Time doesn't pass beyond a row that isn't whole: it may
    /// still say otherwise.
    pub(super) fn learn_through(
        &mut self,
        at: Timestamp,
        work: u32,
        place: usize,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let (Evaluator::Anomaly(anomaly), RuleState::Anomaly(state), Some(learner)) =
            (&self.with, &mut self.state, &mut self.learner)
        else {
            return;
        };
        let Some(memory) = learner.awake() else { return };
        let mut tell = teller(&self.rule, anomaly, place, changes);
        if let Some(gate) = &anomaly.gate {
            let open_row = memory.open();
            match memory.turn(gate, at, &[], true, work) {
                Err(error) => {
                    self.failed = Failed::Now(error.into());
                    return;
                }
                Ok(turn) => {
                    if let Some(end) = turn.closed_at.or((!turn.open).then_some(at)) {
                        self.changed |= anomaly.end(state, open_row, end, &mut tell);
                    }
                }
            }
        }
        let at = memory.open().map_or(at, |open| open.min(at));
        self.changed |= anomaly.pass(state, at, &mut tell);
    }
}

/// Puts what an alarm tells among the changes.
fn teller<'a>(
    rule: &'a Arc<CompiledRule>,
    anomaly: &'a Anomaly,
    place: usize,
    changes: &'a mut Vec<(usize, Change)>,
) -> impl FnMut(Told) + 'a {
    move |told| {
        let transition = of_anomaly(rule, anomaly, told);
        changes.push((place, Change { rule: Arc::clone(rule), transition }));
    }
}

fn of_anomaly(rule: &CompiledRule, anomaly: &Anomaly, told: Told) -> Transition {
    match told {
        Told::Cleared { at } => Transition::Cleared { at },
        Told::Raised { at, cause } => {
            let own = rule.rule().message.clone();
            let made = || words::message(anomaly, &cause);
            let message = own.or_else(made).unwrap_or_else(|| rule.message(0).to_owned());
            let mut context = words::context(anomaly, &cause);
            if !cause.explanation.findings.is_empty() {
                context = keyed(rule.rule(), OF_ANOMALY, context);
            }
            Transition::Raised(Finding { at, severity: rule.rule().severity, message, context })
        }
    }
}
