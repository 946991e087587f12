//! Sessions: signing in, going on, signing out.

use std::net::IpAddr;

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_schemas::{Secret, Timestamp};
use millwright_store::people::sessions::{self, RefreshToken, SessionId};
use millwright_store::people::users::{self, User};
use millwright_store::{Scope, Store, StoreError, Tx};
use serde_json::Map;
use uuid::Uuid;

use super::access_tokens::AccessClaims;
use super::limits::{
    ACCESS_TOKEN_S, EMAIL_MAX_BYTES, PASSWORD_MAX_BYTES, REFRESH_GRACE_S, REFRESH_TOKEN_S,
};
use super::passwords::PasswordError;
use super::records::{self, Done};
use super::secrets;
use super::sign_in::People;

/// What a person gets who signs in or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// For the `Authorization` header.
    pub access_token: Secret,
    /// Seconds until it ends.
    pub expires_in_s: i64,
    /// For the cookie; works once.
    pub refresh_token: Secret,
    /// Seconds until it ends.
    pub refresh_expires_in_s: i64,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such person, a wrong password or a disabled account: not told apart.
    #[error("wrong e-mail address or password")]
    WrongCredentials,
    /// The refresh token is missing, unknown, expired or of an ended session.
    #[error("session has ended; sign in again")]
    SessionEnded,
    /// Too many failed attempts.
    #[error("too many failed attempts; try again in {retry_after_s} s")]
    TooMany {
        /// Seconds until the next attempt is let through.
        retry_after_s: u32,
    },
    /// Hashing.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Signing.
    #[error("access token can't be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs a person in. Takes the same time whether or not there is such a person.
///
/// # Errors
/// See [`SignInError`].
pub async fn log_in(
    people: &People,
    store: &Store,
    email: &str,
    password: Secret,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<SignedIn, SignInError> {
    if email.len() > EMAIL_MAX_BYTES || password.expose().len() > PASSWORD_MAX_BYTES {
        return Err(SignInError::WrongCredentials);
    }
    people
        .take_attempt(email, address, now)
        .map_err(|retry_after_s| SignInError::TooMany { retry_after_s })?;
    let user = users::by_email(store, email).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = people.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|user| right && user.disabled_at.is_none()) else {
        // Whose account isn't said: people type their password into the wrong field.
        tracing::info!(client.address = address.map(tracing::field::display), "sign-in refused");
        return Err(SignInError::WrongCredentials);
    };
    people.give_attempt_back(email, address, now);

    let session = SessionId(Uuid::now_v7());
    let tx = store.begin().await?;
    sessions::forget_expired(&tx, now).await?;
    let signed_in = hand_out(people, &tx, &user, session, now).await?;
    records::audit_only(&tx, done(&user, session, "session.started", now)).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Replaces a refresh token by the next one. A token that is used again ends its session, since
/// two have it; but within ten seconds it is taken for a second tab or a retry.
///
/// # Errors
/// See [`SignInError`].
pub async fn refresh(
    people: &People,
    store: &Store,
    token: &Secret,
    now: Timestamp,
) -> Result<SignedIn, SignInError> {
    let hash = secrets::hash(token.expose());
    let tx = store.begin().await?;
    let token = sessions::find(&tx, &hash)
        .await?
        .filter(|token| token.revoked_at.is_none() && token.expires_at > now)
        .ok_or(SignInError::SessionEnded)?;
    let user = match users::get_for_update(&tx, Scope::Platform, token.user).await {
        Ok(user) if user.disabled_at.is_none() => user,
        Ok(_) | Err(StoreError::NotFound(_)) => return Err(SignInError::SessionEnded),
        Err(error) => return Err(error.into()),
    };
    let grace = now.plus_seconds(-REFRESH_GRACE_S);
    match token.used_at {
        Some(used) if used < grace => {
            sessions::revoke(&tx, token.session, now).await?;
            let reuse = done(&user, token.session, "session.token_reused", now);
            records::audit_only(&tx, reuse).await?;
            tx.commit().await?;
            tracing::warn!(user.id = %user.id, "refresh token used twice; its session was ended");
            return Err(SignInError::SessionEnded);
        }
        Some(_) => {}
        None => sessions::mark_used(&tx, &hash, now).await?,
    }
    let signed_in = hand_out(people, &tx, &user, token.session, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// Ends the session of a refresh token. Without one, or with an unknown one, nothing happens.
///
/// # Errors
/// When the database can't be used.
pub async fn log_out(store: &Store, token: &Secret, now: Timestamp) -> Result<(), StoreError> {
    let tx = store.begin().await?;
    let Some(token) = sessions::find(&tx, &secrets::hash(token.expose())).await? else {
        return tx.rollback().await;
    };
    if token.revoked_at.is_some() {
        return tx.rollback().await;
    }
    sessions::revoke(&tx, token.session, now).await?;
    match users::get_for_update(&tx, Scope::Platform, token.user).await {
        Ok(user) => {
            let ended = done(&user, token.session, "session.ended", now);
            records::audit_only(&tx, ended).await?;
        }
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    tx.commit().await
}

async fn hand_out(
    people: &People,
    tx: &Tx,
    user: &User,
    session: SessionId,
    now: Timestamp,
) -> Result<SignedIn, SignInError> {
    let refresh_token = secrets::random("mwr_");
    let row = RefreshToken {
        hash: secrets::hash(refresh_token.expose()),
        session,
        user: user.id,
        created_at: now,
        expires_at: now.plus_seconds(REFRESH_TOKEN_S),
        used_at: None,
        revoked_at: None,
    };
    sessions::insert(tx, &row).await?;
    Ok(SignedIn {
        access_token: people.key.issue(AccessClaims { user: user.id, session }, now)?,
        expires_in_s: ACCESS_TOKEN_S,
        refresh_token,
        refresh_expires_in_s: REFRESH_TOKEN_S,
    })
}

fn done(user: &User, session: SessionId, action: &'static str, now: Timestamp) -> Done {
    Done {
        organization: user.organization,
        actor: Actor::User(user.id),
        action,
        subject: Subject::new("session", session.0),
        version: None,
        details: Map::new(),
        at: now,
    }
}
