//! Use cases: tokens for scripts and integrations.

use std::collections::BTreeSet;

use millwright_core::access::{Actor, Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_schemas::api::api_tokens::NewApiToken;
use millwright_schemas::{ApiTokenId, Secret, Timestamp, UserId};
use millwright_store::page::PageRequest;
use millwright_store::people::api_tokens::{self, ApiToken};
use millwright_store::{Scope, Store, StoreError};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::records::{self, Done};
use super::secrets;
use super::validate::{Fields, InvalidFields};

/// How an API token starts: tells it from an access token.
pub const TOKEN_PREFIX: &str = "mwt_";

/// Why a token couldn't be read, created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenError {
    /// A permission is missing.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A token can't make tokens: it would outlive its own end.
    #[error("API tokens are created by people, not by API tokens")]
    OnlyPeople,
    /// Fields break their rules.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// The database, or no such token.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a token; its secret is returned this once. It may do no more than its creator, now
/// and at each use.
///
/// # Errors
/// See [`ApiTokenError`].
pub async fn create(
    store: &Store,
    caller: &Caller,
    new: NewApiToken,
    now: Timestamp,
) -> Result<(ApiToken, Secret), ApiTokenError> {
    caller.require(Permission::WriteApiTokens)?;
    let creator = person(caller)?;
    let scopes = check(caller, &new, now)?;
    let secret = secrets::random(TOKEN_PREFIX);
    let token = ApiToken {
        id: ApiTokenId(Uuid::now_v7()),
        organization: caller.organization,
        name: new.name,
        hash: secrets::hash(secret.expose()),
        scopes,
        created_by: creator,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let details = Map::from_iter([("scopes".to_owned(), scopes.into())]);
    let tx = store.begin().await?;
    api_tokens::insert(&tx, &token).await?;
    records::change(&tx, done(caller, &token, "api_token.created", details, now)).await?;
    tx.commit().await?;
    Ok((token, secret))
}

/// Tokens within the caller's scope.
///
/// # Errors
/// See [`ApiTokenError`].
pub async fn list(
    store: &Store,
    caller: &Caller,
    page: &PageRequest<Uuid>,
) -> Result<Vec<ApiToken>, ApiTokenError> {
    caller.require(Permission::WriteApiTokens)?;
    Ok(api_tokens::list(store, Scope::Organization(caller.organization), page).await?)
}

/// Revokes a token: it is refused from the next request on. Doing it again changes nothing.
///
/// # Errors
/// See [`ApiTokenError`].
pub async fn revoke(
    store: &Store,
    caller: &Caller,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<(), ApiTokenError> {
    caller.require(Permission::WriteApiTokens)?;
    let tx = store.begin().await?;
    let scope = Scope::Organization(caller.organization);
    let token = api_tokens::get(&tx, scope, id).await?;
    if token.revoked_at.is_some() {
        return Ok(tx.rollback().await?);
    }
    api_tokens::revoke(&tx, scope, id, now).await?;
    records::change(&tx, done(caller, &token, "api_token.revoked", Map::new(), now)).await?;
    Ok(tx.commit().await?)
}

const fn person(caller: &Caller) -> Result<UserId, ApiTokenError> {
    match caller.actor {
        Actor::User(id) => Ok(id),
        _ => Err(ApiTokenError::OnlyPeople),
    }
}

fn check(
    caller: &Caller,
    new: &NewApiToken,
    now: Timestamp,
) -> Result<BTreeSet<Permission>, InvalidFields> {
    let mut fields = Fields::default();
    fields.name("name", &new.name);
    if new.scopes.is_empty() {
        fields.refuse("scopes", "is empty");
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        fields.refuse("expires_at", "is in the past");
    }
    let mut scopes = BTreeSet::new();
    // More words than there are permissions are repetitions; the answer stays small.
    for (n, word) in new.scopes.iter().enumerate().take(Permission::ALL.len() + 1) {
        let field = format!("scopes[{n}]");
        let Some(scope) = fields.word::<Permission>(&field, word) else { continue };
        if !caller.permissions.contains(&scope) {
            fields.refuse(&field, format!("{scope} is more than you may do"));
        } else if !scopes.insert(scope) {
            fields.refuse(&field, format!("{scope} is named twice"));
        }
    }
    fields.finish()?;
    Ok(scopes)
}

fn done(
    caller: &Caller,
    token: &ApiToken,
    action: &'static str,
    details: Map<String, Value>,
    now: Timestamp,
) -> Done {
    Done {
        organization: token.organization,
        actor: caller.actor,
        action,
        subject: Subject::new("api_token", token.id),
        version: None,
        details,
        at: now,
    }
}
