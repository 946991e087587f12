//! Signals: what a machine measures, by name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::SIGNAL_NAME_MAX_BYTES;

/// A signal's name: 1–256 bytes of UTF-8 without control characters, such as
/// `spindle.temperature`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "spindle.temperature")]
pub struct SignalName(String);

/// Why a text can't name a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignalName {
    /// The empty text.
    #[error("a signal name must not be empty")]
    Empty,
    /// More than 256 bytes.
    #[error("a signal name has at most {SIGNAL_NAME_MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A control character, such as a line break.
    #[error("signal name {0:?} contains a control character")]
    ControlCharacter(String),
}

impl SignalName {
    /// Checks the rules of a signal name.
    ///
    /// # Errors
    /// The rule that `name` breaks.
    pub fn check(name: &str) -> Result<(), InvalidSignalName> {
        if name.is_empty() {
            Err(InvalidSignalName::Empty)
        } else if name.len() > SIGNAL_NAME_MAX_BYTES {
            Err(InvalidSignalName::TooLong(name.len()))
        } else if name.chars().any(char::is_control) {
            Err(InvalidSignalName::ControlCharacter(name.chars().take(64).collect()))
        } else {
            Ok(())
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SignalName {
    type Error = InvalidSignalName;

    fn try_from(name: String) -> Result<Self, InvalidSignalName> {
        Self::check(&name)?;
        Ok(Self(name))
    }
}

impl FromStr for SignalName {
    type Err = InvalidSignalName;

    fn from_str(name: &str) -> Result<Self, InvalidSignalName> {
        Self::try_from(name.to_owned())
    }
}

impl From<SignalName> for String {
    fn from(name: SignalName) -> Self {
        name.0
    }
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of values a signal has; fixed by its first sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A finite number.
    Number,
    /// True or false.
    Boolean,
    /// A text.
    Text,
}

impl SignalKind {
    /// The word used in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }
}

/// How far a sample can be trusted, after OPC UA's three classes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Usable as it is.
    #[default]
    Good,
    /// Usable with care: out of the sensor's range, substituted, stale.
    Uncertain,
    /// Not usable: the sensor or the way to it is broken.
    Bad,
}

impl Quality {
    /// The code in the database: 0 good, 1 uncertain, 2 bad.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Good => 0,
            Self::Uncertain => 1,
            Self::Bad => 2,
        }
    }

    /// From the code in the database; what isn't known is `Bad`.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Good,
            1 => Self::Uncertain,
            _ => Self::Bad,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn names_have_rules() {
        assert!("spindle.temperature".parse::<SignalName>().is_ok());
        assert!("Öldruck [bar]".parse::<SignalName>().is_ok());
        assert_eq!("".parse::<SignalName>(), Err(InvalidSignalName::Empty));
        assert_eq!("x".repeat(257).parse::<SignalName>(), Err(InvalidSignalName::TooLong(257)));
        assert!("a\nb".parse::<SignalName>().is_err());
    }
}
