//! Faults: what a machine says is wrong with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::WireError;
use crate::limits::{FAULT_KEY_MAX_BYTES, FAULT_MESSAGE_MAX_BYTES};

/// Severity of a fault or alarm, after ITU-T X.733.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The machine stands still or is dangerous: act now.
    Critical,
    /// The machine's work is badly affected.
    Major,
    /// A fault that doesn't yet affect the machine's work.
    Minor,
    /// Something that may become a fault.
    Warning,
    /// Not known: also what an unknown word becomes.
    #[default]
    Indeterminate,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Warning => "warning",
            Self::Indeterminate => "indeterminate",
        }
    }

    /// From the word on the wire; an unknown one is `Indeterminate`, never an error.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "critical" => Self::Critical,
            "major" => Self::Major,
            "minor" => Self::Minor,
            "warning" => Self::Warning,
            _ => Self::Indeterminate,
        }
    }
}

/// Data of `fault.raised`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRaised {
    /// The fault's code, such as `E-204`; 1 to 128 bytes. A number counts as its text.
    #[serde(deserialize_with = "lenient_text")]
    pub code: String,
    /// The component, such as `axis.x`; empty for the machine as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "lenient_text")]
    pub source: String,
    /// How bad it is. An unknown word counts as `indeterminate`.
    #[serde(default, deserialize_with = "lenient_severity")]
    pub severity: Severity,
    /// For people, in the machine's language. What is too long is cut by the receiver.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "lenient_text")]
    pub message: String,
    /// Values at the time of the fault.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "lenient_map")]
    pub context: Map<String, Value>,
    /// Unix milliseconds since when it is active; only within `fault.snapshot`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient_time")]
    pub since_ts: Option<i64>,
}

fn lenient_severity<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Severity, D::Error> {
    let word = Value::deserialize(deserializer)?;
    Ok(word.as_str().map_or(Severity::Indeterminate, Severity::from_word))
}

// A fault that is known only half is better than one that nobody sees: what deviates in form is
// read for what it can be taken for. The event keeps its data as they were received.

fn lenient_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    })
}

fn lenient_map<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        other => Map::from_iter([("value".to_owned(), other)]),
    })
}

fn lenient_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_i64())
}

/// Data of `fault.cleared`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultCleared {
    /// The code that was raised.
    #[serde(deserialize_with = "lenient_text")]
    pub code: String,
    /// The component that was raised.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "lenient_text")]
    pub source: String,
}

/// Data of `fault.snapshot`: all that is active now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultSnapshot {
    /// The active faults; empty when all is well.
    pub faults: Vec<FaultRaised>,
}

/// Cuts a message to its bound, at a character.
pub(super) fn cut(message: &mut String) {
    if message.len() > FAULT_MESSAGE_MAX_BYTES {
        message.truncate(message.floor_char_boundary(FAULT_MESSAGE_MAX_BYTES));
    }
}

/// Checks a fault's code, source and message.
///
/// # Errors
/// The field at fault, its path starting with `path`.
pub fn check_fault(path: &str, fault: &FaultRaised) -> Result<(), WireError> {
    check_key(&format!("{path}.code"), &fault.code, 1)?;
    check_key(&format!("{path}.source"), &fault.source, 0)?;
    if fault.message.len() > FAULT_MESSAGE_MAX_BYTES {
        return Err(WireError::field(
            format!("{path}.message"),
            format!("{} bytes, more than {FAULT_MESSAGE_MAX_BYTES}", fault.message.len()),
        ));
    }
    Ok(())
}

/// Checks the form of a fault's code: 1 to 128 bytes without control characters.
#[must_use]
pub fn is_fault_code(code: &str) -> bool {
    check_key("code", code, 1).is_ok()
}

pub(super) fn check_key(field: &str, key: &str, min: usize) -> Result<(), WireError> {
    if key.len() < min || key.len() > FAULT_KEY_MAX_BYTES {
        return Err(WireError::field(
            field,
            format!("{} bytes, not between {min} and {FAULT_KEY_MAX_BYTES}", key.len()),
        ));
    }
    if key.chars().any(char::is_control) {
        return Err(WireError::field(field, format!("{key:?} contains a control character")));
    }
    Ok(())
}
