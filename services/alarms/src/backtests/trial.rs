//! One rule at one machine: the engine that watches live, over its history. Pure but for the stop-watch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millwright_detection::conditions::needs::{count_learned, events, needs};
use millwright_detection::conditions::value::Reading;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_detection::watch::{Change, Watch};
use millwright_schemas::api::rules::Rule;
use millwright_schemas::{RuleId, Timestamp};
use millwright_store::telemetry::reads::history::{Sample, SampleOf};

use super::tally::{Came, Case, Tally};

/// Without samples time passes in steps of this, in microseconds: a day. A change has the time at which
/// it happens, however it is learned; small steps keep the work of each bounded.
const STEP_US: i64 = 86_400_000_000;

/// What rules hear: signals first, then types of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) signals: Vec<String>,
    pub(crate) events: Vec<String>,
}

impl Sources {
    /// Of these rules together, each once.
    pub(crate) fn of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let mut all = Self::default();
        let add = |names: &mut Vec<String>, name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        for rule in rules {
            for need in needs(&rule.condition) {
                add(&mut all.signals, need.signal);
            }
            for event in events(&rule.condition) {
                add(&mut all.events, event);
            }
        }
        all
    }

    fn name(&self, place: usize) -> &str {
        let event = || self.events.get(place.checked_sub(self.signals.len())?);
        self.signals.get(place).or_else(event).map_or("", String::as_str)
    }

    fn is_event(&self, place: usize) -> bool {
        place >= self.signals.len()
    }
}

/// One rule at one machine.
#[derive(Debug)]
pub(crate) struct Trial {
    watch: Watch,
    rule: RuleId,
    /// So many signals are learned.
    learned: usize,
    sources: Arc<Sources>,
    /// By source: whether it is the rule's.
    hears: Vec<bool>,
    tally: Tally,
    /// From this time on the rule watches, whether anything comes or not.
    begins: Timestamp,
    /// Up to when time has passed.
    clock: Option<Timestamp>,
    failed: Option<String>,
    first_value_at: Option<Timestamp>,
    last_value_at: Option<Timestamp>,
    /// By source: when it was heard first.
    first_heard: Vec<Option<Timestamp>>,
    took: Duration,
}

/// What has come of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) came: Came,
    pub(crate) failed: Option<String>,
    pub(crate) first_value_at: Option<Timestamp>,
    pub(crate) last_value_at: Option<Timestamp>,
    /// Places of the signals that the rule hears.
    pub(crate) signals: Vec<usize>,
    /// From when on all these signals were known; `None`: one was never heard.
    pub(crate) known_since: Option<Timestamp>,
    pub(crate) took: Duration,
}

impl Trial {
    pub(crate) fn new(
        rule: Arc<CompiledRule>,
        around: &Surroundings,
        sources: Arc<Sources>,
        case: Case,
        begins: Timestamp,
    ) -> Self {
        let own = Sources::of([rule.rule()]);
        let all = sources.signals.iter().map(|name| own.signals.contains(name));
        let hears = all.chain(sources.events.iter().map(|name| own.events.contains(name)));
        let hears: Vec<bool> = hears.collect();
        let first_heard = vec![None; hears.len()];
        let (id, learned) = (rule.rule().id, count_learned(&rule.rule().condition));
        let tally = Tally::new(case, (rule.rule().id, rule.rule().version), rule.source());
        let watch = Watch::new(vec![rule], around, |_, _| None);
        Self {
            watch,
            rule: id,
            learned,
            sources,
            hears,
            tally,
            begins,
            clock: None,
            failed: None,
            first_value_at: None,
            last_value_at: None,
            first_heard,
            took: Duration::ZERO,
        }
    }

    /// What is older isn't learned, though it is known: days may lie between the last value before the
    /// history and its first one, which says nothing of how often values come. What says while when
    /// something is learned is heard.
    pub(super) fn learning_from(mut self, begin: Timestamp) -> Self {
        for signal in 0..self.learned {
            self.watch.skip_learning_to(self.rule, signal, begin.plus_micros(-1));
        }
        self
    }

    /// The next piece of history.
    pub(crate) fn hear(&mut self, piece: &[Sample]) {
        let start = Instant::now();
        for moment in piece.chunk_by(|a, b| a.at == b.at) {
            self.moment(moment);
        }
        self.took += start.elapsed();
    }

    /// What is said at one time: signals at once, then events.
    fn moment(&mut self, moment: &[Sample]) {
        let hears = |sample: &&Sample| self.hears.get(sample.source) == Some(&true);
        let own: Vec<&Sample> = moment.iter().filter(hears).collect();
        let Some(at) = own.first().map(|sample| sample.at) else { return };
        if self.failed.is_some() {
            return;
        }
        if self.tally.counts(at) {
            self.tally.looked_at(own.len());
            self.first_value_at.get_or_insert(at);
            self.last_value_at = Some(at);
        }
        for sample in &own {
            if let Some(first) = self.first_heard.get_mut(sample.source) {
                first.get_or_insert(at);
            }
        }
        self.pass(at);
        let sources = Arc::clone(&self.sources);
        let (reported, sampled): (Vec<&Sample>, Vec<&Sample>) =
            own.into_iter().partition(|sample| sources.is_event(sample.source));
        if !sampled.is_empty() {
            let said = sampled.iter().map(|it| (sources.name(it.source), reading(&it.value)));
            let changes = self.watch.instant(at, said);
            self.follow(at, &changes);
        }
        for event in reported {
            let changes = self.watch.event(sources.name(event.source), at);
            self.follow(at, &changes);
        }
    }

    /// Time passes up to this.
    fn pass(&mut self, at: Timestamp) {
        let mut clock = match self.clock {
            Some(clock) => clock,
            None if self.begins < at => {
                self.through(self.begins);
                self.begins
            }
            None => at,
        };
        while at.micros_since(clock) > STEP_US {
            clock = clock.plus_micros(STEP_US);
            self.through(clock);
        }
        self.clock = Some(at);
    }

    fn through(&mut self, at: Timestamp) {
        let changes = self.watch.through(at);
        self.follow(at, &changes);
    }

    fn follow(&mut self, at: Timestamp, changes: &[Change]) {
        for change in changes {
            self.tally.transition(&change.transition);
        }
        if let Some((_, error)) = self.watch.take_failed().pop() {
            self.failed = Some(error.to_string());
            self.tally.switched_off(at);
        }
    }

    /// The end. `until`: up to when the machine has told what happened.
    pub(crate) fn finish(mut self, until: Option<Timestamp>) -> Outcome {
        let start = Instant::now();
        if let Some(until) = until.filter(|until| self.clock.unwrap_or(self.begins) <= *until)
            && self.failed.is_none()
        {
            self.pass(until);
            self.through(until);
        }
        let heard = self.hears.iter().enumerate().filter(|(_, hears)| **hears);
        let signals = heard.map(|(place, _)| place).filter(|place| !self.sources.is_event(*place));
        let signals: Vec<usize> = signals.collect();
        let first_heard = |place: &usize| self.first_heard.get(*place).copied().flatten();
        let firsts: Option<Vec<Timestamp>> = signals.iter().map(first_heard).collect();
        // A rule of events only knows all from the beginning.
        let known_since = firsts.map(|all| all.into_iter().max().unwrap_or(self.begins));
        Outcome {
            signals,
            known_since,
            came: self.tally.finish(),
            failed: self.failed,
            first_value_at: self.first_value_at,
            last_value_at: self.last_value_at,
            took: self.took + start.elapsed(),
        }
    }
}

fn reading(value: &SampleOf) -> Reading<'_> {
    match value {
        SampleOf::Number(number) => Reading::Number(*number),
        SampleOf::Boolean(value) => Reading::Boolean(*value),
        SampleOf::Text(text) => Reading::Text(text),
        SampleOf::Unusable | SampleOf::Event => Reading::Unusable,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "trial_tests.rs"]
mod tests;
