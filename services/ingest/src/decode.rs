//! From a payload to what can be planned. Everything that would differ when it is done twice
//! (receive times, random ids) is fixed here, so that a batch can be written again.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use millwright_schemas::limits::{EARLIEST_DEVICE_TIME_US, FUTURE_TOLERANCE_US};
use millwright_schemas::topics::UpChannel;
use millwright_schemas::wire::events::{self, Event, FaultEvent};
use millwright_schemas::wire::report::Report;
use millwright_schemas::wire::telemetry::{self, Point, RejectedValue};
use millwright_schemas::{EventId, OutboxId, Timestamp};
use millwright_store::telemetry::streams::StreamTopic;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::ReceiveClock;
use crate::intake::{Held, Uplink};
use crate::text::without_nul;

/// A message, decoded. Holds its share of the intake until it is dropped.
#[derive(Debug)]
pub(crate) struct Message {
    held: Held,
    /// Its place in a counted stream.
    pub(crate) stream: Option<(OutboxId, StreamTopic, u64)>,
    /// Nothing older will come.
    pub(crate) through_ts: Option<i64>,
    /// The newest time by the machine's clock that it tells, if it tells of now: an event may be of any time.
    pub(crate) told_ts: Option<i64>,
    /// The machine's clock less ours, as far as the message tells.
    pub(crate) clock_offset_us: Option<i64>,
    /// What it says.
    pub(crate) body: Body,
}

/// What a message says.
#[derive(Debug)]
pub(crate) enum Body {
    /// Samples; every point has a time. `timed`: places of those that came without one, in order; theirs is
    /// ours.
    Samples { points: Vec<Point>, timed: Vec<usize>, rejected: Vec<RejectedValue> },
    /// An event.
    Event(Box<Reported>),
    /// Nothing that can be stored.
    Unusable { code: &'static str, reason: String },
}

/// An event with its id and time.
#[derive(Debug)]
pub(crate) struct Reported {
    pub(crate) id: EventId,
    pub(crate) ts: Timestamp,
    /// Whether `ts` is the machine's, not ours.
    pub(crate) ts_is_device_time: bool,
    pub(crate) event_type: String,
    /// As JSON.
    pub(crate) data: String,
    pub(crate) fault: Option<FaultEvent>,
    pub(crate) report: Option<Report>,
}

impl Message {
    /// Decodes what was received.
    pub(crate) fn decode(held: Held, clock: &mut ReceiveClock) -> Self {
        let uplink = &held.uplink;
        let decoded = catch_unwind(AssertUnwindSafe(|| decode_body(uplink, clock)));
        let decoded = decoded.unwrap_or_else(|_| {
            tracing::error!(machine.id = %uplink.machine, "a payload made the decoder panic");
            Decoded::unusable("decoder_failed", "the decoder failed on it".to_owned())
        });
        let Decoded { stream, through_ts, told_ts, clock_offset_us, body } = decoded;
        Self { held, stream, through_ts, told_ts, clock_offset_us, body }
    }

    /// The message as received.
    pub(crate) const fn uplink(&self) -> &Uplink {
        &self.held.uplink
    }

    /// How many values it holds, for the size of a batch.
    pub(crate) const fn values(&self) -> usize {
        match &self.body {
            Body::Samples { points, .. } => points.len(),
            Body::Event(_) | Body::Unusable { .. } => 1,
        }
    }

    /// Times of its values, in microseconds.
    pub(crate) fn times(&self) -> impl Iterator<Item = i64> {
        let points = match &self.body {
            Body::Samples { points, .. } => points.as_slice(),
            Body::Event(_) | Body::Unusable { .. } => &[],
        };
        points.iter().filter_map(|point| point.ts).map(Timestamp::micros)
    }

    /// Gives up on what it says: it goes to quarantine as a whole. Its place in its stream stays.
    pub(crate) fn refuse(&mut self, code: &'static str, reason: String) {
        self.body = Body::Unusable { code, reason };
    }
}

/// Decodes a payload and forgets it: for tests that must see a panic, which `Message::decode`
/// would turn into an entry of the quarantine.
pub fn decode_only(uplink: &Uplink) {
    let Decoded { body, .. } = decode_body(uplink, &mut ReceiveClock::default());
    drop(body);
}

struct Decoded {
    stream: Option<(OutboxId, StreamTopic, u64)>,
    through_ts: Option<i64>,
    told_ts: Option<i64>,
    clock_offset_us: Option<i64>,
    body: Body,
}

impl Decoded {
    const fn unusable(code: &'static str, reason: String) -> Self {
        let body = Body::Unusable { code, reason };
        Self { stream: None, through_ts: None, told_ts: None, clock_offset_us: None, body }
    }
}

fn decode_body(uplink: &Uplink, clock: &mut ReceiveClock) -> Decoded {
    match &uplink.channel {
        UpChannel::Telemetry => match telemetry::decode(&without_nul(&uplink.payload)) {
            Ok(samples) => decode_samples(uplink, samples, clock),
            Err(error) => Decoded::unusable(error.code(), error.to_string()),
        },
        UpChannel::Events => match events::decode(&without_nul(&uplink.payload)) {
            Ok(event) => decode_event(uplink, event, clock),
            Err(error) => Decoded::unusable(error.code(), error.to_string()),
        },
        UpChannel::Other(name) => {
            let reason = format!("up/{name} is not a channel that this version knows");
            Decoded::unusable("unknown_channel", reason)
        }
    }
}

fn decode_samples(
    uplink: &Uplink,
    samples: telemetry::Telemetry,
    clock: &mut ReceiveClock,
) -> Decoded {
    let telemetry::Telemetry { outbox, seq, through_ts, mut points, mut rejected } = samples;
    let newest = points
        .iter()
        .filter_map(|point| point.ts)
        .chain(rejected.iter().filter_map(|value| value.ts))
        .chain(through_ts)
        .max();
    reject_absurd_times(&mut points, &mut rejected, uplink.received_at);
    let through_ts = through_ts.filter(|ts| {
        let believed = is_believable(*ts, uplink.received_at);
        if !believed {
            rejected.push(out_of_range("through_ts", *ts, uplink.received_at));
        }
        believed
    });
    let told_ts = points.iter().filter_map(|point| point.ts).chain(through_ts).max();
    let timed = fill_times(&mut points, uplink, clock);
    Decoded {
        stream: outbox.zip(seq).map(|(outbox, seq)| (outbox, StreamTopic::Telemetry, seq)),
        through_ts: through_ts.map(Timestamp::micros),
        told_ts: told_ts.map(Timestamp::micros),
        clock_offset_us: newest.map(|ts| ts.micros_since(uplink.received_at)),
        body: Body::Samples { points, timed, rejected },
    }
}

/// Whether a device time can be meant.
fn is_believable(ts: Timestamp, received_at: Timestamp) -> bool {
    ts.micros() >= EARLIEST_DEVICE_TIME_US && ts.micros_since(received_at) <= FUTURE_TOLERANCE_US
}

fn out_of_range(signal: &str, ts: Timestamp, received_at: Timestamp) -> RejectedValue {
    let reason = if ts > received_at {
        format!("time {ts} is more than a day ahead of its receipt")
    } else {
        format!("time {ts} is before the year 2000")
    };
    let (signal, code) = (signal.to_owned(), "time_out_of_range");
    RejectedValue { ts: Some(ts), signal, code, reason }
}

fn reject_absurd_times(
    points: &mut Vec<Point>,
    rejected: &mut Vec<RejectedValue>,
    received_at: Timestamp,
) {
    points.retain(|point| match point.ts {
        Some(ts) if !is_believable(ts, received_at) => {
            rejected.push(out_of_range(&point.signal, ts, received_at));
            false
        }
        _ => true,
    });
}

/// Points without a time get the receive time; a signal that comes again within the message
/// starts a new, later time. The places of these points.
fn fill_times(points: &mut [Point], uplink: &Uplink, clock: &mut ReceiveClock) -> Vec<usize> {
    let mut now = None;
    let mut timed = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for (place, point) in points.iter_mut().enumerate().filter(|(_, point)| point.ts.is_none()) {
        let again = seen.contains(&point.signal);
        if again {
            seen.clear();
        }
        if now.is_none() || again {
            now = Some(clock.next(uplink.machine, uplink.received_at));
        }
        seen.insert(point.signal.clone());
        point.ts = now;
        timed.push(place);
    }
    timed
}

/// No event goes to quarantine for its time: faults must alarm, and a machine whose clock is
/// unset asks for the time by an event. It is stored with the receive time and keeps the one that
/// it reported in its data.
fn decode_event(uplink: &Uplink, event: Event, clock: &mut ReceiveClock) -> Decoded {
    let Event { id, outbox, seq, ts, event_type, mut data, fault, report } = event;
    let believed = ts.filter(|ts| is_believable(*ts, uplink.received_at));
    if let Some(reported) = ts
        && believed.is_none()
    {
        data.insert("reported_ts".to_owned(), reported.millis().into());
    }
    let id = id.unwrap_or_else(|| EventId(own_id(uplink, ts)));
    let reported = Reported {
        id,
        ts: believed.unwrap_or_else(|| clock.next(uplink.machine, uplink.received_at)),
        ts_is_device_time: believed.is_some(),
        event_type: event_type.as_str().to_owned(),
        data: Value::Object(data).to_string(),
        fault,
        report,
    };
    Decoded {
        stream: outbox.zip(seq).map(|(outbox, seq)| (outbox, StreamTopic::Events, seq)),
        through_ts: None,
        told_ts: None,
        clock_offset_us: ts.map(|ts| ts.micros_since(uplink.received_at)),
        body: Body::Event(Box::new(reported)),
    }
}

/// The id of an event without one. With a time, the same payload is the same event; without,
/// nobody can tell a repetition from a second event.
fn own_id(uplink: &Uplink, ts: Option<Timestamp>) -> Uuid {
    match ts {
        Some(_) => Uuid::new_v5(&uplink.machine.uuid(), &uplink.payload),
        None => Uuid::now_v7(),
    }
}
