//! Sign-in of people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids::OrganizationId;
use crate::secret::Secret;

/// Who wants to sign in. `POST /api/v1/auth/login`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The person's e-mail address; upper and lower case are the same.
    pub email: String,
    /// The password.
    pub password: Secret,
}

/// A short-lived access token. The refresh token comes as an HttpOnly cookie beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessToken {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: Secret,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: i64,
}

/// A change of one's own password. `POST /api/v1/auth/password`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    pub current_password: Secret,
    /// The new one: 12 to 256 bytes.
    pub new_password: Secret,
}

/// Who is calling and what they may do. `GET /api/v1/auth/me`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// `user` or `api_token`.
    pub kind: String,
    /// The id of the user or of the API token.
    pub id: Uuid,
    /// The organization; what is below it is visible too.
    pub organization_id: OrganizationId,
    /// What may be done there, sorted.
    pub permissions: Vec<String>,
    /// A person's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A person's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}
