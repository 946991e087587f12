//! Audit records in their canonical form: the bytes that are stored, hashed and verified.

use millwright_schemas::{EventId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::Actor;

/// Version of the canonical form. A new version is added, an old one never changed.
pub const RECORD_VERSION: u32 = 1;

/// What was done to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Kind of object, such as `machine`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

impl Subject {
    /// A subject of this kind with this id.
    #[must_use]
    pub fn new(kind: &str, id: impl std::fmt::Display) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string() }
    }
}

/// One record of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// [`RECORD_VERSION`] when it was written.
    pub v: u32,
    /// The record's id.
    pub id: EventId,
    /// When, by the platform's clock.
    pub at: Timestamp,
    /// Whose log it belongs to.
    pub organization: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What was done, such as `machine.created`.
    pub action: String,
    /// To what.
    pub subject: Subject,
    /// More about it: never a secret. Numbers are integers within 2^53.
    pub details: Map<String, Value>,
}

/// The record can't be written in canonical form.
#[derive(Debug, thiserror::Error)]
#[error("audit record can't be written in canonical form")]
pub struct NotCanonical(#[source] serde_json::Error);

impl AuditRecord {
    /// The canonical bytes: JSON after RFC 8785 (JCS).
    ///
    /// # Errors
    /// When `details` hold what JSON can't say.
    pub fn canonical(&self) -> Result<Vec<u8>, NotCanonical> {
        serde_json_canonicalizer::to_vec(self).map_err(NotCanonical)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record() -> AuditRecord {
        let details = serde_json::json!({"serial_number": "Ä-1", "b": 1, "a": [true, null]});
        AuditRecord {
            v: RECORD_VERSION,
            id: "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap(),
            at: Timestamp::from_micros(1_763_775_000_123_456),
            organization: "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap(),
            actor: Actor::User("0198b2c4-7c1e-7000-8000-000000000003".parse().unwrap()),
            action: "machine.created".to_owned(),
            subject: Subject::new("machine", "0198b2c4-7c1e-7000-8000-000000000004"),
            details: details.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn the_canonical_form_never_changes() {
        let bytes = record().canonical().unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
    }

    #[test]
    fn the_order_of_details_makes_no_difference() {
        let mut other = record();
        other.details = other.details.into_iter().rev().collect();
        assert_eq!(other.canonical().unwrap(), record().canonical().unwrap());
    }

    #[test]
    fn a_record_is_read_back() {
        let bytes = record().canonical().unwrap();
        assert_eq!(serde_json::from_slice::<AuditRecord>(&bytes).unwrap(), record());
    }
}
