//! A limit with its hysteresis.

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::Limit;

use crate::hold::Verdict;
use crate::surroundings::Surroundings;

/// On which side of the limit it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Too high.
    Above,
    /// Too low.
    Below,
}

/// A limit, and where it is well again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    pub(crate) side: Side,
    pub(crate) limit: f64,
    clear_at: f64,
}

/// The fields of a condition that make a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoundFields<'a> {
    pub(crate) above: Option<&'a Limit>,
    pub(crate) below: Option<&'a Limit>,
    pub(crate) clear_at: Option<&'a Limit>,
}

impl Side {
    /// The word, as in the condition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }

    pub(crate) fn is_beyond(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::Below => value < limit,
        }
    }
}

impl Bound {
    /// Checks the fields; what is wrong is added by field below `path`. Where a machine's parameter
    /// puts the limit beyond `clear_at`, the limit itself is where it clears.
    pub(crate) fn compile(
        fields: BoundFields<'_>,
        around: &Surroundings,
        path: &str,
        problems: &mut Vec<FieldProblem>,
    ) -> Option<Self> {
        let before = problems.len();
        let BoundFields { above, below, clear_at } = fields;
        let mut refuse = |field: &str, message: String| {
            problems.push(FieldProblem { field: format!("{path}.{field}"), message });
        };
        let limit = match (above, below) {
            (Some(limit), None) => Some((Side::Above, limit)),
            (None, Some(limit)) => Some((Side::Below, limit)),
            (Some(_), Some(_)) => {
                refuse("below", "give above or below, not both".to_owned());
                None
            }
            (None, None) => {
                refuse("above", "give above or below".to_owned());
                None
            }
        };
        for (field, given) in [("above", above), ("below", below), ("clear_at", clear_at)] {
            let number = given.map(Limit::default_value);
            if let Some(number) = number.filter(|number| !number.is_finite()) {
                refuse(field, format!("{number} is not a finite number"));
            }
        }
        if let (Some((side, limit)), Some(clear_at)) = (limit, clear_at) {
            let (limit, clear_at) = (limit.default_value(), clear_at.default_value());
            if side.is_beyond(clear_at, limit) {
                let side = side.as_str();
                let message =
                    format!("{clear_at} is {side} the limit {limit}, not on its good side");
                refuse("clear_at", message);
            }
        }
        let (side, limit) = limit.filter(|_| problems.len() == before)?;
        let limit = around.number(limit);
        let clear_at = clear_at.map_or(limit, |clear_at| around.number(clear_at));
        let clear_at = if side.is_beyond(clear_at, limit) { limit } else { clear_at };
        Some(Self { side, limit, clear_at })
    }

    /// What is thought of a value. At the limit itself it isn't beyond it; at the clear limit it
    /// is back.
    #[must_use]
    pub fn verdict(&self, value: Option<f64>) -> Verdict {
        match value {
            None => Verdict::Unknown,
            Some(value) if self.side.is_beyond(value, self.limit) => Verdict::Beyond(value),
            Some(value) if self.side.is_beyond(value, self.clear_at) => Verdict::Between,
            Some(_) => Verdict::Back,
        }
    }
}
