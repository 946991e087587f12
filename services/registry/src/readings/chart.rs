//! A machine's signals over time.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::telemetry::{POINTS_DEFAULT, POINTS_MAX};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::telemetry::reads::chart::{self, Chart, Range};
use millwright_store::{Scope, Store};

use super::parameters::{shown, signal_names, time};
use crate::RegistryError;

/// The range when the caller doesn't say: a day.
const RANGE_DEFAULT_S: i64 = 86_400;

/// What is to be drawn, as the caller wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChartInput {
    /// Names of signals, at least one.
    pub signals: Vec<String>,
    /// From this time on: RFC 3339 or Unix milliseconds; by default a day before `to`.
    pub from: Option<String>,
    /// Before this time; by default now.
    pub to: Option<String>,
    /// Most points a signal.
    pub points: Option<String>,
}

/// Signals of a machine that the caller sees, over time.
///
/// # Errors
/// Not permitted, something asked for can't be accepted, the machine isn't found, or the database
/// can't.
pub async fn chart(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    input: ChartInput,
    now: Timestamp,
) -> Result<Vec<Chart>, RegistryError> {
    caller.require(Permission::ReadTelemetry)?;
    let (signals, range) = parse(input, now)?;
    let scope = Scope::Organization(caller.organization);
    Ok(chart::read(store, scope, machine, &signals, range).await?)
}

fn parse(input: ChartInput, now: Timestamp) -> Result<(Vec<String>, Range), RegistryError> {
    let signals = signal_names(input.signals)?;
    if signals.is_empty() {
        return Err(RegistryError::field("signal", "name at least one signal"));
    }
    // "Before" the end leaves out what is measured at this very moment.
    let to = input.to.map_or_else(|| Ok(now.plus_micros(1)), |text| time("to", &text))?;
    let from = input
        .from
        .map_or_else(|| Ok(to.plus_seconds(-RANGE_DEFAULT_S)), |text| time("from", &text))?;
    if from >= to {
        let message = format!("{from} is not before the end, {to}");
        return Err(RegistryError::field("from", message));
    }
    let points = input.points.map_or(Ok(POINTS_DEFAULT), |text| points(&text))?;
    Ok((signals, Range { from, to, points }))
}

fn points(text: &str) -> Result<u32, RegistryError> {
    text.parse().ok().filter(|points| (1..=POINTS_MAX).contains(points)).ok_or_else(|| {
        let message = format!("{:?} is not between 1 and {POINTS_MAX}", shown(text));
        RegistryError::field("points", message)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn input(from: Option<&str>, to: Option<&str>, points: Option<&str>) -> ChartInput {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let signals = ["a", "b", "a"].map(str::to_owned).to_vec();
        ChartInput { signals, from: text(from), to: text(to), points: text(points) }
    }

    #[test]
    fn what_is_not_said_is_the_last_day_with_the_usual_points() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        let (signals, range) = parse(input(None, None, None), now).unwrap();
        assert_eq!(signals, ["a", "b"]);
        let to = now.plus_micros(1);
        let from = to.plus_seconds(-RANGE_DEFAULT_S);
        assert_eq!(range, Range { from, to, points: POINTS_DEFAULT });
        let said = input(Some("1000"), Some("1970-01-01T01:00:02 01:00"), Some("7"));
        let (_, range) = parse(said, now).unwrap();
        let (from, to) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
        assert_eq!(range, Range { from, to, points: 7 });
    }

    #[test]
    fn the_parameter_at_fault_is_named() {
        let many = (0..=20).map(|n| n.to_string()).collect();
        for (input, field) in [
            (ChartInput::default(), "signal"),
            (ChartInput { signals: many, ..ChartInput::default() }, "signal"),
            (ChartInput { signals: vec![String::new()], ..ChartInput::default() }, "signal"),
            (input(Some("2000"), Some("2000"), None), "from"),
            (input(Some("soon"), None, None), "from"),
            (input(None, Some("soon"), None), "to"),
            (input(None, None, Some("0")), "points"),
        ] {
            let error = parse(input, Timestamp::from_millis(0)).unwrap_err();
            let RegistryError::Invalid(fields) = error else { unreachable!("{error}") };
            assert_eq!(fields.len(), 1);
            assert_eq!(fields[0].field, field);
        }
    }
}
