//! The audit log, as it is read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids::{EventId, OrganizationId};
use crate::time::Timestamp;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorRef {
    /// `user`, `api_token`, `machine` or `platform`.
    pub kind: String,
    /// Their id; the platform has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectRef {
    /// Kind of object, such as `machine`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// One record of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditItem {
    /// Number of the record in the log.
    pub seq: i64,
    /// The record's id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Whose log it belongs to.
    pub organization_id: OrganizationId,
    /// Who.
    pub actor: ActorRef,
    /// What was done, such as `machine.created`.
    pub action: String,
    /// To what.
    pub subject: SubjectRef,
    /// More about it.
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
}
