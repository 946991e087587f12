//! Turning samples into payloads of `up/telemetry`.

use std::collections::BTreeMap;

use millwright_schemas::wire::telemetry::{SampleMessage, SampleValue, Values, WireValue};
use millwright_schemas::{OutboxId, Quality, SignalName, Timestamp};

use super::OutboxError;
use crate::limits::TELEMETRY_MESSAGE_BYTES;
use crate::rules::Point;

/// Values that share one time, which is already strictly increasing for each of them.
#[derive(Debug)]
pub(super) struct StampedSample {
    ts: Timestamp,
    values: Vec<(SignalName, SampleValue, Quality)>,
}

/// A sample as it stands in a message.
#[derive(Debug)]
pub(super) struct Encoded {
    json: String,
    sample: StampedSample,
}

impl Encoded {
    /// Its values.
    pub(super) fn points(&self) -> impl Iterator<Item = Point<'_>> {
        let StampedSample { ts, values } = &self.sample;
        values.iter().map(|(signal, value, quality)| Point {
            ts: *ts,
            signal: signal.as_str(),
            value,
            quality: *quality,
        })
    }
}

/// Groups values of one sample by the time each of them got.
pub(super) fn group(
    stamped: impl IntoIterator<Item = (Timestamp, (SignalName, SampleValue, Quality))>,
) -> Vec<StampedSample> {
    let mut groups: BTreeMap<Timestamp, StampedSample> = BTreeMap::new();
    for (ts, value) in stamped {
        groups
            .entry(ts)
            .or_insert_with(|| StampedSample { ts, values: Vec::new() })
            .values
            .push(value);
    }
    groups.into_values().collect()
}

/// Encodes samples, each small enough for a message; a larger one becomes several with the same
/// time.
pub(super) fn encode_samples(samples: Vec<StampedSample>) -> Result<Vec<Encoded>, OutboxError> {
    let mut encoded = Vec::with_capacity(samples.len());
    let mut open: Vec<StampedSample> = samples.into_iter().rev().collect();
    while let Some(mut sample) = open.pop() {
        let json = encode_sample(&sample)?;
        if json.len() <= TELEMETRY_MESSAGE_BYTES || sample.values.len() < 2 {
            encoded.push(Encoded { json, sample });
        } else {
            let second = sample.values.split_off(sample.values.len() / 2);
            open.push(StampedSample { ts: sample.ts, values: second });
            open.push(sample);
        }
    }
    Ok(encoded)
}

fn encode_sample(sample: &StampedSample) -> Result<String, OutboxError> {
    let us = sample.ts.micros();
    let (ts, ts_us) =
        if us % 1_000 == 0 { (Some(sample.ts.millis()), None) } else { (None, Some(us)) };
    let mut values = Vec::with_capacity(sample.values.len());
    let mut quality = BTreeMap::new();
    for (signal, value, own) in &sample.values {
        if *own != Quality::Good {
            quality.insert(signal.as_str().to_owned(), *own);
        }
        values.push((signal.as_str().to_owned(), WireValue::from(value.clone())));
    }
    let message = SampleMessage { ts, ts_us, values: Values(values), quality };
    serde_json::to_string(&message).map_err(|error| OutboxError::Corrupt(error.to_string()))
}

/// Packs encoded samples into as few messages as count and size allow, in order.
pub(super) fn pack(samples: Vec<Encoded>, per_message: usize) -> Vec<Vec<Encoded>> {
    let mut messages: Vec<Vec<Encoded>> = Vec::new();
    let mut bytes = 0;
    for sample in samples {
        let fits = messages.last().is_some_and(|message| {
            message.len() < per_message && bytes + sample.json.len() <= TELEMETRY_MESSAGE_BYTES
        });
        if fits && let Some(message) = messages.last_mut() {
            bytes += sample.json.len();
            message.push(sample);
        } else {
            bytes = sample.json.len();
            messages.push(vec![sample]);
        }
    }
    messages
}

/// A whole payload. Written by hand around the samples, which are encoded once and only then
/// known to fit; the tests read it back through the wire types.
pub(super) fn encode(
    outbox: OutboxId,
    seq: u64,
    through: Option<Timestamp>,
    samples: &[Encoded],
) -> Vec<u8> {
    let through = through.map(|ts| format!("\"through_ts\":{},", ts.millis())).unwrap_or_default();
    let samples: Vec<&str> = samples.iter().map(|sample| sample.json.as_str()).collect();
    let samples = samples.join(",");
    format!("{{\"outbox\":\"{outbox}\",\"seq\":{seq},{through}\"samples\":[{samples}]}}")
        .into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_schemas::wire::telemetry::decode;
    use proptest::prelude::*;

    use super::*;

    fn value(signal: &str, value: SampleValue) -> (SignalName, SampleValue, Quality) {
        (signal.parse().unwrap(), value, Quality::Good)
    }

    #[test]
    fn a_payload_reads_back_with_times_and_qualities() {
        let ms = Timestamp::from_millis(1_763_775_000_123);
        let (name, number, _) = value("a", SampleValue::Number(1.5));
        let samples = encode_samples(group([
            (ms, (name.clone(), number, Quality::Uncertain)),
            (ms, value("t \"x\"", SampleValue::Text("é\"\n".to_owned()))),
            (ms.plus_micros(1), (name, SampleValue::Null, Quality::Bad)),
        ]))
        .unwrap();
        let outbox = OutboxId(uuid::Uuid::from_u128(7));
        let decoded = decode(&encode(outbox, 3, Some(ms), &samples)).unwrap();
        assert_eq!((decoded.outbox, decoded.seq), (Some(outbox), Some(3)));
        assert_eq!(decoded.through_ts, Some(ms));
        assert!(decoded.rejected.is_empty());
        let points: Vec<_> =
            decoded.points.iter().map(|p| (p.ts.unwrap(), p.signal.as_str(), p.quality)).collect();
        assert_eq!(
            points,
            [
                (ms, "a", Quality::Uncertain),
                (ms, "t \"x\"", Quality::Good),
                (ms.plus_micros(1), "a", Quality::Bad),
            ]
        );
    }

    proptest! {
        #[test]
        fn every_message_is_within_its_bounds(
            sizes in proptest::collection::vec(1usize..3_000, 1..200),
            per_message in 1usize..50,
        ) {
            let ts = Timestamp::from_millis(1);
            let values = sizes.iter().enumerate().map(|(i, size)| {
                (ts, value(&format!("s{i}"), SampleValue::Text("x".repeat(*size))))
            });
            let samples = encode_samples(group(values)).unwrap();
            let messages = pack(samples, per_message);
            let mut seen = 0;
            for message in &messages {
                prop_assert!(message.len() <= per_message);
                let payload = encode(OutboxId(uuid::Uuid::nil()), 1, None, message);
                prop_assert!(payload.len() <= TELEMETRY_MESSAGE_BYTES + 1_024);
                seen += decode(&payload).unwrap().points.len();
            }
            prop_assert_eq!(seen, sizes.len());
        }
    }
}
