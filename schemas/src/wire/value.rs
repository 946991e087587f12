//! Values as they stand in a payload: read leniently, so that one at fault doesn't cost the
//! message, and judged afterwards.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::telemetry::SampleValue;
use crate::limits::INTEGER_MAX;

/// Signal name to value, in the order of the payload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values(pub Vec<(String, WireValue)>);

/// A value as it stands in a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum WireValue {
    /// Null: the signal has no value at this time.
    Null,
    /// A finite number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(String),
    /// Something no signal can have; why.
    Invalid(Cow<'static, str>),
}

impl From<SampleValue> for WireValue {
    fn from(value: SampleValue) -> Self {
        match value {
            SampleValue::Null => Self::Null,
            SampleValue::Number(number) => Self::Number(number),
            SampleValue::Boolean(value) => Self::Boolean(value),
            SampleValue::Text(text) => Self::Text(text),
        }
    }
}

impl Serialize for WireValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null | Self::Invalid(_) => serializer.serialize_unit(),
            // Whole numbers without ".0": shorter, and what other programs write.
            #[allow(clippy::cast_possible_truncation, reason = "the guard keeps it within 2^53")]
            Self::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => {
                serializer.serialize_i64(*n as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WireValueVisitor)
    }
}

struct WireValueVisitor;

impl WireValueVisitor {
    fn integer(magnitude: u64, value: f64, text: impl fmt::Display) -> WireValue {
        if magnitude <= INTEGER_MAX {
            WireValue::Number(value)
        } else {
            WireValue::Invalid(format!("integer {text} is beyond 2^53").into())
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "integers beyond 2^53 are refused")]
impl<'de> Visitor<'de> for WireValueVisitor {
    type Value = WireValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a boolean, a text or null")
    }

    fn visit_unit<E>(self) -> Result<WireValue, E> {
        Ok(WireValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<WireValue, E> {
        Ok(WireValue::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<WireValue, E> {
        Ok(Self::integer(value.unsigned_abs(), value as f64, value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<WireValue, E> {
        Ok(Self::integer(value, value as f64, value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<WireValue, E> {
        Ok(WireValue::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<WireValue, E> {
        Ok(WireValue::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<WireValue, E> {
        Ok(WireValue::Text(value))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<WireValue, A::Error> {
        while items.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(WireValue::Invalid("a list is not a value of a signal".into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<WireValue, A::Error> {
        while entries.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
        Ok(WireValue::Invalid("an object is not a value of a signal".into()))
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;
        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of signal names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Values, A::Error> {
                let mut values = Vec::with_capacity(entries.size_hint().unwrap_or(4).min(1024));
                while let Some(entry) = entries.next_entry()? {
                    values.push(entry);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_map(ValuesVisitor)
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "Values".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "propertyNames": { "minLength": 1, "maxLength": 256 },
            "additionalProperties": { "type": ["number", "boolean", "string", "null"] }
        })
    }
}
