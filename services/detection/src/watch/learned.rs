//! What the keeper of a machine does for the rules that learn: hands them what was stored, lets
//! them catch up, and stores what they have learned.

use millwright_schemas::{RuleId, Timestamp};

use super::learner::{Learner, Moment};
use super::{Change, Failed, Watch, Watching, in_order};
use crate::anomaly::memory::Memory;
use crate::anomaly::status::LearningStatus;
use crate::conditions::value::Reading;
use crate::conditions::{Update, WORK_MAX};

/// A rule that is quiet until it has taken all that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The rule.
    pub rule: RuleId,
    /// Whether it has begun: what is stored of it was handed to it.
    pub begun: bool,
    /// Its signals, each with the time up to which it has taken samples. They are named by their
    /// places here.
    pub signals: Vec<(String, Option<Timestamp>)>,
    /// So many of them, the first ones, are learned, and are numbers. The others say when: they are
    /// to be taken whatever their age.
    pub learned: usize,
    /// What is older isn't to be learned.
    pub since: Option<Timestamp>,
    /// Its version.
    pub version: i64,
    /// Whether it was said up to when it has judged.
    pub judged: bool,
    /// Whether there was no room for it: it doesn't watch.
    pub left_out: bool,
    /// Whether it looks at its signals now and then, and needs days of them; otherwise it counts rows.
    pub paced: bool,
    /// With which ticket it was set aside, if it was.
    pub aside: Option<u64>,
}

/// Up to when a rule that is behind has judged, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The rule.
    pub rule: RuleId,
    /// Its version.
    pub version: i64,
    /// By the places of its signals; `None`: nothing of them was judged.
    pub judged: Vec<Option<Timestamp>>,
}

/// What has changed of such marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// To be stored.
    pub kept: Vec<Mark>,
    /// Rules whose stored mark isn't needed any more.
    pub over: Vec<RuleId>,
}

/// What a rule has learned, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The rule.
    pub rule: RuleId,
    /// Its version.
    pub version: i64,
    /// The newest sample that is in it.
    pub through: Timestamp,
    /// What was learned.
    pub state: Vec<u8>,
    /// Since when all of it watches, by the keeper's time; `None`: it learns, or it isn't known.
    pub watching_since: Option<Timestamp>,
}

/// When what was learned is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// The keeper's time now.
    pub now: Timestamp,
    /// How long after the last time, in microseconds; at once when a detector begins to watch.
    pub every_us: i64,
    /// How many at most.
    pub most: usize,
}

impl Watch {
    /// Whether a rule learns.
    #[must_use]
    pub fn learns(&self) -> bool {
        !self.learners.is_empty()
    }

    /// Whether anything is watched: by a rule that learns, once one of its detectors has learned enough;
    /// by any other one from the beginning.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.rules.iter().any(|watching| match &watching.learner {
            Some(learner) => learner.memory.as_ref().is_some_and(|memory| memory.watching() > 0),
            None => true,
        })
    }

    /// How unusual the last moment was that rules which learn have heard, 0 to 1: the highest of
    /// their scores. `None`: no rule learns.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let learners = self.learners.iter().filter_map(|place| self.rules[*place].learner.as_ref());
        learners.map(|learner| learner.score).max_by(f64::total_cmp)
    }

    /// Bytes of what was learned, in memory.
    #[must_use]
    pub fn learned_bytes(&self) -> usize {
        let learners = self.learners.iter().filter_map(|place| self.rules[*place].learner.as_ref());
        learners.filter_map(|learner| learner.memory.as_ref()).map(Memory::bytes).sum()
    }

    /// Takes over what the same rules have learned in the watch that this one follows. Those that
    /// find nothing of theirs are behind.
    pub fn follow(&mut self, mut before: Self) {
        self.learned_since = before.learned_since;
        for place in &self.learners {
            let watching = &mut self.rules[*place];
            let id = watching.rule.rule().id;
            let known = before.rules.iter_mut().find(|known| known.rule.rule().id == id);
            let learner = known.and_then(|known| {
                let is_same = known.rule.rule().version == watching.rule.rule().version;
                let mut learner = known.learner.take()?;
                // A mark is one of a version, and so is what was set aside.
                learner.marked = learner.marked.take().filter(|_| is_same);
                learner.aside = learner.aside.filter(|_| is_same);
                Some(learner)
            });
            let fits = learner.filter(|learner| match (&learner.memory, watching.anomaly()) {
                (Some(memory), Some(anomaly)) => memory.fits(&anomaly.untaught),
                (None, Some(_)) => learner.aside.is_some(),
                (_, None) => false,
            });
            watching.learner = Some(
                fits.unwrap_or_else(|| Box::new(Learner { behind: true, ..Learner::default() })),
            );
        }
    }

    /// From when on samples are learned; `None`: all of them. When it is another time than before,
    /// all is learned anew.
    pub fn learn_since(&mut self, since: Option<Timestamp>) {
        let is_other = self.learned_since != since;
        self.learned_since = since;
        for place in &self.learners {
            let watching = &mut self.rules[*place];
            let Some(anomaly) = watching.anomaly().cloned() else { continue };
            let Some(learner) = &mut watching.learner else { continue };
            // What was set aside is of the time before.
            learner.aside = learner.aside.filter(|_| !is_other);
            if let Some(memory) = learner.memory.as_mut().filter(|it| it.since() != since) {
                memory.begin_anew(&anomaly.untaught, since);
                (learner.has_news, learner.saved_at, learner.saved_watching) = (true, None, 0);
                (learner.saved_watches, learner.watching_since) = (false, None);
            }
        }
    }

    /// While a machine is worked on, nothing is learned and nothing told.
    pub fn pause_learning(&mut self, paused: bool) {
        for place in &self.learners {
            if let Some(learner) = &mut self.rules[*place].learner {
                learner.paused = paused;
            }
        }
    }

    /// How far rules have come in learning the machine; `None`: not begun, such as before what is
    /// stored was handed to it.
    #[must_use]
    pub fn learning_status(&self) -> Vec<(RuleId, Option<LearningStatus>)> {
        let watching = self.learners.iter().map(|place| &self.rules[*place]);
        let status = watching.map(|it| {
            let memory = it.learner.as_ref().and_then(|learner| learner.memory.as_ref());
            (it.rule.rule().id, memory.map(Memory::status))
        });
        status.collect()
    }

    /// The rules that are behind.
    #[must_use]
    pub fn behind(&self) -> Vec<Behind> {
        let watching = self.learners.iter().map(|place| &self.rules[*place]);
        let behind = watching.filter(|watching| watching.failed == Failed::No);
        let behind = behind.filter_map(|watching| {
            let learner = watching.learner.as_ref().filter(|learner| learner.behind)?;
            let memory = learner.memory.as_ref();
            let anomaly = watching.anomaly()?;
            let signals = anomaly.sources().map(str::to_owned).enumerate();
            let seen = |place: usize| memory.and_then(|memory| memory.seen(place));
            Some(Behind {
                rule: watching.rule.rule().id,
                begun: memory.is_some(),
                signals: signals.map(|(place, name)| (name, seen(place))).collect(),
                learned: anomaly.signals.len(),
                since: self.learned_since,
                version: watching.rule.rule().version,
                judged: !learner.told.is_empty(),
                left_out: learner.left_out,
                paced: anomaly.untaught.is_paced(),
                aside: learner.aside,
            })
        });
        behind.collect()
    }

    /// A rule that is behind begins, with what is stored of it and when that was stored. Whether it
    /// could be used: what was learned otherwise, of other signals or before all was to be learned
    /// anew can't.
    pub fn begin_learning(&mut self, rule: RuleId, stored: Option<(&[u8], Timestamp)>) -> bool {
        let since = self.learned_since;
        let Some((watching, anomaly)) = self.learning(rule).and_then(|watching| {
            let anomaly = watching.anomaly().cloned()?;
            Some((watching, anomaly))
        }) else {
            return false;
        };
        let Some(learner) = &mut watching.learner else { return false };
        let known = stored.and_then(|(bytes, at)| {
            let memory = Memory::decode(bytes)?;
            let fits = memory.fits(&anomaly.untaught) && memory.since() == since;
            fits.then_some((memory, at))
        });
        let used = known.is_some();
        learner.saved_watches = known.as_ref().is_some_and(|(memory, _)| memory.watches());
        learner.watching_since = None;
        let memory = match known {
            Some((memory, at)) => {
                (learner.saved_at, learner.saved_watching) = (Some(at), memory.watching());
                memory
            }
            None => {
                let mut memory = (*anomaly.untaught).clone();
                memory.begin_anew(&anomaly.untaught, since);
                memory
            }
        };
        (learner.memory, learner.left_out, learner.aside) = (Some(memory), false, None);
        used
    }

    /// A rule that has begun with what was stored watches since then, if it does.
    pub fn watched_since(&mut self, rule: RuleId, at: Timestamp) {
        if let Some(learner) = self.learning(rule).and_then(|it| it.learner.as_mut())
            && learner.saved_watches
        {
            learner.watching_since = Some(at);
        }
    }

    /// A signal's samples up to then are passed over, by a rule that has begun.
    pub fn skip_learning_to(&mut self, rule: RuleId, signal: usize, at: Timestamp) {
        if let Some(memory) = self.learned(rule) {
            memory.skip_to(signal, at);
        }
    }

    /// By signal: up to then all that is stored was judged when it came, or is older than the rule. A
    /// rule that is behind judges what it relives of later times; without this it judges nothing.
    /// `is_stored`: that is what is stored as its mark.
    pub fn judged_to(&mut self, rule: RuleId, signals: Vec<Option<Timestamp>>, is_stored: bool) {
        if let Some(learner) = self.learning(rule).and_then(|it| it.learner.as_mut()) {
            learner.marked = is_stored.then(|| signals.clone());
            learner.told = signals;
        }
    }

    /// What is to be stored now of up to when rules that are behind have judged. It counts as stored then.
    pub fn take_marks(&mut self) -> Marks {
        let mut marks = Marks::default();
        for place in &self.learners {
            let watching = &mut self.rules[*place];
            let Some(learner) = watching.learner.as_mut() else { continue };
            let rule = watching.rule.rule();
            if learner.told.is_empty() {
                marks.over.extend(learner.marked.take().map(|_| rule.id));
                continue;
            }
            if let Some(memory) = &learner.memory {
                for (place, told) in learner.told.iter_mut().enumerate() {
                    *told = (*told).max(memory.seen(place));
                }
            }
            if learner.marked.as_ref() != Some(&learner.told) {
                let judged = learner.told.clone();
                learner.marked = Some(judged.clone());
                marks.kept.push(Mark { rule: rule.id, version: rule.version, judged });
            }
        }
        marks
    }

    /// A rule that has begun takes stored samples of one moment, in the order of time. Signals by
    /// their places. What came since it is behind is judged now, with its own time.
    pub fn relive(
        &mut self,
        rule: RuleId,
        at: Timestamp,
        samples: &[(usize, Reading<'_>)],
    ) -> Vec<Change> {
        let work = self.work.unwrap_or(WORK_MAX);
        let samples: Vec<Update> =
            samples.iter().map(|(place, reading)| (*place, reading.value())).collect();
        let mut changes = Vec::new();
        if let Some(watching) = self.learning(rule) {
            let (changes, samples) = (&mut changes, samples.as_slice());
            watching.guarded(|it| it.relive(Moment { at, samples, work, place: 0 }, changes));
        }
        in_order(changes)
    }

    /// A rule has taken all that is stored: it learns and tells from now on.
    pub fn caught_up(&mut self, rule: RuleId) {
        if let Some(learner) = self.learning(rule).and_then(|it| it.learner.as_mut()) {
            learner.behind = learner.memory.is_none();
            learner.told = Vec::new();
        }
    }

    /// There is no room for what a rule would learn: it doesn't watch from `at` on. Its alarm is over, because
    /// nothing else would end it. How that changes; `None`: it was left out before.
    pub fn leave_out(&mut self, rule: RuleId, at: Timestamp) -> Option<Vec<Change>> {
        let watching = self.learning(rule)?;
        let learner = watching.learner.as_mut()?;
        // What comes meanwhile isn't judged later.
        learner.told = Vec::new();
        if std::mem::replace(&mut learner.left_out, true) {
            return None;
        }
        let mut changes = Vec::new();
        watching.guarded(|it| it.end(at, 0, &mut changes));
        Some(in_order(changes))
    }

    /// What is to be stored now of what rules have learned. It counts as stored then.
    pub fn take_checkpoints(&mut self, when: Checkpoints) -> Vec<Checkpoint> {
        let mut taken = Vec::new();
        for place in &self.learners {
            if taken.len() >= when.most {
                break;
            }
            taken.extend(checkpoint(&mut self.rules[*place], when));
        }
        taken
    }

    pub(super) fn learning(&mut self, rule: RuleId) -> Option<&mut Watching> {
        let mut places = self.learners.iter();
        let place = *places.find(|place| self.rules[**place].rule.rule().id == rule)?;
        self.rules.get_mut(place)
    }

    fn learned(&mut self, rule: RuleId) -> Option<&mut Memory> {
        self.learning(rule)?.learner.as_mut()?.memory.as_mut()
    }
}

fn checkpoint(watching: &mut Watching, when: Checkpoints) -> Option<Checkpoint> {
    let learner = watching.learner.as_mut().filter(|it| it.has_news && !it.behind)?;
    let memory = learner.memory.as_ref()?;
    let Checkpoints { now, every_us, .. } = when;
    let is_old = learner.saved_at.is_none_or(|at| now.micros_since(at) >= every_us);
    let watches = memory.watching();
    if !is_old && watches <= learner.saved_watching {
        return None;
    }
    let through = memory.newest()?;
    let state = memory.encode();
    let all_watch = memory.watches();
    let watching_since = match (all_watch, learner.saved_watches) {
        (true, true) => learner.watching_since,
        (true, false) => Some(now),
        (false, _) => None,
    };
    (learner.saved_watches, learner.watching_since) = (all_watch, watching_since);
    (learner.saved_at, learner.saved_watching, learner.has_news) = (Some(now), watches, false);
    let rule = watching.rule.rule();
    Some(Checkpoint { rule: rule.id, version: rule.version, through, state, watching_since })
}
