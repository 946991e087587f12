//! Who is calling: from a bearer token to a caller, read anew at each request.

use millwright_core::access::{Actor, Caller};
use millwright_schemas::Timestamp;
use millwright_store::people::sessions::SessionId;
use millwright_store::people::users::User;
use millwright_store::people::{api_tokens, sessions, users};
use millwright_store::{Scope, Store, StoreError};

use super::access_tokens::InvalidToken;
use super::api_tokens::TOKEN_PREFIX;
use super::limits::LAST_USED_S;
use super::secrets;
use super::sign_in::People;

/// A caller, and the person behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who, where, and what may be done.
    pub caller: Caller,
    /// The person: who signed in, or who created the API token.
    pub user: User,
    /// Their session; `None` for an API token.
    pub session: Option<SessionId>,
}

/// Why a bearer token isn't accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// The session was ended: by signing out, a new password, or because its refresh token was
    /// used twice.
    #[error("session has ended")]
    SessionEnded,
    /// The API token was revoked.
    #[error("API token is revoked")]
    Revoked,
    /// The person, or the creator of the API token, is switched off or deleted.
    #[error("account is disabled")]
    Disabled,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells who calls with this bearer token. Roles, switched-off accounts and revoked tokens are
/// read anew each time, so that they take effect at the next request.
///
/// # Errors
/// See [`AuthenticateError`].
pub async fn authenticate(
    people: &People,
    store: &Store,
    bearer: &str,
    now: Timestamp,
) -> Result<Identity, AuthenticateError> {
    if bearer.starts_with(TOKEN_PREFIX) {
        return by_api_token(store, bearer, now).await;
    }
    let claims = people.key.check(bearer, now)?;
    if !sessions::is_active(store, claims.user, claims.session).await? {
        return Err(AuthenticateError::SessionEnded);
    }
    let user = active(users::get(store, Scope::Platform, claims.user).await)?;
    let caller = Caller {
        actor: Actor::User(user.id),
        organization: user.organization,
        permissions: user.role.permissions(),
    };
    Ok(Identity { caller, user, session: Some(claims.session) })
}

async fn by_api_token(
    store: &Store,
    bearer: &str,
    now: Timestamp,
) -> Result<Identity, AuthenticateError> {
    let hash = secrets::hash(bearer);
    let token = api_tokens::by_hash(store, &hash)
        .await?
        .filter(|token| secrets::same(&token.hash, &hash))
        .ok_or(InvalidToken::NotOurs)?;
    if token.revoked_at.is_some() {
        return Err(AuthenticateError::Revoked);
    }
    if token.expires_at.is_some_and(|end| end <= now) {
        return Err(InvalidToken::Expired.into());
    }
    let user = active(users::get(store, Scope::Platform, token.created_by).await)?;
    let due = now.plus_seconds(-LAST_USED_S);
    if token.last_used_at.is_none_or(|last| last <= due) {
        let tx = store.begin().await?;
        let scope = Scope::Organization(token.organization);
        api_tokens::touch(&tx, scope, token.id, now).await?;
        tx.commit().await?;
    }
    let caller = Caller {
        actor: Actor::ApiToken(token.id),
        organization: token.organization,
        // Never more than its creator may do now.
        permissions: token.scopes.intersection(&user.role.permissions()).copied().collect(),
    };
    Ok(Identity { caller, user, session: None })
}

fn active(user: Result<User, StoreError>) -> Result<User, AuthenticateError> {
    match user {
        Ok(user) if user.disabled_at.is_none() => Ok(user),
        Ok(_) | Err(StoreError::NotFound(_)) => Err(AuthenticateError::Disabled),
        Err(error) => Err(error.into()),
    }
}
