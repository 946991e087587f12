//! What a rule has learned, brought up to what is stored beside the watch that it is of: a month of samples is
//! nothing that a batch has time for.

use std::sync::Arc;

use millwright_schemas::{RuleId, Timestamp};

use super::learner::{Learner, Moment};
use super::{Failed, Watch, Watching};
use crate::anomaly::memory::Memory;
use crate::conditions::value::Reading;
use crate::conditions::{Update, WORK_MAX};

/// A rule with what it has learned of a machine, apart from its watch. It takes what was judged before, by the
/// same code, and tells nothing.
#[derive(Debug, Clone)]
pub struct Rebuild {
    watching: Watching,
    since: Option<Timestamp>,
    work: u32,
    ticket: u64,
    judged: Vec<Option<Timestamp>>,
}

impl Watch {
    /// A rule that has begun has more to take than there is time for here: it hands out what it knows (`used`:
    /// of what was stored of it) and doesn't watch until that comes back ([`Watch::take_back`]) or it begins
    /// again. `ticket`: another one each time. `None`: it hasn't begun.
    pub fn set_aside(&mut self, rule: RuleId, ticket: u64, used: bool) -> Option<Rebuild> {
        let (work, since) = (self.work.unwrap_or(WORK_MAX), self.learned_since);
        let watching = self.learning(rule)?;
        let learner = watching.learner.as_mut()?;
        let memory = learner.memory.take()?;
        learner.aside = Some(ticket);
        let judged = learner.told.clone();
        // Many may wait for their turn: what knows nothing yet is made when it comes.
        let memory = used.then_some(memory);
        let (saved_watches, watching_since) = (learner.saved_watches, learner.watching_since);
        let of_before = Learner { saved_watches, watching_since, ..Learner::default() };
        let learner = Learner { memory, behind: true, ..of_before };
        let watching = Watching {
            rule: Arc::clone(&watching.rule),
            with: watching.with.clone(),
            state: watching.state.clone(),
            changed: false,
            failed: Failed::No,
            learner: Some(Box::new(learner)),
        };
        Some(Rebuild { watching, since, work, ticket, judged })
    }

    /// A rule that hasn't begun waits for what was set aside with this ticket by the watch that was there before.
    pub fn wait_for(&mut self, rule: RuleId, ticket: u64) {
        if let Some(learner) = self.learning(rule).and_then(|it| it.learner.as_mut())
            && learner.memory.is_none()
        {
            learner.aside = Some(ticket);
        }
    }

    /// Takes back what was set aside; the rule has begun with it, and takes what is stored behind it. Whether it
    /// could be used: not when the rule has failed with it, is another one by now, begins anew, or has handed it
    /// out again.
    pub fn take_back(&mut self, rebuild: Rebuild) -> bool {
        let since = self.learned_since;
        let Some(watching) = self.learning(rebuild.rule()) else { return false };
        let Some(anomaly) = watching.anomaly().cloned() else { return false };
        let Some(learner) = watching.learner.as_mut() else { return false };
        if learner.aside != Some(rebuild.ticket) || !learner.behind || learner.memory.is_some() {
            return false;
        }
        learner.aside = None;
        let Watching { failed, learner: brought, .. } = rebuild.watching;
        let Some(brought) = brought.filter(|_| failed == Failed::No) else { return false };
        let Learner { memory, saved_watches, watching_since, .. } = *brought;
        let fits = |memory: &Memory| memory.fits(&anomaly.untaught) && memory.since() == since;
        let Some(memory) = memory.filter(fits) else { return false };
        (learner.saved_watches, learner.watching_since) = (saved_watches, watching_since);
        (learner.memory, learner.left_out, learner.has_news) = (Some(memory), false, true);
        true
    }
}

impl Rebuild {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        self.watching.rule.rule().id
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.watching.rule.rule().version
    }

    /// From when on samples are learned; `None`: all of them.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// The one with which it was set aside.
    #[must_use]
    pub const fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Bytes that it takes up, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let judged = self.judged.len() * size_of::<Option<Timestamp>>();
        size_of::<Self>() + judged + self.memory().map_or(0, Memory::bytes)
    }

    /// Whether its signals are learned together: then they are to begin at one time, because a signal of which
    /// nothing has come in commissioning takes no part.
    #[must_use]
    pub fn is_together(&self) -> bool {
        let anomaly = self.watching.anomaly();
        anomaly.is_some_and(|it| it.signals.len() > 1 && it.untaught.verdicts() == 1)
    }

    /// Up to when a signal's stored samples have been judged. What is later isn't to be taken here.
    #[must_use]
    pub fn judged(&self, signal: usize) -> Option<Timestamp> {
        self.judged.get(signal).copied().flatten()
    }

    /// The time up to which it has taken a signal's samples.
    #[must_use]
    pub fn seen(&self, signal: usize) -> Option<Timestamp> {
        self.memory()?.seen(signal)
    }

    /// Its turn has come; again, it goes on.
    pub fn begin(&mut self) {
        let Some(anomaly) = self.watching.anomaly().cloned() else { return };
        let Some(learner) = self.watching.learner.as_mut() else { return };
        if learner.memory.is_none() {
            let mut memory = (*anomaly.untaught).clone();
            memory.begin_anew(&anomaly.untaught, self.since);
            learner.memory = Some(memory);
        }
    }

    /// A signal's samples up to then are passed over.
    pub fn skip_to(&mut self, signal: usize, at: Timestamp) {
        let learner = self.watching.learner.as_mut();
        if let Some(memory) = learner.and_then(|learner| learner.memory.as_mut()) {
            memory.skip_to(signal, at);
        }
    }

    /// Takes stored samples of one moment, in the order of time. Signals by their places. Whether it goes on: a
    /// rule may fail with what it is given.
    pub fn take(&mut self, at: Timestamp, samples: &[(usize, Reading<'_>)]) -> bool {
        let samples: Vec<Update> =
            samples.iter().map(|(place, reading)| (*place, reading.value())).collect();
        let (work, samples) = (self.work, samples.as_slice());
        let mut untold = Vec::new();
        self.watching.guarded(|it| it.relive(Moment { at, samples, work, place: 0 }, &mut untold));
        self.watching.failed == Failed::No
    }

    /// What it has learned so far, to be stored, with the time of the newest sample that is in it.
    #[must_use]
    pub fn kept(&self) -> Option<(Timestamp, Vec<u8>)> {
        let memory = self.memory()?;
        Some((memory.newest()?, memory.encode()))
    }

    /// Since when all of it watches, by the keeper's time; `None`: it learns, or it isn't known.
    #[must_use]
    pub fn watching_since(&self) -> Option<Timestamp> {
        let watches = self.memory().is_some_and(Memory::watches);
        self.watching.learner.as_ref()?.watching_since.filter(|_| watches)
    }

    fn memory(&self) -> Option<&Memory> {
        self.watching.learner.as_ref()?.memory.as_ref()
    }
}
