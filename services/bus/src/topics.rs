//! The bus's own topics: the only place that builds or parses one.
//!
//! | topic | says | payload |
//! |---|---|---|
//! | `mwbus/v1/wake/events` | the `events` table has new rows | empty |
//! | `mwbus/v1/wake/jobs` | the `jobs` table has new rows | empty |
//! | `mwbus/v1/wake/access` | somebody's or a machine's rights changed | empty |
//! | `mwbus/v1/watch/{machine}` | someone watches this machine for so many seconds | [`encode_ttl`] |
//! | `mwbus/v1/live/{machine}` | a copy of a watched machine's samples | JSON |
//!
//! Beside them it carries machines' `mw/v1/{shard}/{machine}/down/…`
//! ([`millwright_schemas::topics`]).
//!
//! ```
//! use millwright_bus::topics::{self, BusTopic, Wake};
//!
//! assert_eq!(topics::wake(Wake::Jobs), "mwbus/v1/wake/jobs");
//! assert_eq!("mwbus/v1/wake/jobs".parse(), Ok(BusTopic::Wake(Wake::Jobs)));
//! ```

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use millwright_schemas::MachineId;
use millwright_schemas::topics::{self as machine_topics, DownChannel};

const PREFIX: &str = "mwbus/v1/";

/// All announcements that a machine is watched.
pub const WATCH_FILTER: &str = "mwbus/v1/watch/+";
/// All live copies. One filter for all machines: the broker keeps memory for each filter.
pub const LIVE_FILTER: &str = "mwbus/v1/live/+";
/// All messages to all machines.
pub const DOWN_FILTER: &str = machine_topics::EVERY_DOWN_FILTER;
/// What the supervisor's probe sends to itself.
pub(crate) const PROBE: &str = "mwbus/v1/probe";

/// What there is to be read again from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wake {
    /// Domain events.
    Events,
    /// Jobs.
    Jobs,
    /// Rights: revoked certificates and tokens, moved machines, changed roles.
    Access,
}

impl Wake {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::Jobs, Self::Access];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Jobs => "jobs",
            Self::Access => "access",
        }
    }
}

/// A topic that arrives over the bus, parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusTopic {
    /// Read this again.
    Wake(Wake),
    /// Someone watches this machine.
    Watch(MachineId),
    /// A copy of this machine's samples.
    Live(MachineId),
    /// A message to this machine.
    Down(MachineId, DownChannel),
}

/// A topic that isn't the bus's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a topic of the bus")]
pub struct InvalidBusTopic(String);

impl FromStr for BusTopic {
    type Err = InvalidBusTopic;

    fn from_str(topic: &str) -> Result<Self, InvalidBusTopic> {
        let invalid = || InvalidBusTopic(topic.chars().take(128).collect());
        let Some(rest) = topic.strip_prefix(PREFIX) else {
            return machine_topics::parse_down(topic)
                .map(|(machine, channel)| Self::Down(machine, channel))
                .map_err(|_| invalid());
        };
        let (kind, name) = rest.split_once('/').ok_or_else(invalid)?;
        if kind == "wake" {
            let wake = Wake::ALL.into_iter().find(|wake| wake.as_str() == name);
            return wake.map(Self::Wake).ok_or_else(invalid);
        }
        let machine: MachineId = name.parse().map_err(|_| invalid())?;
        match kind {
            // Only the canonical spelling: otherwise one machine would have many topics.
            _ if name != machine.to_string() => Err(invalid()),
            "watch" => Ok(Self::Watch(machine)),
            "live" => Ok(Self::Live(machine)),
            _ => Err(invalid()),
        }
    }
}

/// The topic that says: read this again.
#[must_use]
pub fn wake(wake: Wake) -> String {
    format!("{PREFIX}wake/{}", wake.as_str())
}

/// The topic that says: someone watches this machine.
#[must_use]
pub fn watch(machine: MachineId) -> String {
    format!("{PREFIX}watch/{machine}")
}

/// The topic of the copies of a watched machine's samples.
#[must_use]
pub fn live(machine: MachineId) -> String {
    format!("{PREFIX}live/{machine}")
}

/// The payload of a watch: for how long, in whole seconds.
#[must_use]
pub fn encode_ttl(ttl: Duration) -> Bytes {
    Bytes::from(ttl.as_secs().to_string())
}

/// For how long a machine is watched. `None`: not a number of seconds.
#[must_use]
pub fn decode_ttl(payload: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(payload).ok()?;
    text.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_as_they_are_written() {
        let machine: MachineId = "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap();
        let down = machine_topics::down(machine, DownChannel::Command);
        for (topic, parsed) in [
            (wake(Wake::Events), BusTopic::Wake(Wake::Events)),
            (wake(Wake::Access), BusTopic::Wake(Wake::Access)),
            (watch(machine), BusTopic::Watch(machine)),
            (live(machine), BusTopic::Live(machine)),
            (down, BusTopic::Down(machine, DownChannel::Command)),
        ] {
            assert_eq!(topic.parse(), Ok(parsed));
        }
        assert!(rumqttc::matches(&watch(machine), WATCH_FILTER));
        assert!(rumqttc::matches(&live(machine), LIVE_FILTER));
        assert!(rumqttc::matches(&machine_topics::down(machine, DownChannel::Time), DOWN_FILTER));
        assert!(!rumqttc::matches(
            &machine_topics::up(machine, machine_topics::UpChannel::Events),
            DOWN_FILTER
        ));
    }

    #[test]
    fn other_topics_are_refused() {
        for topic in [
            "",
            "mwbus/v1/wake",
            "mwbus/v1/wake/",
            "mwbus/v1/wake/other",
            "mwbus/v1/watch/+",
            "mwbus/v1/live/0198B2C4-7C1E-7000-8000-0123456789AB",
            "mwbus/v1/else/0198b2c4-7c1e-7000-8000-0123456789ab",
            "mwbus/v2/wake/jobs",
            "mw/v1/me/down/command",
        ] {
            assert!(topic.parse::<BusTopic>().is_err(), "{topic:?} was accepted");
        }
    }

    #[test]
    fn a_ttl_is_a_number_of_seconds() {
        assert_eq!(decode_ttl(&encode_ttl(Duration::from_secs(30))), Some(Duration::from_secs(30)));
        assert_eq!(decode_ttl(b"-1"), None);
        assert_eq!(decode_ttl(&[0xff]), None);
    }
}
