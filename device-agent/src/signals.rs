//! Which signals may leave the machine: the operator's list.

use std::fmt;

use millwright_schemas::limits::TEXT_VALUE_MAX_BYTES;
use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, SignalName};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::driver::{Reading, Sample};

/// An entry of the list: a pattern, or a pattern with what the signals are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllowedSignals {
    /// A name in which `*` stands for any characters, also none and dots.
    pub pattern: String,
    /// Why they leave the machine; shown to the operator and the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Whether they say something about a person, such as who is signed in.
    pub personal: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    pattern: String,
    purpose: Option<String>,
    #[serde(default)]
    personal: bool,
}

impl<'de> Deserialize<'de> for AllowedSignals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = AllowedSignals;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern such as \"spindle.*\", or a table with `pattern`")
            }

            fn visit_str<E: de::Error>(self, pattern: &str) -> Result<AllowedSignals, E> {
                Ok(AllowedSignals { pattern: pattern.to_owned(), purpose: None, personal: false })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AllowedSignals, A::Error> {
                let Detailed { pattern, purpose, personal } =
                    Detailed::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(AllowedSignals { pattern, purpose, personal })
            }
        }
        deserializer.deserialize_any(EntryVisitor)
    }
}

/// Whether `name` is what `pattern` describes.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` is, and how much of the name it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && pattern[p] == name[n] {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Keeps of a reading what may leave; returns how many values were taken out. A value that
/// can't be sent (not a finite number, too long a text) becomes "no value", quality bad.
pub fn filter(allowed: &[AllowedSignals], reading: &mut Reading) -> u64 {
    let may_leave =
        |signal: &SignalName| allowed.iter().any(|entry| matches(&entry.pattern, signal.as_str()));
    let mut refused = 0;
    for sample in &mut reading.samples {
        let before = sample.values.len();
        sample.values.retain(|(signal, ..)| may_leave(signal));
        refused += (before - sample.values.len()) as u64;
        make_sendable(sample);
    }
    reading.samples.retain(|sample| !sample.values.is_empty());
    refused
}

fn make_sendable(sample: &mut Sample) {
    for (_, value, quality) in &mut sample.values {
        let sendable = match value {
            SampleValue::Number(number) => number.is_finite(),
            SampleValue::Text(text) => text.len() <= TEXT_VALUE_MAX_BYTES,
            SampleValue::Null | SampleValue::Boolean(_) => true,
        };
        if !sendable {
            *value = SampleValue::Null;
            *quality = Quality::Bad;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_schemas::Timestamp;

    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "anything.at.all", true),
            ("spindle.*", "spindle.temperature", true),
            ("spindle.*", "spindle.", true),
            ("spindle.*", "spindle", false),
            ("spindle.*", "a.spindle.b", false),
            ("*.temperature", "axis.x.temperature", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("**", "", true),
            ("a", "ab", false),
            ("ä*", "äö", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} on {name:?}");
        }
    }

    #[test]
    fn what_isnt_listed_stays_and_is_counted() {
        let value = |name: &str, value| (name.parse().unwrap(), value, Quality::Good);
        let sample = |values| Sample { ts: Timestamp::from_millis(1), values };
        let mut reading = Reading {
            samples: vec![
                sample(vec![
                    value("a.x", SampleValue::Number(f64::NAN)),
                    value("b", SampleValue::Null),
                ]),
                sample(vec![value("b", SampleValue::Null)]),
            ],
            ..Reading::default()
        };
        let allowed =
            [AllowedSignals { pattern: "a.*".to_owned(), purpose: None, personal: false }];
        assert_eq!(filter(&allowed, &mut reading), 2);
        assert_eq!(
            reading.samples,
            [sample(vec![("a.x".parse().unwrap(), SampleValue::Null, Quality::Bad)])]
        );
    }
}
