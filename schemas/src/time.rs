//! Points in time: UTC, in microseconds since 1970.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A point in time, UTC, in microseconds since 1970-01-01. RFC 3339 in JSON.
///
/// Within the years 0001 to 9999; whatever is built from outside is clamped to that range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T08:30:00.123Z")]
pub struct Timestamp(i64);

const MIN_US: i64 = -62_135_596_800_000_000;
const MAX_US: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// From microseconds since 1970.
    #[must_use]
    pub fn from_micros(us: i64) -> Self {
        Self(us.clamp(MIN_US, MAX_US))
    }

    /// From milliseconds since 1970.
    #[must_use]
    pub fn from_millis(ms: i64) -> Self {
        Self::from_micros(ms.saturating_mul(1_000))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time and `us` microseconds more (less, when negative).
    #[must_use]
    pub fn plus_micros(self, us: i64) -> Self {
        Self::from_micros(self.0.saturating_add(us))
    }

    /// This time and `s` seconds more (less, when negative).
    #[must_use]
    pub fn plus_seconds(self, s: i64) -> Self {
        self.plus_micros(s.saturating_mul(1_000_000))
    }

    /// Microseconds from `earlier` to this time; negative when `earlier` is later.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As a chrono value.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// From a chrono value; finer than a microsecond is cut off.
    #[must_use]
    pub fn from_chrono(value: DateTime<Utc>) -> Self {
        Self::from_micros(value.timestamp_micros())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A text that isn't a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time such as 2026-11-22T08:30:00Z")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(value: &str) -> Result<Self, InvalidTimestamp> {
        DateTime::parse_from_rfc3339(value)
            .map(|time| Self::from_chrono(time.with_timezone(&Utc)))
            .map_err(|_| InvalidTimestamp(value.chars().take(64).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn is_rfc_3339_in_json_and_keeps_microseconds() {
        let time = Timestamp::from_micros(1_763_775_000_123_456);
        let json = serde_json::to_string(&time).expect("serialises");
        assert_eq!(json, "\"2025-11-22T01:30:00.123456Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("parses"), time);
    }

    #[test]
    fn absurd_input_is_clamped_not_wrapped() {
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).micros(), MIN_US);
    }
}
