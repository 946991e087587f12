//! `up/telemetry`: samples.
//!
//! Three forms are understood: the agent's (`samples`), a simple device's with one sample
//! (`{"ts":…,"values":{…}}`), and a flat object of values. All decode to [`Telemetry`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::value::{Values, WireValue};
use super::{WireError, check_size};
use crate::ids::OutboxId;
use crate::limits::{INTEGER_MAX, SAMPLES_PER_MESSAGE_MAX, TEXT_VALUE_MAX_BYTES};
use crate::signal::{Quality, SignalKind, SignalName};
use crate::time::Timestamp;

/// A message of samples, as the agent writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryMessage {
    /// The store on the machine that the message waited in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxId>,
    /// Counts messages of this outbox on this topic, without gaps, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Unix milliseconds: nothing older will come from this outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through_ts: Option<i64>,
    /// The samples, oldest first.
    pub samples: Vec<SampleMessage>,
}

/// Values of several signals at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleMessage {
    /// Unix milliseconds of the machine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<i64>,
    /// Unix microseconds, instead of `ts`, where milliseconds are too coarse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts_us: Option<i64>,
    /// Signal name to number, boolean, text or null (the signal has no value now).
    pub values: Values,
    /// Signal name to quality, for signals that aren't `good`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quality: BTreeMap<String, Quality>,
}

/// A value of a signal, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// The signal has no value at this time.
    Null,
    /// A finite number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A text of at most [`TEXT_VALUE_MAX_BYTES`].
    Text(String),
}

impl SampleValue {
    /// The kind of signal that has such values; `None` for null, which fits every kind.
    #[must_use]
    pub const fn kind(&self) -> Option<SignalKind> {
        match self {
            Self::Null => None,
            Self::Number(_) => Some(SignalKind::Number),
            Self::Boolean(_) => Some(SignalKind::Boolean),
            Self::Text(_) => Some(SignalKind::Text),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Number(number) => (*number).into(),
            Self::Boolean(value) => (*value).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}

/// One value of one signal at one time, checked but for its time and the signal's kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Device time; `None`: the device has no clock, the receive time counts.
    pub ts: Option<Timestamp>,
    /// The signal.
    pub signal: String,
    /// Its value.
    pub value: SampleValue,
    /// Its quality.
    pub quality: Quality,
}

/// A decoded message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Telemetry {
    /// The sender's outbox, if it has one.
    pub outbox: Option<OutboxId>,
    /// The message's number in that outbox.
    pub seq: Option<u64>,
    /// Nothing older than this will come.
    pub through_ts: Option<Timestamp>,
    /// The good values, in the order of the payload.
    pub points: Vec<Point>,
    /// The values at fault.
    pub rejected: Vec<RejectedValue>,
}

/// A value that can't be stored, with its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedValue {
    /// Device time, if the sample had one.
    pub ts: Option<Timestamp>,
    /// The signal's name as received, cut to 256 characters.
    pub signal: String,
    /// A short stable code: `invalid_name`, `invalid_value`.
    pub code: &'static str,
    /// What is wrong, with the value.
    pub reason: String,
}

/// Decodes a payload of `up/telemetry`.
///
/// # Errors
/// What makes the payload as a whole unusable.
pub fn decode(payload: &[u8]) -> Result<Telemetry, WireError> {
    check_size(payload)?;
    // The agent's form is nearly all of the traffic: one typed pass. Anything else is told apart
    // on a second, slower one, which also finds the better error text.
    match serde_json::from_slice::<TelemetryMessage>(payload) {
        Ok(message) => check(message),
        Err(error) => decode_other_form(payload, &error),
    }
}

fn decode_other_form(payload: &[u8], typed: &serde_json::Error) -> Result<Telemetry, WireError> {
    let value: FlatObject =
        serde_json::from_slice(payload).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => WireError::Form(error.to_string()),
            _ => WireError::Json(error.to_string()),
        })?;
    if value.has("samples") {
        return Err(WireError::Form(typed.to_string()));
    }
    if value.has("values") {
        let sample: SampleMessage =
            serde_json::from_slice(payload).map_err(|error| WireError::Form(error.to_string()))?;
        return check(TelemetryMessage {
            outbox: None,
            seq: None,
            through_ts: None,
            samples: vec![sample],
        });
    }
    check(TelemetryMessage {
        outbox: None,
        seq: None,
        through_ts: None,
        samples: vec![value.into_sample()?],
    })
}

fn check(message: TelemetryMessage) -> Result<Telemetry, WireError> {
    if message.samples.len() > SAMPLES_PER_MESSAGE_MAX {
        return Err(WireError::field(
            "samples",
            format!("{} samples, more than {SAMPLES_PER_MESSAGE_MAX}", message.samples.len()),
        ));
    }
    if message.seq.is_some() != message.outbox.is_some() {
        return Err(WireError::field("seq", "outbox and seq go together: give both or neither"));
    }
    if let Some(seq) = message.seq
        && !(1..=INTEGER_MAX).contains(&seq)
    {
        return Err(WireError::field("seq", format!("{seq} is not between 1 and 2^53")));
    }
    let mut telemetry = Telemetry {
        outbox: message.outbox,
        seq: message.seq,
        through_ts: message.through_ts.map(Timestamp::from_millis),
        points: Vec::with_capacity(message.samples.iter().map(|s| s.values.0.len()).sum()),
        rejected: Vec::new(),
    };
    for (index, sample) in message.samples.into_iter().enumerate() {
        check_sample(index, sample, &mut telemetry)?;
    }
    Ok(telemetry)
}

fn check_sample(
    index: usize,
    sample: SampleMessage,
    telemetry: &mut Telemetry,
) -> Result<(), WireError> {
    let ts = match (sample.ts, sample.ts_us) {
        (Some(_), Some(_)) => {
            return Err(WireError::field(format!("samples[{index}]"), "has both ts and ts_us"));
        }
        (Some(ms), None) => Some(Timestamp::from_millis(ms)),
        (None, Some(us)) => Some(Timestamp::from_micros(us)),
        (None, None) => None,
    };
    for (signal, value) in sample.values.0 {
        let quality = sample.quality.get(&signal).copied().unwrap_or_default();
        match check_value(&signal, value) {
            Ok(value) => telemetry.points.push(Point { ts, signal, value, quality }),
            Err((code, reason)) => telemetry.rejected.push(RejectedValue {
                ts,
                signal: signal.chars().take(256).collect(),
                code,
                reason,
            }),
        }
    }
    Ok(())
}

fn check_value(signal: &str, value: WireValue) -> Result<SampleValue, (&'static str, String)> {
    SignalName::check(signal).map_err(|error| ("invalid_name", error.to_string()))?;
    match value {
        WireValue::Null => Ok(SampleValue::Null),
        WireValue::Boolean(value) => Ok(SampleValue::Boolean(value)),
        WireValue::Number(number) if number.is_finite() => Ok(SampleValue::Number(number)),
        WireValue::Number(number) => Err(("invalid_value", format!("{number} is not finite"))),
        WireValue::Text(text) if text.len() <= TEXT_VALUE_MAX_BYTES => Ok(SampleValue::Text(text)),
        WireValue::Text(text) => Err((
            "invalid_value",
            format!("text has {} bytes, more than {TEXT_VALUE_MAX_BYTES}", text.len()),
        )),
        WireValue::Invalid(reason) => Err(("invalid_value", reason.into_owned())),
    }
}

/// An object of unknown form, with its keys in order.
#[derive(Deserialize)]
#[serde(transparent)]
struct FlatObject(Values);

impl FlatObject {
    fn has(&self, key: &str) -> bool {
        self.0.0.iter().any(|(name, _)| name == key)
    }

    /// `ts` and `ts_us` are the time; every other key is a signal.
    fn into_sample(self) -> Result<SampleMessage, WireError> {
        let mut sample = SampleMessage {
            ts: None,
            ts_us: None,
            values: Values::default(),
            quality: BTreeMap::new(),
        };
        for (name, value) in self.0.0 {
            match name.as_str() {
                "ts" => sample.ts = Some(flat_time(&name, &value)?),
                "ts_us" => sample.ts_us = Some(flat_time(&name, &value)?),
                _ => sample.values.0.push((name, value)),
            }
        }
        Ok(sample)
    }
}

fn flat_time(name: &str, value: &WireValue) -> Result<i64, WireError> {
    match value {
        #[allow(clippy::cast_possible_truncation, reason = "the guard keeps it an exact integer")]
        WireValue::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => {
            Ok(*n as i64)
        }
        other => Err(WireError::field(name, format!("{other:?} is not an integer Unix time"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn points(payload: &str) -> Vec<Point> {
        decode(payload.as_bytes()).expect("decodes").points
    }

    #[test]
    fn the_three_forms_mean_the_same() {
        let full = points(r#"{"samples":[{"ts":1763775000123,"values":{"a":1.5,"b":true}}]}"#);
        let simple = points(r#"{"ts":1763775000123,"values":{"a":1.5,"b":true}}"#);
        let flat = points(r#"{"ts":1763775000123,"a":1.5,"b":true}"#);
        assert_eq!(full, simple);
        assert_eq!(full, flat);
        assert_eq!(full.len(), 2);
    }

    #[test]
    fn a_value_at_fault_leaves_the_others() {
        let decoded = decode(br#"{"a":1,"b":[1],"c":{"x":1},"d":9007199254740993,"":2,"e":null}"#)
            .expect("decodes");
        let good: Vec<_> = decoded.points.iter().map(|point| point.signal.as_str()).collect();
        assert_eq!(good, ["a", "e"]);
        assert_eq!(decoded.rejected.len(), 4);
        assert_eq!(decoded.rejected[3].code, "invalid_name");
    }

    #[test]
    fn a_payload_at_fault_says_why() {
        for (payload, code) in [
            ("", "broken_json"),
            ("{", "broken_json"),
            ("\u{feff}{}", "broken_json"),
            ("{\"a\":NaN}", "broken_json"),
            ("{\"a\":1e999}", "broken_json"),
            ("[1,2]", "unknown_form"),
            ("12", "unknown_form"),
            ("{\"samples\":{}}", "unknown_form"),
            ("{\"samples\":[],\"surprise\":1}", "unknown_form"),
            ("{\"values\":[]}", "unknown_form"),
            ("{\"ts\":\"now\",\"a\":1}", "invalid_field"),
            ("{\"ts\":1.5,\"a\":1}", "invalid_field"),
            ("{\"samples\":[],\"seq\":1}", "invalid_field"),
            ("{\"samples\":[{\"ts\":1,\"ts_us\":1,\"values\":{}}]}", "invalid_field"),
        ] {
            let error = decode(payload.as_bytes()).expect_err(payload);
            assert_eq!(error.code(), code, "{payload}: {error}");
        }
        assert_eq!(decode(&vec![b' '; 256 * 1024 + 1]).expect_err("long").code(), "too_large");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(payload: Vec<u8>) {
            let _ = decode(&payload);
        }

        #[test]
        fn what_the_agent_writes_is_read_back(
            ts in 0i64..4_000_000_000_000,
            numbers in proptest::collection::vec(proptest::num::f64::NORMAL, 1..20),
        ) {
            let values = numbers.iter().enumerate()
                .map(|(i, n)| (format!("s{i}"), WireValue::Number(*n))).collect();
            let message = TelemetryMessage {
                outbox: None, seq: None, through_ts: None,
                samples: vec![SampleMessage {
                    ts: Some(ts), ts_us: None, values: Values(values), quality: BTreeMap::new(),
                }],
            };
            let json = serde_json::to_vec(&message).expect("serialises");
            let decoded = decode(&json).expect("decodes");
            proptest::prop_assert!(decoded.rejected.is_empty());
            let read: Vec<f64> = decoded.points.iter().map(|point| match point.value {
                SampleValue::Number(n) => n,
                _ => f64::NAN,
            }).collect();
            proptest::prop_assert_eq!(read, numbers);
        }
    }
}
