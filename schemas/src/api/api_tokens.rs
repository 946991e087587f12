//! Tokens for scripts and integrations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{ApiTokenId, OrganizationId, UserId};
use crate::secret::Secret;
use crate::time::Timestamp;

/// A token to be created. `POST /api/v1/api-tokens`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for, 1 to 200 characters.
    pub name: String,
    /// What it may do: permissions such as `machines.read`, none that the caller hasn't.
    pub scopes: Vec<String>,
    /// When it stops working; never when missing.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A token for scripts and integrations, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// The token's id.
    pub id: ApiTokenId,
    /// Where it may look: this organization and all below it.
    pub organization_id: OrganizationId,
    /// What it is for.
    pub name: String,
    /// What it may do, as far as its creator may do it now.
    pub scopes: Vec<String>,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A new token; the only time that its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenCreated {
    /// `mwt_…`: send it as `Authorization: Bearer …`.
    pub token: Secret,
    /// What it is.
    #[serde(flatten)]
    pub api_token: ApiToken,
}
