//! How a session ends.

use crate::wire::{Farewell, Fault};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client said DISCONNECT.
    Disconnected,
    /// The client said DISCONNECT and wants its will published.
    DisconnectedWithWill,
    /// The connection broke or was closed without DISCONNECT.
    Lost,
    /// CONNECT was refused, or never came.
    Refused(&'static str),
    /// The client broke the protocol, or one of our rules or limits.
    Fault(Farewell),
    /// Nothing was heard for one and a half times the keep-alive.
    KeepAlive,
    /// The client doesn't read.
    WriteStall,
    /// A message couldn't be committed, or the database didn't answer.
    Failed,
    /// A later connection of the same machine.
    Takeover,
    /// The credential was revoked, or the machine decommissioned.
    Revoked,
    /// The certificate has expired.
    Expired,
    /// The gateway stops.
    Shutdown,
}

impl End {
    /// A short name for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected | Self::DisconnectedWithWill => "disconnected",
            Self::Lost => "lost",
            Self::Refused(reason) => reason,
            Self::Fault(Farewell::Malformed) => "malformed",
            Self::Fault(Farewell::NotAuthorized) => "topic_refused",
            Self::Fault(Farewell::TooLarge) => "too_large",
            Self::Fault(Farewell::Quota) => "quota",
            Self::Fault(_) => "protocol_error",
            Self::KeepAlive => "keep_alive",
            Self::WriteStall => "write_stall",
            Self::Failed => "failed",
            Self::Takeover => "takeover",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Shutdown => "shutdown",
        }
    }

    /// Whether the will is published. A will says that a machine has gone without a word, so we
    /// depart from the letter of MQTT, which wants it at every end without DISCONNECT (3.1.2.5 in
    /// 3.1.1 and 5), where that would be untrue:
    /// - After a takeover the machine is there, on its later connection. The intake would refuse
    ///   the will of the earlier one by its generation.
    /// - After a revocation or the certificate's end it is gone on purpose, and who is no longer
    ///   known doesn't speak.
    /// - A shutdown of the platform says nothing about the machines (MQTT 5 allows it).
    #[must_use]
    pub fn publishes_will(self) -> bool {
        match self {
            Self::DisconnectedWithWill
            | Self::Lost
            | Self::Fault(_)
            | Self::KeepAlive
            | Self::WriteStall
            | Self::Failed => true,
            Self::Disconnected
            | Self::Refused(_)
            | Self::Takeover
            | Self::Revoked
            | Self::Expired
            | Self::Shutdown => false,
        }
    }

    /// What MQTT 5 clients are told.
    pub(super) fn farewell(self) -> Option<Farewell> {
        match self {
            Self::Fault(farewell) => Some(farewell),
            Self::KeepAlive => Some(Farewell::KeepAlive),
            Self::Failed => Some(Farewell::Failed),
            Self::Takeover => Some(Farewell::Takeover),
            Self::Revoked => Some(Farewell::Revoked),
            Self::Expired => Some(Farewell::Expired),
            Self::Shutdown => Some(Farewell::Shutdown),
            Self::Disconnected
            | Self::DisconnectedWithWill
            | Self::Lost
            | Self::Refused(_)
            | Self::WriteStall => None,
        }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(match fault {
            Fault::Malformed(_) => Farewell::Malformed,
            Fault::Protocol(_) | Fault::UnsupportedVersion | Fault::ClientId => Farewell::Protocol,
            Fault::TooLarge(_) => Farewell::TooLarge,
            Fault::TopicName => Farewell::TopicName,
            Fault::TopicAlias => Farewell::TopicAlias,
            Fault::SubscriptionId => Farewell::SubscriptionId,
        })
    }
}
