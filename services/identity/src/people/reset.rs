//! A new password for the first administrator, for who has the data folder and no password.

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{Secret, Timestamp};
use millwright_store::people::sessions;
use millwright_store::people::users::{self, User};
use millwright_store::{Scope, Store, StoreError};
use serde_json::Map;

use super::bootstrap::ADMIN_EMAIL;
use super::passwords::{PasswordError, Passwords};
use super::records::{self, Done};
use super::secrets;

/// Why there is no new password.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// They were deleted or have another address now.
    #[error("there is no {ADMIN_EMAIL} here")]
    NoAdmin,
    /// Others have switched them off; a password would not help.
    #[error("{ADMIN_EMAIL} is switched off; another administrator can change that")]
    Disabled,
    /// Hashing.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives the first administrator a random password, which is returned this once, and ends their
/// sessions.
///
/// # Errors
/// See [`ResetError`].
pub async fn reset_admin_password(store: &Store, now: Timestamp) -> Result<Secret, ResetError> {
    let before = users::by_email(store, ADMIN_EMAIL).await?.ok_or(ResetError::NoAdmin)?;
    if before.disabled_at.is_some() {
        return Err(ResetError::Disabled);
    }
    let password = secrets::random("");
    let after = User {
        password_hash: Passwords::new()?.hash(password.clone()).await?,
        version: before.version + 1,
        updated_at: now,
        ..before
    };
    let tx = store.begin().await?;
    users::update(&tx, Scope::Platform, &after).await?;
    sessions::revoke_all(&tx, after.id, None, now).await?;
    let done = Done {
        organization: after.organization,
        actor: Actor::Platform,
        action: "user.updated",
        subject: Subject::new("user", after.id),
        version: Some(after.version),
        details: Map::from_iter([("changed".to_owned(), vec!["password"].into())]),
        at: now,
    };
    records::change(&tx, done).await?;
    tx.commit().await?;
    Ok(password)
}
