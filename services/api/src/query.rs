//! Queries in which a name may come repeatedly.

use millwright_registry::readings::{ChartInput, signal_names};
use millwright_schemas::MachineId;

use crate::error::ApiError;

/// A query as it was written; names may come repeatedly.
pub(crate) type Pairs = Vec<(String, String)>;

/// What `GET /machines/{id}/telemetry` asks for.
pub(crate) fn chart_input(pairs: &Pairs) -> ChartInput {
    let text = |name| one(pairs, name).map(str::to_owned);
    ChartInput {
        signals: signals(pairs),
        from: text("from"),
        to: text("to"),
        points: text("points"),
    }
}

/// What `GET /telemetry/stream` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveQuery {
    pub(crate) machine: MachineId,
    /// Empty: all.
    pub(crate) signals: Vec<String>,
}

impl LiveQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let machine = one(pairs, "machine_id")
            .ok_or_else(|| ApiError::invalid_field("machine_id", "name a machine"))?
            .parse::<MachineId>()
            .map_err(|error| ApiError::invalid_field("machine_id", error.to_string()))?;
        Ok(Self { machine, signals: signal_names(signals(pairs))? })
    }
}

fn one<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn signals(pairs: &Pairs) -> Vec<String> {
    pairs.iter().filter(|(key, _)| key == "signal").map(|(_, value)| value.clone()).collect()
}
