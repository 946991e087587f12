//! A limit of a condition: a number, or a machine's own.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::PARAMETER_NAME_MAX_BYTES;

/// A limit of a condition: a number, or a parameter of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Limit {
    /// The same for all machines.
    Number(f64),
    /// What the machine's parameter says.
    Parameter(Parameter),
}

/// A parameter of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    #[schema(value_type = String)]
    pub parameter: ParameterName,
    /// For machines that have no such parameter.
    pub default: f64,
}

impl Limit {
    /// The number that counts where nothing else is said.
    #[must_use]
    pub const fn default_value(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Parameter(parameter) => parameter.default,
        }
    }
}

impl From<f64> for Limit {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Not derived: an untagged enum doesn't say what is wrong.
impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfLimit;

        impl<'de> Visitor<'de> for OfLimit {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or {\"parameter\": name, \"default\": number}")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Limit, E> {
                Ok(Limit::Number(number))
            }

            #[allow(clippy::cast_precision_loss, reason = "as serde_json does for an f64")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
                Ok(Limit::Number(number as f64))
            }

            #[allow(clippy::cast_precision_loss, reason = "as serde_json does for an f64")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Limit, E> {
                Ok(Limit::Number(number as f64))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Limit, A::Error> {
                let of_map = de::value::MapAccessDeserializer::new(map);
                Parameter::deserialize(of_map).map(Limit::Parameter)
            }
        }

        deserializer.deserialize_any(OfLimit)
    }
}

/// The name of a machine's parameter: 1 to 64 of `a-z 0-9 _ .`, such as `max_temperature`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParameterName(String);

/// A text that can't name a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a parameter: 1 to {PARAMETER_NAME_MAX_BYTES} of a-z 0-9 _ .")]
pub struct InvalidParameterName(String);

impl ParameterName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ParameterName {
    type Error = InvalidParameterName;

    fn try_from(name: String) -> Result<Self, InvalidParameterName> {
        let fits = (1..=PARAMETER_NAME_MAX_BYTES).contains(&name.len());
        let plain = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
        if fits && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(InvalidParameterName(name.chars().take(PARAMETER_NAME_MAX_BYTES).collect()))
        }
    }
}

impl FromStr for ParameterName {
    type Err = InvalidParameterName;

    fn from_str(name: &str) -> Result<Self, InvalidParameterName> {
        Self::try_from(name.to_owned())
    }
}

impl From<ParameterName> for String {
    fn from(name: ParameterName) -> Self {
        name.0
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A machine's parameters by name.
pub type Parameters = BTreeMap<ParameterName, ParameterValue>;

/// What a parameter says: a finite number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct ParameterValue(f64);

impl Eq for ParameterValue {}

impl ParameterValue {
    /// The number.
    #[must_use]
    pub const fn number(self) -> f64 {
        self.0
    }
}

/// A number that can't be a parameter.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a finite number")]
pub struct InvalidParameterValue(f64);

impl TryFrom<f64> for ParameterValue {
    type Error = InvalidParameterValue;

    fn try_from(number: f64) -> Result<Self, InvalidParameterValue> {
        if number.is_finite() { Ok(Self(number)) } else { Err(InvalidParameterValue(number)) }
    }
}

impl From<ParameterValue> for f64 {
    fn from(value: ParameterValue) -> Self {
        value.0
    }
}
