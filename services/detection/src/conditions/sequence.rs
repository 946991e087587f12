//! Values that a signal takes one after the other.
//!
//! A value is taken with the sample that differs from the one before; the same value again changes
//! nothing. A sample without a usable value ends what is known of the value: with a sequence it
//! goes on with the next one, with an order the next change isn't judged.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::leaf::Heard;
use super::value::Value;
use crate::hold::Verdict;

/// From the first to the last within a while, others in between or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) states: Vec<Value>,
    pub(crate) within_us: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SequenceMemory {
    /// For each value but the last: the latest time of the first, of those that led up to it.
    starts: Vec<Option<Timestamp>>,
    last: Option<Value>,
    matched: bool,
}

impl Sequence {
    pub(crate) fn sample(
        &self,
        memory: &mut SequenceMemory,
        at: Timestamp,
        value: Option<Value>,
    ) -> Heard {
        let Some(value) = value else { return Heard::default() };
        let remembers = memory.last != Some(value);
        if remembers {
            memory.last = Some(value);
            memory.matched = self.take(memory, at, value);
        }
        let verdict = if memory.matched { Verdict::Beyond(0.0) } else { Verdict::Back };
        Heard { verdict: Some(verdict), remembers }
    }

    /// Whether the last one is taken in time. From the end, so that a value counts once.
    fn take(&self, memory: &mut SequenceMemory, at: Timestamp, value: Value) -> bool {
        let last = self.states.len().saturating_sub(1);
        memory.starts.resize(last, None);
        let mut matched = false;
        for place in (0..self.states.len()).rev().filter(|place| self.states[*place] == value) {
            let start = match place.checked_sub(1) {
                None => Some(at),
                Some(before) => memory.starts[before],
            };
            let start = start.filter(|start| at.micros_since(*start) <= self.within_us);
            if place == last {
                matched = start.is_some();
            } else if start.is_some() {
                memory.starts[place] = start;
            }
        }
        matched
    }
}

/// Which values may follow which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) allowed: Vec<(Value, Vec<Value>)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OrderMemory {
    last: Option<Value>,
    wrong: bool,
}

impl Order {
    pub(crate) fn sample(&self, memory: &mut OrderMemory, value: Option<Value>) -> Option<Verdict> {
        let before = std::mem::replace(&mut memory.last, value);
        let value = value?;
        if let Some(before) = before.filter(|before| *before != value) {
            let rule = self.allowed.iter().find(|(from, _)| *from == before);
            memory.wrong = rule.is_some_and(|(_, to)| !to.contains(&value));
        }
        Some(if memory.wrong { Verdict::Beyond(0.0) } else { Verdict::Back })
    }
}
