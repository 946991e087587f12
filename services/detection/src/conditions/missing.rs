//! Something that must come and doesn't.
//!
//! - Time is counted from the last time that it came, at first from when the rule begins. What
//!   comes at exactly that time is still in time.
//! - A sample without a usable value doesn't count. With `of: change` a constant signal (a sensor
//!   that is stuck) is missing; a first value counts as a change.
//! - That time has passed is learned from `through_ts`, from the next sample of the signal itself,
//!   and from samples of other signals once they are [`GRACE_US`] later: those say nothing about
//!   what is still on its way.
//! - What comes with a time that has been passed already is late: the next one clears the alarm.

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

use super::value::Value;

/// How much later other signals' samples must be to tell that something hasn't come: a minute.
pub(crate) const GRACE_US: i64 = 60_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Missing {
    pub(crate) for_us: i64,
    /// Only these values count; empty: all.
    pub(crate) is: Vec<Value>,
    pub(crate) change: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MissingMemory {
    /// When it came last, or watching began.
    pub(crate) last: Option<Timestamp>,
    value: Option<Value>,
}

impl Missing {
    pub(crate) fn due(&self, memory: MissingMemory) -> Option<Timestamp> {
        memory.last.map(|last| last.plus_micros(self.for_us))
    }

    /// A sample. Whether it is what must come; `carried`: it was there already when watching began.
    pub(crate) fn sample(
        &self,
        memory: &mut MissingMemory,
        at: Timestamp,
        value: Option<Value>,
        carried: bool,
    ) -> bool {
        let listed = |value: &Value| self.is.is_empty() || self.is.contains(value);
        // Events can come out of order.
        let newest = memory.last.is_none_or(|last| at >= last);
        let Some(value) = value.filter(listed).filter(|_| newest) else { return false };
        let before = memory.value;
        if self.change {
            memory.value = Some(value);
        }
        if carried || (self.change && before == Some(value)) {
            return false;
        }
        memory.last = Some(at);
        true
    }
}
