//! Organizations: a tree. A user sees the subtree of theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::OrganizationId;
use crate::time::Timestamp;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// The organization above it; null at the top.
    pub parent_id: Option<OrganizationId>,
    /// Its name.
    pub name: String,
    /// What other systems call it: system → id.
    pub external_ids: BTreeMap<String, String>,
    /// Counts its changes; the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrganization {
    /// 1 to 200 characters.
    pub name: String,
    /// The organization above it; the caller's own when left out.
    #[serde(default)]
    pub parent_id: Option<OrganizationId>,
    /// What other systems call it: system → id.
    #[serde(default)]
    pub external_ids: BTreeMap<String, String>,
}

/// Changes to an organization; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateOrganization {
    /// 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ids: Option<BTreeMap<String, String>>,
}
