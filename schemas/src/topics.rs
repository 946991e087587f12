//! The MQTT topic grammar: the only place that builds or parses a topic.
//!
//! `mw/v1/{shard}/{machine}/up/…` is what a machine publishes, `…/down/…` what it subscribes.
//! The shard is the last two hexadecimal digits of the machine's id. `mw/v1/me/…` is an alias
//! for the sender's own root.
//!
//! ```
//! use millwright_schemas::topics::{self, UpChannel};
//! use millwright_schemas::MachineId;
//!
//! let machine: MachineId = "0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap();
//! assert_eq!(topics::root(machine), "mw/v1/ab/0198b2c4-7c1e-7000-8000-0123456789ab");
//!
//! let topic = topics::up(machine, UpChannel::Telemetry);
//! assert_eq!(topic, "mw/v1/ab/0198b2c4-7c1e-7000-8000-0123456789ab/up/telemetry");
//!
//! let parsed = topics::parse_up(&topic, machine).unwrap();
//! assert_eq!((parsed.machine, parsed.channel), (machine, UpChannel::Telemetry));
//! assert_eq!(topics::parse_up("mw/v1/me/up/events", machine).unwrap().channel, UpChannel::Events);
//! assert!(topics::parse_up("mw/v1/00/0198b2c4-7c1e-7000-8000-0123456789ab/up/events", machine).is_err());
//! ```

use std::fmt;

use crate::ids::MachineId;
use crate::limits::TOPIC_MAX_BYTES;

const PREFIX: &str = "mw/v1/";
const ME: &str = "me";

/// The filter for all messages to all machines, as the platform's bus carries them.
pub const EVERY_DOWN_FILTER: &str = "mw/v1/+/+/down/+";

/// Why a topic or filter isn't one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// Longer than [`TOPIC_MAX_BYTES`], or empty.
    #[error("a topic has 1 to {TOPIC_MAX_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// A wildcard or a control character where none may be.
    #[error("topic {0:?} contains a wildcard or a control character")]
    Character(String),
    /// Not of the form `mw/v1/{shard}/{machine}/up|down/…`.
    #[error("topic {0:?} is not of the form mw/v1/{{shard}}/{{machine}}/up|down/…")]
    Grammar(String),
    /// The shard isn't the last two digits of the machine's id.
    #[error("topic {topic:?} has the wrong shard: expected {expected:?}")]
    Shard {
        /// The topic as received.
        topic: String,
        /// The shard that belongs to the machine in it.
        expected: String,
    },
    /// Well formed, but for the other direction.
    #[error("topic {0:?} is for the other direction")]
    Direction(String),
}

/// What a machine publishes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpChannel {
    /// Samples.
    Telemetry,
    /// Faults, results of commands, the agent's own events.
    Events,
    /// Allowed but unknown to this version: quarantined by the receiver.
    Other(String),
}

impl UpChannel {
    /// The part of the topic after `up/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Events => "events",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for UpChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the platform publishes on, towards a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DownChannel {
    /// A signed command.
    Command,
    /// A signed cancellation of a command.
    Cancel,
    /// A signed time.
    Time,
    /// Signed configuration.
    Config,
}

impl DownChannel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Command, Self::Cancel, Self::Time, Self::Config];

    /// The part of the topic after `down/`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Cancel => "cancel",
            Self::Time => "time",
            Self::Config => "config",
        }
    }
}

/// A topic that a machine publishes on, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpTopic {
    /// Whose data it is: the sender, or one of its children.
    pub machine: MachineId,
    /// Which kind of data.
    pub channel: UpChannel,
}

/// A filter that a machine subscribes, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownFilter {
    /// Whose topics: the subscriber's, or one of its children's.
    pub machine: MachineId,
    /// `None`: all of the machine's `down` topics.
    pub channel: Option<DownChannel>,
    /// Whether the filter was written with the alias `me`, which messages then carry too.
    pub alias: bool,
}

impl DownFilter {
    /// Whether a message on this channel of this machine is covered.
    #[must_use]
    pub fn covers(&self, machine: MachineId, channel: DownChannel) -> bool {
        self.machine == machine && self.channel.is_none_or(|own| own == channel)
    }
}

/// The shard of a machine: the last two hexadecimal digits of its id.
#[must_use]
pub fn shard(machine: MachineId) -> String {
    format!("{:02x}", machine.uuid().as_bytes()[15])
}

/// `mw/v1/{shard}/{machine}`, without a slash at the end.
#[must_use]
pub fn root(machine: MachineId) -> String {
    format!("{PREFIX}{}/{machine}", shard(machine))
}

/// The topic on which a machine publishes.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "callers name the channel on the spot")]
pub fn up(machine: MachineId, channel: UpChannel) -> String {
    format!("{}/up/{channel}", root(machine))
}

/// The topic on which a machine receives.
#[must_use]
pub fn down(machine: MachineId, channel: DownChannel) -> String {
    format!("{}/down/{}", root(machine), channel.as_str())
}

/// The same topic, written with the alias `me`.
#[must_use]
pub fn down_me(channel: DownChannel) -> String {
    format!("{PREFIX}{ME}/down/{}", channel.as_str())
}

/// The filter for all that the subscriber itself receives, written with the alias `me`.
#[must_use]
pub fn down_me_filter() -> String {
    format!("{PREFIX}{ME}/down/#")
}

/// The filter for all that a machine receives.
#[must_use]
pub fn down_filter(machine: MachineId) -> String {
    format!("{}/down/#", root(machine))
}

/// Parses a topic that `sender` publishes on. Whether `sender` may speak for the machine in it
/// is the caller's to check.
///
/// # Errors
/// The rule of the grammar that is broken.
pub fn parse_up(topic: &str, sender: MachineId) -> Result<UpTopic, InvalidTopic> {
    let (machine, _, rest) = parse_root(topic, sender)?;
    let channel = rest.strip_prefix("up/").ok_or_else(|| wrong_direction(topic, rest, "down/"))?;
    let channel = match channel {
        "telemetry" => UpChannel::Telemetry,
        "events" => UpChannel::Events,
        "" => return Err(InvalidTopic::Grammar(shorten(topic))),
        other => UpChannel::Other(other.to_owned()),
    };
    if let UpChannel::Other(name) = &channel
        && name.contains(['#', '+'])
    {
        return Err(InvalidTopic::Character(shorten(topic)));
    }
    Ok(UpTopic { machine, channel })
}

/// Parses a filter that `subscriber` subscribes: one `down` topic, `down/+` or `down/#`.
///
/// # Errors
/// The rule of the grammar that is broken.
pub fn parse_down_filter(filter: &str, subscriber: MachineId) -> Result<DownFilter, InvalidTopic> {
    let (machine, alias, rest) = parse_root(filter, subscriber)?;
    let channel = rest.strip_prefix("down/").ok_or_else(|| wrong_direction(filter, rest, "up/"))?;
    let channel = match channel {
        "#" | "+" => None,
        name => Some(
            DownChannel::ALL
                .into_iter()
                .find(|channel| channel.as_str() == name)
                .ok_or_else(|| InvalidTopic::Grammar(shorten(filter)))?,
        ),
    };
    Ok(DownFilter { machine, channel, alias })
}

/// Parses a full `down` topic, as the platform's bus carries it.
///
/// # Errors
/// The rule of the grammar that is broken.
pub fn parse_down(topic: &str) -> Result<(MachineId, DownChannel), InvalidTopic> {
    let nobody = MachineId(uuid::Uuid::nil());
    let parsed = parse_down_filter(topic, nobody)?;
    match (parsed.alias, parsed.channel) {
        (false, Some(channel)) => Ok((parsed.machine, channel)),
        _ => Err(InvalidTopic::Grammar(shorten(topic))),
    }
}

/// The machine, whether it was written as `me`, and what follows the root.
fn parse_root(topic: &str, own: MachineId) -> Result<(MachineId, bool, &str), InvalidTopic> {
    if topic.is_empty() || topic.len() > TOPIC_MAX_BYTES {
        return Err(InvalidTopic::Length(topic.len()));
    }
    if topic.chars().any(char::is_control) {
        return Err(InvalidTopic::Character(shorten(topic)));
    }
    let grammar = || InvalidTopic::Grammar(shorten(topic));
    let rest = topic.strip_prefix(PREFIX).ok_or_else(grammar)?;
    let (first, rest) = rest.split_once('/').ok_or_else(grammar)?;
    if first == ME {
        return Ok((own, true, rest));
    }
    let (id, rest) = rest.split_once('/').ok_or_else(grammar)?;
    let machine: MachineId = id.parse().map_err(|_| grammar())?;
    // Only the canonical spelling: otherwise one machine would have many topics.
    if id != machine.to_string() {
        return Err(grammar());
    }
    let expected = shard(machine);
    if first != expected {
        return Err(InvalidTopic::Shard { topic: shorten(topic), expected });
    }
    Ok((machine, false, rest))
}

fn wrong_direction(topic: &str, rest: &str, other: &str) -> InvalidTopic {
    if rest.starts_with(other) {
        InvalidTopic::Direction(shorten(topic))
    } else {
        InvalidTopic::Grammar(shorten(topic))
    }
}

fn shorten(topic: &str) -> String {
    topic.chars().take(128).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn machine() -> MachineId {
        "0198b2c4-7c1e-7000-8000-0123456789ab".parse().expect("a UUID")
    }

    #[test]
    fn up_topics_outside_the_grammar_are_refused() {
        let own = root(machine());
        for topic in [
            "",
            "mw/v1",
            "mw/v1/me",
            "mw/v1/me/up",
            "mw/v1/me/up/",
            "mw/v1/me/down/command",
            "mw/v1/me/up/#",
            "mw/v1/me/up/+",
            "mw/v1/+/+/up/telemetry",
            "mw/v2/me/up/telemetry",
            "/mw/v1/me/up/telemetry",
            "mw/v1/me/up/tele\u{0}metry",
            "mw/v1/AB/0198b2c4-7c1e-7000-8000-0123456789ab/up/telemetry",
            "mw/v1/ab/0198B2C4-7C1E-7000-8000-0123456789AB/up/telemetry",
            "mw/v1/ab/{0198b2c4-7c1e-7000-8000-0123456789ab}/up/telemetry",
            "mw/v1/ab/0198b2c47c1e700080000123456789ab/up/telemetry",
            &format!("{own}/sideways/telemetry"),
            &format!("{own}/up/{}", "x".repeat(256)),
        ] {
            assert!(parse_up(topic, machine()).is_err(), "{topic:?} was accepted");
        }
    }

    #[test]
    fn an_unknown_channel_is_kept_by_name() {
        let parsed = parse_up("mw/v1/me/up/vendor/x", machine()).expect("allowed");
        assert_eq!(parsed.channel, UpChannel::Other("vendor/x".to_owned()));
    }

    #[test]
    fn filters_cover_what_they_name() {
        let all = parse_down_filter("mw/v1/me/down/#", machine()).expect("allowed");
        assert!(all.alias && all.covers(machine(), DownChannel::Command));
        let one = parse_down_filter(&down(machine(), DownChannel::Time), machine()).expect("ours");
        assert!(one.covers(machine(), DownChannel::Time));
        assert!(!one.covers(machine(), DownChannel::Command));
        for filter in [
            "#",
            "+/#",
            "mw/v1/#",
            "mw/v1/+/+/down/#",
            "mw/v1/me/#",
            "mw/v1/me/up/#",
            "mw/v1/me/down/x",
            "mw/v1/me/down/",
            "$share/g/mw/v1/me/down/#",
            "$SYS/#",
        ] {
            assert!(parse_down_filter(filter, machine()).is_err(), "{filter:?} was accepted");
        }
    }

    #[test]
    fn the_bus_names_the_machine() {
        let topic = down(machine(), DownChannel::Command);
        assert_eq!(parse_down(&topic), Ok((machine(), DownChannel::Command)));
        assert!(parse_down("mw/v1/me/down/command").is_err());
    }
}
