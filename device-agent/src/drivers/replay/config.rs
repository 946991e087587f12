//! Configuration of a replay.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millwright_schemas::wire::events::Severity;
use serde::{Deserialize, Deserializer, Serialize};

use super::times::TimeFormat;
use crate::driver::DriverError;
use crate::drivers::check::{range, wrong};
use crate::drivers::limits::{
    REPLAY_CLEAR_AFTER_S, REPLAY_COLUMNS_MAX, REPLAY_ROWS_PER_READING, REPLAY_SPEED,
};

/// Rows per reading when they come as fast as possible.
const FAST_ROWS_PER_READING: u32 = 100;

/// `kind = "replay"`: a CSV file with a header row, in order of time, as if it were measured
/// here. Relative paths start at the folder that the agent is started in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// The driver's name, 1 to 64 bytes. Default: `replay`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The CSV file.
    pub path: PathBuf,
    /// What separates columns: one ASCII character. Default: `,`.
    #[serde(default = "default_delimiter")]
    pub delimiter: String,
    /// The column with the time. Default: `timestamp`.
    #[serde(default = "default_timestamp_column")]
    pub timestamp_column: String,
    /// `rfc3339`, `unix_s`, `unix_ms`, or a pattern such as `%Y-%m-%d %H:%M:%S`. Without an
    /// offset it is UTC. Default: `rfc3339`.
    #[serde(default = "default_timestamp_format")]
    pub timestamp_format: String,
    /// Column to signal name; other columns are left out. Default: every column but those of
    /// the time and the filter, under its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeMap<String, String>>,
    /// Column to what it holds: `number`, `text` or `boolean`. Default: `number`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, ColumnType>,
    /// Column to value: only rows with all of these, for instance `{ machineID = 3 }`.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub filter: Conditions,
    /// A second file, whose rows are faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultsConfig>,
    /// How many times faster than it was recorded, 0 to 1,000,000; 0 is as fast as possible.
    /// Default: 1.
    #[serde(default = "default_speed")]
    pub speed: f64,
    /// Rows that are delivered and stored together, 1 to 1,000; a reading waits for its last
    /// row. Default: 1, or 100 at speed 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_reading: Option<u32>,
    /// Whether samples carry the recorded times or those of the replay. Default: `original`.
    #[serde(default)]
    pub time: TimeMode,
}

/// Rows of a second file become faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultsConfig {
    /// The CSV file, in order of time.
    pub path: PathBuf,
    /// What separates columns. Default: as in the file of samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The column with the time. Default: as in the file of samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_column: Option<String>,
    /// The form of the time. Default: as in the file of samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    /// The column with the fault's code.
    pub code_column: String,
    /// The column with a text for people. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_column: Option<String>,
    /// Column to value: only rows with all of these.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub filter: Conditions,
    /// `critical`, `major`, `minor`, `warning` or `indeterminate`. Default: `indeterminate`.
    #[serde(default)]
    pub severity: Severity,
    /// The component that the faults are of. Default: the machine as a whole.
    #[serde(default)]
    pub source: String,
    /// Seconds of recorded time after which a fault clears, unless it comes again before that.
    /// Default: it never clears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_after_s: Option<f64>,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A number with a decimal point.
    #[default]
    Number,
    /// Any text.
    Text,
    /// `true` or `false`, `1` or `0`.
    Boolean,
}

/// Which times samples and faults carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeMode {
    /// Those of the file.
    #[default]
    Original,
    /// The first row is now, the others follow at the speed of the replay. After a restart
    /// what was missed in between is caught up, with the times it would have had.
    Now,
}

/// Column to the value it must have. Numbers and booleans may be written without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Conditions(pub BTreeMap<String, String>);

impl Conditions {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Cell {
            Text(String),
            Integer(i64),
            Float(f64),
            Boolean(bool),
        }
        let cells = BTreeMap::<String, Cell>::deserialize(deserializer)?;
        let text = |cell| match cell {
            Cell::Text(text) => text,
            Cell::Integer(number) => number.to_string(),
            Cell::Float(number) => number.to_string(),
            Cell::Boolean(value) => value.to_string(),
        };
        Ok(Self(cells.into_iter().map(|(column, cell)| (column, text(cell))).collect()))
    }
}

fn default_name() -> String {
    "replay".to_owned()
}

fn default_delimiter() -> String {
    ",".to_owned()
}

fn default_timestamp_column() -> String {
    "timestamp".to_owned()
}

fn default_timestamp_format() -> String {
    "rfc3339".to_owned()
}

const fn default_speed() -> f64 {
    1.0
}

impl ReplayConfig {
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        let name = &self.name;
        let because = |reason| wrong(name, reason);
        delimiter(&self.delimiter).map_err(because)?;
        TimeFormat::new(&self.timestamp_format).map_err(because)?;
        range(name, "speed", self.speed, &REPLAY_SPEED)?;
        if let Some(rows) = self.rows_per_reading {
            range(name, "rows_per_reading", rows, &REPLAY_ROWS_PER_READING)?;
        }
        if self.time == TimeMode::Now && self.speed == 0.0 {
            return Err(because(
                "time = \"now\" with speed = 0: rows that come as fast as possible have no time \
                 of their own; give a speed above 0, or time = \"original\""
                    .to_owned(),
            ));
        }
        self.check_columns()?;
        self.faults.as_ref().map_or(Ok(()), |faults| self.check_faults(faults))
    }

    fn check_columns(&self) -> Result<(), DriverError> {
        let Some(columns) = &self.columns else { return Ok(()) };
        if columns.is_empty() || columns.len() > REPLAY_COLUMNS_MAX {
            let count = columns.len();
            return Err(wrong(
                &self.name,
                format!("columns names {count} columns, not 1 to {REPLAY_COLUMNS_MAX}"),
            ));
        }
        for (column, signal) in columns {
            millwright_schemas::SignalName::check(signal).map_err(|error| {
                wrong(&self.name, format!("columns.{column} = {signal:?}: {error}"))
            })?;
            let same = columns.iter().find(|(other, name)| *other != column && *name == signal);
            if let Some((other, _)) = same {
                return Err(wrong(
                    &self.name,
                    format!("columns.{column} and columns.{other} are both {signal:?}"),
                ));
            }
        }
        Ok(())
    }

    fn check_faults(&self, faults: &FaultsConfig) -> Result<(), DriverError> {
        let because = |reason: String| wrong(&self.name, format!("faults: {reason}"));
        delimiter(self.faults_delimiter(faults)).map_err(because)?;
        TimeFormat::new(self.faults_timestamp_format(faults)).map_err(because)?;
        if let Some(seconds) = faults.clear_after_s {
            range(&self.name, "faults.clear_after_s", seconds, &REPLAY_CLEAR_AFTER_S)?;
        }
        let max = millwright_schemas::limits::FAULT_KEY_MAX_BYTES;
        if faults.source.len() > max || faults.source.chars().any(char::is_control) {
            return Err(because(format!(
                "source = {:?} is longer than {max} bytes or contains a control character",
                faults.source
            )));
        }
        Ok(())
    }

    pub(super) fn faults_delimiter<'a>(&'a self, faults: &'a FaultsConfig) -> &'a str {
        faults.delimiter.as_deref().unwrap_or(&self.delimiter)
    }

    pub(super) fn faults_timestamp_column<'a>(&'a self, faults: &'a FaultsConfig) -> &'a str {
        faults.timestamp_column.as_deref().unwrap_or(&self.timestamp_column)
    }

    pub(super) fn faults_timestamp_format<'a>(&'a self, faults: &'a FaultsConfig) -> &'a str {
        faults.timestamp_format.as_deref().unwrap_or(&self.timestamp_format)
    }

    pub(super) fn rows_per_reading(&self) -> usize {
        let default = if self.speed == 0.0 { FAST_ROWS_PER_READING } else { 1 };
        self.rows_per_reading.unwrap_or(default) as usize
    }
}

/// The one byte of a delimiter.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err(format!("delimiter = {text:?} is not one ASCII character other than a quote")),
    }
}
