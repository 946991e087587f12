//! People.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{OrganizationId, UserId};
use crate::secret::Secret;
use crate::time::Timestamp;

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// Where they belong; they see it and all below it.
    pub organization_id: OrganizationId,
    /// What they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// `admin`, `manager`, `technician`, `operator`, `viewer` or `auditor`.
    pub role: String,
    /// Whether sign-in is switched off.
    pub disabled: bool,
    /// Counts up with each change; also the ETag.
    pub version: i64,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
}

/// A person to be added. `POST /api/v1/users`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What they sign in with; unique on the platform.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: String,
    /// Their first password: 12 to 256 bytes.
    pub password: Secret,
    /// Where they belong; the caller's own organization when missing.
    #[serde(default)]
    pub organization_id: Option<OrganizationId>,
}

/// A change of a person; what is missing stays. `PATCH /api/v1/users/{id}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A new password; ends their sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Switches sign-in off, which ends their sessions and stops their API tokens, or on again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}
