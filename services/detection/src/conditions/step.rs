//! What an event makes of a tree's state.
//!
//! An event first lets time pass: from due moment to due moment, in order, so that every change has
//! its own time. Then its samples are judged together, as of one moment. A group's change never
//! comes before the last one: a sample of one signal that is older than what another has changed
//! counts from then on.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::events::Severity;

use super::leaf::{self, Said};
use super::missing::GRACE_US;
use super::schedule::Schedule;
use super::tree::{Kind, Memory, Tree, TreeState};
use super::value::Value;
use crate::hold::{State, Transition, Verdict};

/// Nodes that one event may judge; beyond it the rule has failed. A month of edges of as many
/// schedules as a rule can have stays below it.
pub const WORK_MAX: u32 = 100_000;

/// An event needed more work than a rule may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one event needed more than {allowed} judgements")]
pub struct OverBudget {
    /// How much was allowed.
    pub allowed: u32,
}

/// What changes for the rule's alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// When.
    pub at: Timestamp,
    /// The severity before; `None`: no alarm.
    pub from: Option<Severity>,
    /// The severity from now on.
    pub to: Option<Severity>,
}

/// What one source says at a moment: its place, and its value if it is usable.
pub(crate) type Update = (usize, Option<Value>);

/// What happens, in event time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening<'a> {
    /// Sources say something, all at this moment.
    Samples(&'a [Update]),
    /// Nothing older than this will come.
    Through,
    /// Another signal of the machine has a sample: so much later nothing older will come.
    Elsewhere,
}

/// The work of one event.
struct Work<'a> {
    tree: &'a Tree,
    state: &'a mut TreeState,
    tell: &'a mut dyn FnMut(&TreeState, Moved),
    left: u32,
    allowed: u32,
    changed: bool,
}

/// One judgement of the whole tree.
#[derive(Clone, Copy)]
struct Moment<'a> {
    at: Timestamp,
    /// Since when what must come is waited for, if it wasn't before.
    begins: Timestamp,
    updates: &'a [Update],
    /// What should have come before this is missing.
    missing_before: Timestamp,
    /// The sources of which the same is true up to `own_before`.
    own: &'a [Update],
    own_before: Timestamp,
}

impl Tree {
    /// What an event makes of a state; what changes for the alarm is told with the state that it
    /// changes by. Whether the state has changed.
    ///
    /// # Errors
    /// [`OverBudget`]: the state isn't to be used any more.
    pub(crate) fn step(
        &self,
        state: &mut TreeState,
        at: Timestamp,
        happening: Happening<'_>,
        allowed: u32,
        mut tell: impl FnMut(&TreeState, Moved),
    ) -> Result<bool, OverBudget> {
        let mut work =
            Work { tree: self, state, tell: &mut tell, left: allowed, allowed, changed: false };
        let graced = at.plus_micros(-GRACE_US);
        let (updates, reach, missing_before): (&[Update], _, _) = match happening {
            Happening::Samples(updates) => (updates, at, graced),
            Happening::Through => (&[], at, at),
            Happening::Elsewhere => (&[], graced, graced),
        };
        let (own, own_before) = (updates, at);
        let mut moment =
            Moment { at: reach, begins: at, updates: &[], missing_before, own, own_before };
        while let Some(due) = work.next_due(&moment) {
            let begins = if due == reach { at } else { due };
            work.judge(&Moment { at: due, begins, ..moment })?;
        }
        if !updates.is_empty() {
            moment.updates = updates;
            work.judge(&moment)?;
        }
        Ok(work.changed)
    }
}

impl Moment<'_> {
    fn is_missing(&self, source: usize, due: Timestamp) -> bool {
        let own = self.own.iter().any(|(of, _)| *of == source);
        due < if own { self.own_before } else { self.missing_before }
    }
}

impl Work<'_> {
    /// The next moment up to that of the event at which time alone changes something.
    fn next_due(&self, moment: &Moment<'_>) -> Option<Timestamp> {
        let nodes = self.tree.nodes.iter().zip(&self.state.nodes);
        let due = nodes.filter_map(|(node, state)| {
            if node.gate.is_some_and(|gate| !self.state.is_on(gate)) {
                return None;
            }
            let held = node.hold.due(state.hold);
            let own = leaf::due(node, state, moment.at, |of, due| moment.is_missing(of, due));
            held.into_iter().chain(own).min()
        });
        due.min().filter(|due| *due <= moment.at)
    }

    /// Judges every node as of a moment, children first, and tells what changes.
    fn judge(&mut self, moment: &Moment<'_>) -> Result<(), OverBudget> {
        let nodes = u32::try_from(self.tree.nodes.len()).unwrap_or(u32::MAX);
        let Some(left) = self.left.checked_sub(nodes) else {
            return Err(OverBudget { allowed: self.allowed });
        };
        self.left = left;
        if moment.updates.is_empty() {
            // What was so up to now comes first, as with a single threshold.
            self.pass_holds(moment.at);
            self.tell(moment.at);
        }
        self.carry(moment);
        let mut begun_until = 0;
        for place in 0..self.tree.nodes.len() {
            let node = &self.tree.nodes[place];
            if node.gate.is_some_and(|gate| !self.state.is_on(gate)) {
                continue;
            }
            if let Kind::Gate { of, covers } = &node.kind {
                if self.turn(place, *of, covers.clone(), moment.at) {
                    begun_until = begun_until.max(covers.end);
                }
                continue;
            }
            self.judge_node(place, moment, place < begun_until);
        }
        self.tell(moment.at);
        Ok(())
    }

    fn pass_holds(&mut self, at: Timestamp) {
        for place in 0..self.tree.nodes.len() {
            let hold = self.state.nodes[place].hold;
            let (passed, transition) = self.tree.nodes[place].hold.pass(hold, at);
            self.set(place, passed, transition);
        }
    }

    fn carry(&mut self, moment: &Moment<'_>) {
        for (source, value) in moment.updates {
            if self.tree.sources[*source].carried {
                self.changed |= self.state.carried[*source] != Some(*value);
                self.state.carried[*source] = Some(*value);
            }
        }
    }

    /// A gate follows its condition. What it covers begins anew when it opens, and is forgotten
    /// when it closes. Whether it has opened.
    fn turn(
        &mut self,
        place: usize,
        of: usize,
        covers: std::ops::Range<usize>,
        at: Timestamp,
    ) -> bool {
        let open = self.state.is_on(of);
        if open == self.state.is_on(place) {
            return false;
        }
        let at = at.max(self.state.time);
        let state = if open { State::Active { since: at } } else { State::Normal { since: at } };
        self.set(place, state, None);
        for covered in covers {
            self.state.nodes[covered] = self.tree.nodes[covered].fresh(at);
        }
        open
    }

    fn judge_node(&mut self, place: usize, moment: &Moment<'_>, begun: bool) {
        let tree = self.tree;
        let on = |children: &[usize]| children.iter().filter(|it| self.state.is_on(**it)).count();
        match &tree.nodes[place].kind {
            Kind::All(children) => {
                let on = on(children);
                self.judge_group(place, moment.at, (on == children.len()).then_some(on));
            }
            Kind::Any(children) => {
                let on = on(children);
                self.judge_group(place, moment.at, (on > 0).then_some(on));
            }
            Kind::While { gate, inner } => {
                let on = self.state.is_on(*gate) && self.state.is_on(*inner);
                self.judge_group(place, moment.at, on.then_some(1));
            }
            Kind::Schedule(schedule) => self.judge_schedule(place, schedule, moment.at),
            Kind::Gate { .. } => {}
            _ => self.judge_leaf(place, moment, begun),
        }
    }

    fn judge_schedule(&mut self, place: usize, schedule: &Schedule, at: Timestamp) {
        let at = at.max(self.state.time);
        let Memory::Schedule(next) = &mut self.state.nodes[place].memory else { return };
        if next.is_some_and(|next| at < next) {
            return;
        }
        *next = Some(schedule.next_edge(at));
        self.changed = true;
        let now = schedule.is_now(at);
        if now != self.state.is_on(place) {
            let on = State::Active { since: at };
            self.set(place, if now { on } else { State::Normal { since: at } }, None);
        }
    }

    fn judge_group(&mut self, place: usize, at: Timestamp, on: Option<usize>) {
        let verdict = on.map_or(Verdict::Back, |on| Verdict::Beyond(figure(on)));
        self.judge_hold(place, at.max(self.state.time), verdict);
    }

    /// Time first, then what its sources say; after its gate has opened, what they said last.
    fn judge_leaf(&mut self, place: usize, moment: &Moment<'_>, begun: bool) {
        let node = &self.tree.nodes[place];
        self.begin_missing(place, moment.begins);
        let is_missing = |of, due| moment.is_missing(of, due);
        let by_time = leaf::by_time(node, &self.state.nodes[place], moment.at, is_missing);
        if let Some((at, verdict)) = by_time {
            self.judge_hold(place, at, verdict);
        }
        let mut verdict = None;
        let memory = &mut self.state.nodes[place].memory;
        let mut hear = |said| {
            let heard = leaf::hear(node, memory, moment.at, said).unwrap_or_default();
            verdict = heard.verdict.or(verdict);
            self.changed |= heard.remembers;
        };
        if begun {
            for (source, value) in self.state.carried.iter().enumerate() {
                let again = moment.updates.iter().any(|(of, _)| *of == source);
                if let Some(value) = value.filter(|_| !again) {
                    hear(Said { source, value, carried: true });
                }
            }
        }
        for (source, value) in moment.updates {
            hear(Said { source: *source, value: *value, carried: false });
        }
        // What was passed already is late for what it would have changed; of two signals the later
        // one counts from then on.
        let since = self.state.nodes[place].hold.since();
        let counts = moment.at >= since || matches!(node.kind, Kind::Deviation { .. });
        if let Some(verdict) = verdict.filter(|_| counts) {
            self.judge_hold(place, moment.at, verdict);
        }
    }

    /// What must come is waited for from the first event on.
    fn begin_missing(&mut self, place: usize, at: Timestamp) {
        if let Memory::Missing(memory) = &mut self.state.nodes[place].memory
            && memory.last.is_none()
        {
            memory.last = Some(at);
            self.changed = true;
        }
    }

    fn judge_hold(&mut self, place: usize, at: Timestamp, verdict: Verdict) {
        let hold = self.state.nodes[place].hold;
        let (next, transition) =
            self.tree.nodes[place].hold.judge(hold, at.max(hold.since()), verdict);
        self.set(place, next, transition);
    }

    /// A node's hold stands there now.
    fn set(&mut self, place: usize, hold: State, transition: Option<Transition>) {
        let state = &mut self.state.nodes[place];
        if let Some(Transition::Raised { value, .. }) = transition {
            state.value = Some(value);
        }
        if state.hold == hold {
            return;
        }
        state.hold = hold;
        self.changed = true;
        self.state.time = self.state.time.max(hold.since());
    }

    /// The alarm follows the highest level that is on.
    fn tell(&mut self, at: Timestamp) {
        let top = self.tree.levels.iter().rev().find(|(_, node)| self.state.is_on(*node));
        let to = top.map(|(severity, _)| *severity);
        let from = self.state.raised;
        if from != to {
            let at = at.max(self.state.time);
            self.state.raised = to;
            self.state.time = at;
            self.changed = true;
            (self.tell)(self.state, Moved { at, from, to });
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most 32")]
fn figure(on: usize) -> f64 {
    on as f64
}
