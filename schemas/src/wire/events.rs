//! `up/events`: faults, results of commands, the agent's own events.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::fault::{
    FaultCleared, FaultRaised, FaultSnapshot, Severity, check_fault, is_fault_code,
};
use super::fault::{check_key, cut};
use super::report::{self, Report};
use super::{WireError, check_size};
use crate::ids::{EventId, OutboxId};
use crate::limits::{EVENT_TYPE_MAX_BYTES, INTEGER_MAX, SNAPSHOT_FAULTS_MAX};
use crate::time::Timestamp;

/// An event, as the agent writes it. Simple devices may leave out all but `type` and `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventMessage {
    /// Unique for the machine; the same event sent again has the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// The store on the machine that the message waited in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxId>,
    /// Counts messages of this outbox on this topic, without gaps, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Unix milliseconds of the machine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<i64>,
    /// What happened, such as `fault.raised`.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Details, as the type says.
    #[serde(default)]
    pub data: Map<String, Value>,
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a machine reports. Types unknown to this version are kept by name.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $name,)*
            /// Of a newer agent or another vendor.
            Other(String),
        }

        impl EventType {
            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(name) => name,
                }
            }

            /// The types that this version knows.
            pub const KNOWN: &'static [&'static str] = &[$($text,)*];

            fn known(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    /// A fault is active from now on.
    FaultRaised = "fault.raised",
    /// A fault is over.
    FaultCleared = "fault.cleared",
    /// All faults that are active now; sent after each connect.
    FaultSnapshot = "fault.snapshot",
    /// The agent has a command in its ledger.
    CommandReceived = "command.received",
    /// The agent refuses a command.
    CommandRejected = "command.rejected",
    /// A command waits for consent on site.
    CommandAwaitingConsent = "command.awaiting_consent",
    /// A command runs.
    CommandStarted = "command.started",
    /// Output of a running command.
    CommandProgress = "command.progress",
    /// A command ended well.
    CommandSucceeded = "command.succeeded",
    /// A command ended badly.
    CommandFailed = "command.failed",
    /// A command was stopped at its deadline.
    CommandTimedOut = "command.timed_out",
    /// A command was canceled.
    CommandCanceled = "command.canceled",
    /// The agent was killed while a command ran; its outcome is unknown.
    CommandInterrupted = "command.interrupted",
    /// The agent has started.
    AgentStarted = "agent.started",
    /// The agent is about to stop.
    AgentStopping = "agent.stopping",
    /// What the agent can do.
    AgentCapabilities = "agent.capabilities",
    /// The operator agreed.
    ConsentGranted = "consent.granted",
    /// The operator refused.
    ConsentRefused = "consent.refused",
    /// The operator ended it.
    ConsentWithdrawn = "consent.withdrawn",
    /// The operator asks for help.
    HelpRequested = "help.requested",
    /// The agent asks for a signed time.
    TimeRequested = "time.requested",
    /// The agent had to drop messages.
    OutboxDropped = "outbox.dropped",
    /// The agent watches by the rules that it was given.
    RulesApplied = "rules.applied",
    /// The agent's own watching has found something. It raises nothing on the platform.
    AlarmLocal = "alarm.local",
}

impl EventType {
    /// Whether it is about faults: such an event is never quarantined for its time.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(self, Self::FaultRaised | Self::FaultCleared | Self::FaultSnapshot)
    }

    /// Parses a type: lower-case words joined by dots.
    ///
    /// # Errors
    /// The rule that is broken, with the value.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some(known) = Self::known(name) {
            return Ok(known);
        }
        let word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if name.len() <= EVENT_TYPE_MAX_BYTES && name.contains('.') && name.split('.').all(word) {
            Ok(Self::Other(name.to_owned()))
        } else {
            let shown: String = name.chars().take(80).collect();
            Err(format!("event type {shown:?} is not of the form word.word in lower case"))
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EventType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9_]+(\\.[a-z0-9_]+)+$",
            "maxLength": EVENT_TYPE_MAX_BYTES,
            "examples": Self::KNOWN,
        })
    }
}

/// Data of `outbox.dropped`: messages that had to go so that newer ones fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutboxDropped {
    /// `telemetry` or `events`.
    pub topic: String,
    /// First sequence number that is gone.
    pub from_seq: u64,
    /// Last sequence number that is gone.
    pub to_seq: u64,
    /// How many messages are gone.
    pub messages: u64,
    /// Why: `full` or `disk_full`.
    pub reason: String,
}

/// What a fault event says, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultEvent {
    /// A fault is active.
    Raised(FaultRaised),
    /// A fault is over.
    Cleared(FaultCleared),
    /// All that is active.
    Snapshot(FaultSnapshot),
}

/// A decoded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Given by the sender, or `None` for a simple device.
    pub id: Option<EventId>,
    /// The sender's outbox, if it has one.
    pub outbox: Option<OutboxId>,
    /// The message's number in that outbox.
    pub seq: Option<u64>,
    /// Device time.
    pub ts: Option<Timestamp>,
    /// What happened.
    pub event_type: EventType,
    /// Details as received.
    pub data: Map<String, Value>,
    /// The fault, when it is one.
    pub fault: Option<FaultEvent>,
    /// What it asks of the platform, when it does.
    pub report: Option<Report>,
}

/// As received: a time that isn't one must not cost the event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Received {
    #[serde(default)]
    id: Option<EventId>,
    #[serde(default)]
    outbox: Option<OutboxId>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    ts: Value,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(default)]
    data: Map<String, Value>,
}

/// Decodes a payload of `up/events`. A `ts` that is no integer is kept as `reported_ts` in the
/// data, and the event has no device time.
///
/// # Errors
/// What makes the event unusable.
pub fn decode(payload: &[u8]) -> Result<Event, WireError> {
    check_size(payload)?;
    let mut received: Received =
        serde_json::from_slice(payload).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => WireError::Form(error.to_string()),
            _ => WireError::Json(error.to_string()),
        })?;
    if received.seq.is_some() != received.outbox.is_some() {
        return Err(WireError::field("seq", "outbox and seq go together: give both or neither"));
    }
    if let Some(seq) = received.seq
        && !(1..=INTEGER_MAX).contains(&seq)
    {
        return Err(WireError::field("seq", format!("{seq} is not between 1 and 2^53")));
    }
    let ts = received.ts.as_i64().map(Timestamp::from_millis);
    if ts.is_none() && !received.ts.is_null() {
        received.data.insert("reported_ts".to_owned(), received.ts);
    }
    let fault = decode_fault(&received.event_type, &received.data)?;
    let report = report::decode(&received.event_type, &received.data)?;
    Ok(Event {
        id: received.id,
        outbox: received.outbox,
        seq: received.seq,
        ts,
        event_type: received.event_type,
        data: received.data,
        fault,
        report,
    })
}

fn decode_fault(
    event_type: &EventType,
    data: &Map<String, Value>,
) -> Result<Option<FaultEvent>, WireError> {
    let data = || Value::Object(data.clone());
    let form = |error: serde_json::Error| WireError::field("data", error.to_string());
    let fault = match event_type {
        EventType::FaultRaised => {
            let mut fault: FaultRaised = serde_json::from_value(data()).map_err(form)?;
            cut(&mut fault.message);
            check_fault("data", &fault)?;
            FaultEvent::Raised(fault)
        }
        EventType::FaultCleared => {
            let fault: FaultCleared = serde_json::from_value(data()).map_err(form)?;
            check_key("data.code", &fault.code, 1)?;
            check_key("data.source", &fault.source, 0)?;
            FaultEvent::Cleared(fault)
        }
        EventType::FaultSnapshot => {
            let mut snapshot: FaultSnapshot = serde_json::from_value(data()).map_err(form)?;
            if snapshot.faults.len() > SNAPSHOT_FAULTS_MAX {
                return Err(WireError::field(
                    "data.faults",
                    format!("{} faults, more than {SNAPSHOT_FAULTS_MAX}", snapshot.faults.len()),
                ));
            }
            for (index, fault) in snapshot.faults.iter_mut().enumerate() {
                cut(&mut fault.message);
                check_fault(&format!("data.faults[{index}]"), fault)?;
            }
            FaultEvent::Snapshot(snapshot)
        }
        _ => return Ok(None),
    };
    Ok(Some(fault))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_severity_is_indeterminate_not_an_error() {
        for severity in ["\"catastrophic\"", "7", "null"] {
            let payload = format!(
                r#"{{"type":"fault.raised","data":{{"code":"E-1","severity":{severity}}}}}"#
            );
            let event = decode(payload.as_bytes()).expect("decodes");
            let Some(FaultEvent::Raised(fault)) = event.fault else { panic!("a fault") };
            assert_eq!(fault.severity, Severity::Indeterminate);
        }
    }

    #[test]
    fn a_fault_survives_deviations_of_form() {
        for ts in ["1763775000.5", "\"2025-11-22T01:30:00Z\"", "\"1763775000123\"", "true"] {
            let payload = format!(r#"{{"type":"fault.raised","ts":{ts},"data":{{"code":"E-1"}}}}"#);
            let event = decode(payload.as_bytes()).expect(ts);
            assert_eq!(event.ts, None);
            assert_eq!(event.data["reported_ts"].to_string(), ts);
        }
        let long = "ä".repeat(2_000);
        let payload = format!(
            r#"{{"type":"fault.raised","data":{{"code":5,"source":null,"message":"{long}",
                "context":[1],"since_ts":"x"}}}}"#
        );
        let event = decode(payload.as_bytes()).expect("decodes");
        let Some(FaultEvent::Raised(fault)) = event.fault else { panic!("a fault") };
        assert_eq!((fault.code.as_str(), fault.source.as_str()), ("5", ""));
        assert_eq!((fault.message.len(), fault.since_ts), (2_048, None));
        assert_eq!(event.data["message"], long, "the data are kept as received");
    }

    #[test]
    fn a_newer_type_is_kept_by_name() {
        let event = decode(br#"{"type":"door.opened","data":{}}"#).expect("decodes");
        assert_eq!(event.event_type, EventType::Other("door.opened".to_owned()));
        assert!(decode(br#"{"type":"Door Opened"}"#).is_err());
        assert!(decode(br#"{"type":"door"}"#).is_err());
    }

    #[test]
    fn a_fault_without_a_code_is_refused_with_the_field() {
        let error = decode(br#"{"type":"fault.raised","data":{"code":""}}"#).expect_err("empty");
        assert_eq!(error.to_string(), "data.code: 0 bytes, not between 1 and 128");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(payload: Vec<u8>) {
            let _ = decode(&payload);
        }
    }
}
