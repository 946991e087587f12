//! Typed ids. A raw `Uuid` never crosses a function boundary where one of these exists.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A text that isn't the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}: expected a UUID such as 0198b2c4-7c1e-7000-8000-0123456789ab")]
pub struct InvalidId {
    kind: &'static str,
    value: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema, ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The id as a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(value).map(Self).map_err(|_| InvalidId {
                    kind: $kind,
                    value: value.chars().take(64).collect(),
                })
            }
        }
    };
}

id!(/// An organization: a maintenance company, an owner of machines, or a part of one.
    OrganizationId, "organization id");
id!(/// A place where machines stand; it has a time zone.
    SiteId, "site id");
id!(/// A machine. Also the common name of its certificate and a part of its topics.
    MachineId, "machine id");
id!(/// A person who signs in.
    UserId, "user id");
id!(/// A token for scripts and integrations.
    ApiTokenId, "API token id");
id!(/// A password of a device that has no certificate.
    DeviceTokenId, "device token id");
id!(/// The store on a machine in which messages wait; sequence numbers count within it.
    OutboxId, "outbox id");
id!(/// An event reported by a machine, or a domain event of the platform.
    EventId, "event id");
id!(/// A piece of work that must happen after a transaction.
    JobId, "job id");
id!(/// An alarm: one time that something was wrong with a machine.
    AlarmId, "alarm id");
id!(/// Something that late samples have shown of a machine's alarms.
    AlarmRevisionId, "revision id");
id!(/// A rule that watches signals.
    RuleId, "rule id");
id!(/// A trial of a rule on what was stored.
    BacktestId, "backtest id");
id!(/// A ticket.
    TicketId, "ticket id");
id!(/// A comment on a ticket.
    CommentId, "comment id");
id!(/// A command to a machine. Also the `jti` of its signed form.
    CommandId, "command id");
id!(/// The ledger on a machine in which commands are entered before they run. A machine whose data
    /// were wiped has another one.
    LedgerId, "ledger id");

/// The serial number of a machine's certificate, as lower-case hexadecimal without leading
/// zeros or separators.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(transparent)]
pub struct CertificateSerial(String);

impl CertificateSerial {
    /// From the big-endian bytes of the certificate's serial number.
    #[must_use]
    pub fn from_be_bytes(bytes: &[u8]) -> Self {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let trimmed = hex.trim_start_matches('0');
        Self(if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() })
    }

    /// The hexadecimal text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CertificateSerial {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let valid = !value.is_empty()
            && value.len() <= 40
            && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if valid {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidId { kind: "certificate serial", value: value.chars().take(64).collect() })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_and_read_as_a_uuid() {
        let id: MachineId = "0198b2c4-7c1e-7000-8000-0123456789ab".parse().expect("a UUID");
        assert_eq!(id.to_string(), "0198b2c4-7c1e-7000-8000-0123456789ab");
        assert_eq!(
            serde_json::to_string(&id).expect("serialises"),
            "\"0198b2c4-7c1e-7000-8000-0123456789ab\""
        );
    }

    #[test]
    fn a_wrong_id_is_named_in_the_error() {
        let error = "m1".parse::<MachineId>().expect_err("not a UUID");
        assert!(error.to_string().contains("\"m1\" is not a machine id"), "{error}");
    }

    #[test]
    fn a_serial_has_no_leading_zeros() {
        assert_eq!(CertificateSerial::from_be_bytes(&[0, 0x0a, 0xff]).as_str(), "aff");
        assert_eq!(CertificateSerial::from_be_bytes(&[0]).as_str(), "0");
        assert!("xyz".parse::<CertificateSerial>().is_err());
    }
}
