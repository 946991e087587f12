//! A signal that has one of some values, or none of them.
//!
//! A sample without a usable value interrupts a hold; it neither raises nor clears. Until the first
//! sample nothing is known, also for `is_not`.

use super::value::Value;
use crate::hold::Verdict;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct States {
    pub(crate) values: Vec<Value>,
    /// Wrong is what is not listed.
    pub(crate) not: bool,
}

impl States {
    /// Beyond with the place in the list, so that it can be told which one it was.
    pub(crate) fn verdict(&self, value: Option<Value>) -> Verdict {
        let Some(value) = value else { return Verdict::Unknown };
        let place = self.values.iter().position(|listed| *listed == value);
        match (place, self.not) {
            (Some(place), false) => Verdict::Beyond(figure(place)),
            (None, true) => Verdict::Beyond(0.0),
            (None, false) | (Some(_), true) => Verdict::Back,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most 32")]
fn figure(place: usize) -> f64 {
    place as f64
}
