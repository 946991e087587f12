//! A leaf: what it hears makes a verdict, and so does time.

use millwright_schemas::Timestamp;

use super::tree::{Kind, Memory, Node, NodeState};
use super::value::Value;
use crate::hold::{State, Verdict};

/// What one source says to a leaf.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    pub(crate) source: usize,
    pub(crate) value: Option<Value>,
    /// It was said before watching began.
    pub(crate) carried: bool,
}

/// What a leaf makes of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    /// `None`: nothing is to be judged.
    pub(crate) verdict: Option<Verdict>,
    /// Something else is remembered now.
    pub(crate) remembers: bool,
}

/// Lets a leaf hear a source. `None`: it doesn't listen to it, or can't use such a value.
pub(crate) fn hear(node: &Node, memory: &mut Memory, at: Timestamp, said: Said) -> Option<Heard> {
    let Said { source: of, value, carried } = said;
    // What isn't a number can't be compared with one.
    let number = || match value {
        None => Some(None),
        Some(value) => value.number().map(Some),
    };
    let plain = |verdict| Heard { verdict: Some(verdict), remembers: false };
    Some(match (&node.kind, memory) {
        (Kind::Threshold { source, bound }, _) if *source == of => plain(bound.verdict(number()?)),
        (Kind::State { source, states }, _) if *source == of => plain(states.verdict(value)),
        (Kind::Rate { source, rate }, Memory::Rate(memory)) if *source == of => {
            rate.sample(memory, at, number()?)
        }
        (Kind::Deviation { source, from, deviation }, Memory::Deviation(memory))
            if *source == of || *from == of =>
        {
            let (before, number) = (*memory, number()?);
            if *source == of {
                memory.value = number;
            }
            if *from == of {
                memory.from = number;
            }
            let verdict = Some(deviation.verdict(*memory));
            Heard { verdict, remembers: *memory != before }
        }
        (Kind::Count { source, count }, Memory::Count(memory)) if *source == of => {
            let remembers = count.sample(memory, at, value, carried);
            Heard { verdict: Some(count.verdict(memory, at)), remembers }
        }
        (Kind::Missing { source, missing }, Memory::Missing(memory)) if *source == of => {
            let before = *memory;
            let came = missing.sample(memory, at, value, carried);
            Heard { verdict: came.then_some(Verdict::Back), remembers: *memory != before }
        }
        (Kind::Sequence { source, sequence }, Memory::Sequence(memory)) if *source == of => {
            sequence.sample(memory, at, value)
        }
        (Kind::Order { source, order }, Memory::Order(memory)) if *source == of => {
            let before = *memory;
            let verdict = order.sample(memory, value);
            Heard { verdict, remembers: *memory != before }
        }
        _ => return None,
    })
}

/// When time changes a leaf's verdict, its hold aside. `at`: up to when time passes; `is_missing`:
/// whether what should have come from this source before then hasn't.
pub(crate) fn due(
    node: &Node,
    state: &NodeState,
    at: Timestamp,
    is_missing: impl Fn(usize, Timestamp) -> bool,
) -> Option<Timestamp> {
    match (&node.kind, &state.memory) {
        (Kind::Count { count, .. }, Memory::Count(memory)) => {
            count.ends(memory).filter(|_| matches!(state.hold, State::Active { .. }))
        }
        (Kind::Missing { source, missing }, Memory::Missing(memory)) => {
            match missing.due(*memory) {
                // Watching begins now.
                None => Some(at),
                Some(due) => {
                    Some(due).filter(|_| !state.hold.is_raised() && is_missing(*source, due))
                }
            }
        }
        (Kind::Schedule(_), Memory::Schedule(next)) => {
            let earliest = at.plus_micros(-super::schedule::LOOKBACK_US);
            Some(next.map_or(at, |next| next.max(earliest)))
        }
        _ => None,
    }
}

/// What time alone makes of a leaf, and since when.
pub(crate) fn by_time(
    node: &Node,
    state: &NodeState,
    at: Timestamp,
    is_missing: impl Fn(usize, Timestamp) -> bool,
) -> Option<(Timestamp, Verdict)> {
    let due = due(node, state, at, is_missing).filter(|due| *due <= at)?;
    match &node.kind {
        Kind::Count { .. } => Some((due, Verdict::Back)),
        Kind::Missing { missing, .. } => Some((due, Verdict::Beyond(seconds(missing.for_us)))),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most a year")]
pub(crate) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}
