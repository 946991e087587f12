//! What a row becomes: values of signals, or a fault.

use millwright_schemas::limits::TEXT_VALUE_MAX_BYTES;
use millwright_schemas::wire::events::{FaultRaised, Severity, check_fault};
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, SignalName};

use super::config::{ColumnType, Conditions, FaultsConfig, ReplayConfig};
use super::source::Parse;
use super::table::Table;
use crate::drivers::limits::REPLAY_COLUMNS_MAX;

/// What stands for "no value" in data sets, in lower case.
const NO_VALUE: [&str; 6] = ["", "nan", "na", "n/a", "null", "none"];

struct Column {
    index: usize,
    signal: SignalName,
    holds: ColumnType,
}

/// Makes values of a row.
pub(super) struct SampleParser {
    columns: Vec<Column>,
}

impl SampleParser {
    /// Chooses the columns by the configuration.
    pub(super) fn new(config: &ReplayConfig, table: &Table) -> Result<Self, String> {
        let named: Vec<(String, String)> = match &config.columns {
            Some(columns) => {
                columns.iter().map(|(column, signal)| (column.clone(), signal.clone())).collect()
            }
            None => table
                .header()
                .iter()
                .filter(|name| *name != config.timestamp_column && !filters(&config.filter, name))
                .map(|name| (name.to_owned(), name.to_owned()))
                .collect(),
        };
        let file = table.path().display();
        if named.is_empty() || named.len() > REPLAY_COLUMNS_MAX {
            let count = named.len();
            return Err(format!(
                "{file} has {count} columns that could be signals, not 1 to {REPLAY_COLUMNS_MAX}"
            ));
        }
        if let Some(other) = config.types.keys().find(|key| !named.iter().any(|(c, _)| c == *key)) {
            return Err(format!("types.{other}: this column of {file} is not a signal"));
        }
        let columns = named
            .into_iter()
            .map(|(column, signal)| {
                Ok(Column {
                    index: table.column(&column)?,
                    signal: signal
                        .parse()
                        .map_err(|error| format!("{file}, column {column:?}: {error}"))?,
                    holds: config.types.get(&column).copied().unwrap_or_default(),
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { columns })
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns.len()
    }
}

fn filters(filter: &Conditions, column: &str) -> bool {
    filter.0.contains_key(column)
}

impl Parse for SampleParser {
    type Item = Vec<(SignalName, SampleValue, Quality)>;

    fn parse(&self, row: &csv::StringRecord) -> Result<Self::Item, (usize, String)> {
        self.columns
            .iter()
            .map(|column| {
                let cell = row.get(column.index).unwrap_or_default().trim();
                let (value, quality) =
                    value(cell, column.holds).map_err(|reason| (column.index, reason))?;
                Ok((column.signal.clone(), value, quality))
            })
            .collect()
    }
}

fn value(cell: &str, holds: ColumnType) -> Result<(SampleValue, Quality), String> {
    let none = (SampleValue::Null, Quality::Bad);
    // A text may well be "none" or "NA": only an empty one is no value.
    if cell.is_empty()
        || (holds != ColumnType::Text && NO_VALUE.contains(&cell.to_lowercase().as_str()))
    {
        return Ok(none);
    }
    let value = match holds {
        ColumnType::Number => match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => SampleValue::Number(number),
            Ok(_) => return Ok(none),
            Err(_) => {
                return Err(format!("{cell:?} is not a number; is the column a text? (types)"));
            }
        },
        ColumnType::Boolean => match cell.to_lowercase().as_str() {
            "true" | "1" => SampleValue::Boolean(true),
            "false" | "0" => SampleValue::Boolean(false),
            _ => return Err(format!("{cell:?} is none of true, false, 1 and 0")),
        },
        ColumnType::Text if cell.len() > TEXT_VALUE_MAX_BYTES => {
            let bytes = cell.len();
            return Err(format!("a text of {bytes} bytes, more than {TEXT_VALUE_MAX_BYTES}"));
        }
        ColumnType::Text => SampleValue::Text(cell.to_owned()),
    };
    Ok((value, Quality::Good))
}

/// Makes a fault of a row.
pub(super) struct FaultParser {
    code: usize,
    message: Option<usize>,
    source: String,
    severity: Severity,
}

impl FaultParser {
    pub(super) fn new(config: &FaultsConfig, table: &Table) -> Result<Self, String> {
        Ok(Self {
            code: table.column(&config.code_column)?,
            message: config.message_column.as_ref().map(|name| table.column(name)).transpose()?,
            source: config.source.clone(),
            severity: config.severity,
        })
    }
}

impl Parse for FaultParser {
    type Item = FaultRaised;

    fn parse(&self, row: &csv::StringRecord) -> Result<FaultRaised, (usize, String)> {
        let cell = |index: usize| row.get(index).unwrap_or_default().trim().to_owned();
        let fault = FaultRaised {
            code: cell(self.code),
            source: self.source.clone(),
            severity: self.severity,
            message: self.message.map(cell).unwrap_or_default(),
            context: serde_json::Map::new(),
            since_ts: None,
        };
        check_fault("fault", &fault).map_err(|error| (self.code, error.to_string()))?;
        Ok(fault)
    }
}
