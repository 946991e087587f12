//! What a sample says, as conditions see it.

use millwright_schemas::api::rules::StateValue;
use serde::{Deserialize, Serialize};

/// What a sample says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading<'a> {
    /// A finite number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(&'a str),
    /// Nothing usable: null, or of bad quality.
    Unusable,
}

impl From<Option<f64>> for Reading<'_> {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Unusable, Self::Number)
    }
}

/// A value as it is remembered: a text by its hash, so that a state stays small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Value {
    #[serde(rename = "n")]
    Number(f64),
    #[serde(rename = "b")]
    Boolean(bool),
    #[serde(rename = "t")]
    Text(u64),
}

impl Reading<'_> {
    pub(crate) fn value(self) -> Option<Value> {
        match self {
            Self::Number(number) => Some(Value::Number(number)),
            Self::Boolean(value) => Some(Value::Boolean(value)),
            Self::Text(text) => Some(Value::Text(hash(text))),
            Self::Unusable => None,
        }
    }
}

impl Value {
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }
}

impl From<&StateValue> for Value {
    fn from(value: &StateValue) -> Self {
        match value {
            StateValue::Boolean(value) => Self::Boolean(*value),
            StateValue::Number(number) => Self::Number(*number),
            StateValue::Text(text) => Self::Text(hash(text)),
        }
    }
}

/// FNV-1a, 64 bits: the same in every build, because it is stored.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
