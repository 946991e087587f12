//! Packets without their version.

use bytes::Bytes;
use bytestring::ByteString;

/// Protocol version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

/// A packet from a client. Kinds that a client may not send are faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// CONNECT.
    Connect(Box<Connect>),
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK.
    PubAck {
        /// The id that the gateway gave its message.
        packet_id: u16,
    },
    /// SUBSCRIBE.
    Subscribe(Subscribe),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe),
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect {
        /// Whether the will is to be published all the same.
        with_will: bool,
        /// A new session expiry interval, in seconds.
        session_expiry_s: Option<u32>,
    },
}

/// CONNECT.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// Which version the client speaks.
    pub version: Version,
    /// Any name; never an identity.
    pub client_id: ByteString,
    /// Whether an earlier session is to be forgotten.
    pub clean_start: bool,
    /// How long the session lives after the connection, in seconds. MQTT 3.1.1 says only
    /// nothing (0) or for ever (`u32::MAX`).
    pub session_expiry_s: u32,
    /// Longest silence, in seconds; 0: any.
    pub keep_alive_s: u16,
    /// Messages that the client accepts before it has acknowledged one.
    pub receive_max: u16,
    /// Longest packet that the client accepts, in bytes.
    pub packet_max: Option<u32>,
    /// The client wants to authenticate by AUTH packets.
    pub extended_authentication: bool,
    /// Published if the connection ends without DISCONNECT.
    pub will: Option<WillMessage>,
    /// User name.
    pub user_name: Option<ByteString>,
    /// Password.
    pub password: Option<Bytes>,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// The will of a CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WillMessage {
    /// Where it would be published.
    pub topic: ByteString,
    /// Its payload.
    pub payload: Bytes,
    /// Its quality of service: 0 to 2.
    pub qos: u8,
    /// Whether it would be retained.
    pub retain: bool,
    /// How long after the end it is published, in seconds.
    pub delay_s: u32,
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Without wildcards.
    pub topic: ByteString,
    /// As received; its own allocation, not a piece of the read buffer.
    pub payload: Bytes,
    /// 0 to 2.
    pub qos: u8,
    /// Whether it would be retained.
    pub retain: bool,
    /// 0 with QoS 0.
    pub packet_id: u16,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Never 0.
    pub packet_id: u16,
    /// Filters with the quality of service asked for.
    pub filters: Vec<(ByteString, u8)>,
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Never 0.
    pub packet_id: u16,
    /// Filters.
    pub filters: Vec<ByteString>,
}

/// What makes the bytes of a client unacceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a packet of this protocol.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// A packet that isn't allowed there.
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// Declares more bytes than are accepted.
    #[error("packet of {0} bytes is too large")]
    TooLarge(usize),
    /// Neither MQTT 3.1.1 nor 5.
    #[error("unsupported protocol version")]
    UnsupportedVersion,
    /// CONNECT with a client identifier that can't be.
    #[error("client identifier is not valid")]
    ClientId,
    /// PUBLISH to a topic with wildcards.
    #[error("topic name is not valid")]
    TopicName,
    /// PUBLISH with a topic alias; none was offered.
    #[error("topic aliases are not supported")]
    TopicAlias,
    /// SUBSCRIBE with an identifier; they are not offered.
    #[error("subscription identifiers are not supported")]
    SubscriptionId,
}

/// CONNACK of an accepted connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connack {
    /// Whether an earlier session goes on.
    pub session_present: bool,
    /// How long the session is kept, when that isn't what the client asked for.
    pub session_expiry_s: Option<u32>,
    /// The client identifier that a client without one gets.
    pub assigned_client_id: Option<ByteString>,
}

/// Why CONNECT was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectRefusal {
    /// The protocol version.
    UnsupportedVersion,
    /// The packet.
    Malformed,
    /// The client identifier.
    ClientId,
    /// User name or password.
    BadCredentials,
    /// Identity, or the will's topic.
    NotAuthorized,
    /// The database didn't answer.
    Unavailable,
    /// Too many attempts.
    Quota,
    /// Authentication by AUTH.
    AuthenticationMethod,
    /// A retained will.
    RetainNotSupported,
    /// A will with QoS 2.
    QosNotSupported,
}

/// Answer to a PUBLISH with QoS 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    /// Committed, or in quarantine.
    Success,
    /// Not a topic of this machine.
    NotAuthorized,
}

/// Answer to a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterCode {
    /// Subscribed with this quality of service, or unsubscribed.
    Granted(u8),
    /// Not a filter of this machine.
    NotAuthorized,
    /// Shared subscriptions are not offered.
    Shared,
    /// Too many filters.
    Quota,
    /// There was no such subscription.
    Unknown,
}

/// Why the gateway ends a connection, as far as MQTT 5 has a code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// 0x81
    Malformed,
    /// 0x82
    Protocol,
    /// 0x83: a commit failed.
    Failed,
    /// 0x87
    NotAuthorized,
    /// 0x89
    Busy,
    /// 0x8B
    Shutdown,
    /// 0x8D
    KeepAlive,
    /// 0x8E
    Takeover,
    /// 0x90
    TopicName,
    /// 0x94
    TopicAlias,
    /// 0x95
    TooLarge,
    /// 0x97
    Quota,
    /// 0x98: the credential was revoked.
    Revoked,
    /// 0x9A
    Retain,
    /// 0x9B
    Qos,
    /// 0xA0: the certificate has expired.
    Expired,
    /// 0xA1
    SubscriptionId,
}
