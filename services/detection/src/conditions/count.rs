//! So many times within a while: (t − window, t].
//!
//! A sample without a usable value doesn't count, and after it nothing is known: the next one is
//! no crossing. The alarm is over at exactly the time at which one of the times is a window old.

use std::collections::VecDeque;

use millwright_schemas::Timestamp;
use millwright_schemas::limits::RULE_COUNT_MAX;
use serde::{Deserialize, Serialize};

use super::value::Value;
use crate::bound::Side;
use crate::hold::Verdict;

const _: () = assert!(RULE_COUNT_MAX <= 1_000, "so many times are remembered");

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Count {
    pub(crate) what: What,
    pub(crate) crossings: bool,
    pub(crate) at_least: usize,
    pub(crate) window_us: i64,
}

/// What counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Beyond(Side, f64),
    Is(Vec<Value>),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CountMemory {
    /// The last times, oldest first: as many as are needed.
    times: VecDeque<i64>,
    /// Whether the last sample counted.
    was: Option<bool>,
}

impl Count {
    /// A sample; `carried`: one that was there already when watching began. Whether something else
    /// is remembered now.
    pub(crate) fn sample(
        &self,
        memory: &mut CountMemory,
        at: Timestamp,
        value: Option<Value>,
        carried: bool,
    ) -> bool {
        let counts = value.and_then(|value| self.what.fits(value));
        let before = std::mem::replace(&mut memory.was, counts);
        if carried || counts != Some(true) || (self.crossings && before != Some(false)) {
            return before != counts;
        }
        memory.times.push_back(at.micros());
        if memory.times.len() > self.at_least {
            memory.times.pop_front();
        }
        true
    }

    pub(crate) fn verdict(&self, memory: &CountMemory, at: Timestamp) -> Verdict {
        match self.ends(memory) {
            Some(ends) if ends > at => Verdict::Beyond(figure(self.at_least)),
            _ => Verdict::Back,
        }
    }

    /// Until when it is often enough, if it is.
    pub(crate) fn ends(&self, memory: &CountMemory) -> Option<Timestamp> {
        let first = memory.times.front().filter(|_| memory.times.len() == self.at_least)?;
        Some(Timestamp::from_micros(first.saturating_add(self.window_us)))
    }
}

impl What {
    /// Whether a value counts; `None`: it can't be compared.
    fn fits(&self, value: Value) -> Option<bool> {
        match self {
            Self::Beyond(side, limit) => value.number().map(|it| side.is_beyond(it, *limit)),
            Self::Is(values) => Some(values.contains(&value)),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most 100")]
fn figure(count: usize) -> f64 {
    count as f64
}
