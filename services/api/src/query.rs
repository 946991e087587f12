//! Queries in which a name may come repeatedly.

use millwright_registry::readings::{ChartInput, FleetInput, signal_names};
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::{MachineId, OrganizationId};

use crate::error::{ApiError, quoted};

/// A query as it was written; names may come repeatedly.
pub(crate) type Pairs = Vec<(String, String)>;

/// What `GET /machines/{id}/telemetry` asks for.
pub(crate) fn chart_input(pairs: &Pairs) -> Result<ChartInput, ApiError> {
    only(pairs, &["signal", "from", "to", "points"])?;
    let text = |name| one(pairs, name).map(str::to_owned);
    Ok(ChartInput {
        signals: signals(pairs),
        from: text("from"),
        to: text("to"),
        points: text("points"),
    })
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
        only(pairs, &["machine_id", "signal"])?;
        let machine = one(pairs, "machine_id")
            .ok_or_else(|| ApiError::invalid_field("machine_id", "name a machine"))?;
        let machine = machine_id(machine)?;
        Ok(Self { machine, signals: signal_names(signals(pairs))? })
    }
}

/// What `GET /telemetry/latest` asks for.
#[derive(Debug, Clone)]
pub(crate) struct LatestQuery {
    pub(crate) wanted: FleetInput,
    pub(crate) page: PageQuery,
}

impl LatestQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        only(pairs, &["signal", "organization_id", "machine_id", "limit", "cursor"])?;
        let organization = one(pairs, "organization_id")
            .map(|text| text.parse::<OrganizationId>())
            .transpose()
            .map_err(|error| ApiError::invalid_field("organization_id", error.to_string()))?;
        let machines = all(pairs, "machine_id").map(machine_id).collect::<Result<Vec<_>, _>>()?;
        let limit = one(pairs, "limit").map(str::parse::<u32>).transpose();
        let limit = limit.map_err(|error| ApiError::invalid_field("limit", error.to_string()))?;
        let cursor = one(pairs, "cursor").map(str::to_owned);
        let wanted = FleetInput { signals: signals(pairs), organization, machines };
        Ok(Self { wanted, page: PageQuery { limit, cursor } })
    }
}

/// A name that isn't known is refused: a condition with a slip in it must not list everything.
fn only(pairs: &Pairs, known: &[&str]) -> Result<(), ApiError> {
    let unknown = pairs.iter().find(|(name, _)| !known.contains(&name.as_str()));
    let Some((name, _)) = unknown else { return Ok(()) };
    let name = quoted(name);
    let message = format!("unknown field `{name}`, expected one of {}", known.join(", "));
    Err(ApiError::invalid_field(&name, message))
}

fn one<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn all<'a>(pairs: &'a Pairs, name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn signals(pairs: &Pairs) -> Vec<String> {
    all(pairs, "signal").map(str::to_owned).collect()
}

fn machine_id(text: &str) -> Result<MachineId, ApiError> {
    text.parse::<MachineId>()
        .map_err(|error| ApiError::invalid_field("machine_id", error.to_string()))
}
