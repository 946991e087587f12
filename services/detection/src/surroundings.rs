//! What a rule takes from the machine that it watches.

use millwright_schemas::api::rules::{Limit, Parameters};

/// A machine's parameters, and the time zone of its site.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// The machine's own limits.
    pub parameters: Parameters,
    /// IANA name; UTC when there is none.
    pub time_zone: Option<String>,
}

impl Surroundings {
    /// The number that a limit is with this machine.
    pub(crate) fn number(&self, limit: &Limit) -> f64 {
        match limit {
            Limit::Number(number) => *number,
            Limit::Parameter(of) => {
                self.parameters.get(&of.parameter).map_or(of.default, |own| own.number())
            }
        }
    }
}
