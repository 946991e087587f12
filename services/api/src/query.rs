//! Parameters of queries that need more than a plain field: times, and names that come repeatedly.

use millwright_schemas::api::telemetry::{POINTS_DEFAULT, POINTS_MAX, SIGNALS_MAX};
use millwright_schemas::{MachineId, SignalName, Timestamp};
use millwright_store::telemetry::reads::chart::Range;

use crate::error::ApiError;

/// The range when the caller doesn't say: a day.
const RANGE_DEFAULT_S: i64 = 86_400;

/// A query as it was written; names may come repeatedly.
pub(crate) type Pairs = Vec<(String, String)>;

/// What `GET /machines/{id}/telemetry` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChartQuery {
    pub(crate) signals: Vec<String>,
    pub(crate) range: Range,
}

impl ChartQuery {
    pub(crate) fn parse(pairs: &Pairs, now: Timestamp) -> Result<Self, ApiError> {
        let signals = signals(pairs)?;
        if signals.is_empty() {
            return Err(ApiError::invalid_field("signal", "name at least one signal"));
        }
        let (from, to) = range(one(pairs, "from"), one(pairs, "to"), now)?;
        let points = points(one(pairs, "points"))?;
        Ok(Self { signals, range: Range { from, to, points } })
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
        Ok(Self { machine, signals: signals(pairs)? })
    }
}

/// From and to; by default the day that ends now.
pub(crate) fn range(
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), ApiError> {
    // "Before" the end leaves out what is measured at this very moment.
    let to = to.map_or_else(|| Ok(now.plus_micros(1)), |text| time("to", text))?;
    let from =
        from.map_or_else(|| Ok(to.plus_seconds(-RANGE_DEFAULT_S)), |text| time("from", text))?;
    if from >= to {
        let message = format!("{from} is not before the end, {to}");
        return Err(ApiError::invalid_field("from", message));
    }
    Ok((from, to))
}

/// A time: RFC 3339 or Unix milliseconds.
pub(crate) fn time(field: &str, text: &str) -> Result<Timestamp, ApiError> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(Timestamp::from_millis(ms));
    }
    // A plus that wasn't escaped has become a space.
    text.replace(' ', "+").parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        let message = format!("{shown:?} is neither an RFC 3339 time nor Unix milliseconds");
        ApiError::invalid_field(field, message)
    })
}

fn one<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn signals(pairs: &Pairs) -> Result<Vec<String>, ApiError> {
    let mut signals: Vec<String> = Vec::new();
    for (_, signal) in pairs.iter().filter(|(key, _)| key == "signal") {
        SignalName::check(signal)
            .map_err(|error| ApiError::invalid_field("signal", error.to_string()))?;
        if !signals.contains(signal) {
            signals.push(signal.clone());
        }
    }
    if signals.len() > SIGNALS_MAX {
        let message = format!("{} signals, more than {SIGNALS_MAX}", signals.len());
        return Err(ApiError::invalid_field("signal", message));
    }
    Ok(signals)
}

fn points(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else { return Ok(POINTS_DEFAULT) };
    text.parse().ok().filter(|points| (1..=POINTS_MAX).contains(points)).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        ApiError::invalid_field("points", format!("{shown:?} is not between 1 and {POINTS_MAX}"))
    })
}
