//! The audit log, as it is read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::page::PageQuery;
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
    /// What they are called now: a person's, token's or machine's name. Only in answers, and left
    /// out when it isn't known, erased or outside the caller's organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectRef {
    /// Kind of object, such as `machine`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Which records are wanted; all conditions hold. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Done by the person, API token or machine with this id.
    pub actor_id: Option<Uuid>,
    /// The action is this or begins so, such as `machine.`.
    pub action: Option<String>,
    /// Done to what has this id.
    pub subject_id: Option<String>,
    /// From this time on: RFC 3339 or Unix milliseconds.
    pub from: Option<String>,
    /// Before this time: RFC 3339 or Unix milliseconds.
    pub to: Option<String>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl AuditQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
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
