//! A value that a condition names.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::STATE_TEXT_MAX_BYTES;
use crate::signal::SignalKind;

/// A value that a condition names: a text of up to 256 bytes, true or false, or a number.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StateValue {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl StateValue {
    /// The kind of signals that can have this value.
    #[must_use]
    pub const fn kind(&self) -> SignalKind {
        match self {
            Self::Boolean(_) => SignalKind::Boolean,
            Self::Number(_) => SignalKind::Number,
            Self::Text(_) => SignalKind::Text,
        }
    }
}

impl From<&str> for StateValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for StateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Not derived: an untagged enum doesn't say what is wrong.
impl<'de> Deserialize<'de> for StateValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfValue;

        impl Visitor<'_> for OfValue {
            type Value = StateValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<StateValue, E> {
                Ok(StateValue::Boolean(value))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<StateValue, E> {
                Ok(StateValue::Number(number))
            }

            #[allow(clippy::cast_precision_loss, reason = "as serde_json does for an f64")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<StateValue, E> {
                Ok(StateValue::Number(number as f64))
            }

            #[allow(clippy::cast_precision_loss, reason = "as serde_json does for an f64")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<StateValue, E> {
                Ok(StateValue::Number(number as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StateValue, E> {
                if text.len() > STATE_TEXT_MAX_BYTES {
                    let length = text.len();
                    let message =
                        format!("a text of {length} bytes, at most {STATE_TEXT_MAX_BYTES} fit");
                    return Err(E::custom(message));
                }
                Ok(StateValue::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(OfValue)
    }
}
