//! What a rule takes from the machine that it watches.

use std::collections::BTreeMap;

use millwright_schemas::api::rules::{Limit, ParameterName};

/// A machine's parameters, and the time zone of its site.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Finite numbers by name.
    pub parameters: BTreeMap<ParameterName, f64>,
    /// IANA name; UTC when there is none.
    pub time_zone: Option<String>,
}

impl Surroundings {
    /// The number that a limit is with this machine.
    pub(crate) fn number(&self, limit: &Limit) -> f64 {
        match limit {
            Limit::Number(number) => *number,
            Limit::Parameter(of) => {
                let own = self.parameters.get(&of.parameter).copied();
                own.filter(|number| number.is_finite()).unwrap_or(of.default)
            }
        }
    }
}
