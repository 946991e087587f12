//! Use cases: people of an organization, and one's own password.

use millwright_core::access::{Actor, Caller, Forbidden, Permission, Role};
use millwright_core::audit::Subject;
use millwright_schemas::api::auth::PasswordChange;
use millwright_schemas::api::users::{NewUser, UserChange};
use millwright_schemas::{Timestamp, UserId};
use millwright_store::machines::organizations;
use millwright_store::page::PageRequest;
use millwright_store::people::sessions;
use millwright_store::people::users::{self, PasswordHash, User};
use millwright_store::{Scope, Store, StoreError, Tx};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::callers::Identity;
use super::passwords::PasswordError;
use super::records::{self, Done};
use super::sign_in::People;
use super::validate::{Fields, InvalidFields};

/// Why a person couldn't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// A permission is missing.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The person has, or would have, more rights than the caller.
    #[error("the role {0} may do more than you may")]
    AboveCaller(Role),
    /// Fields break their rules.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// Nobody could administer the organization any more.
    #[error("this is the last administrator of the organization")]
    LastAdmin,
    /// Only people have a password.
    #[error("an API token has no password")]
    NotAPerson,
    /// The current password, told to change it, is another.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many wrong attempts at the current password.
    #[error("too many failed attempts; try again in {retry_after_s} s")]
    TooMany {
        /// Seconds until the next attempt is let through.
        retry_after_s: u32,
    },
    /// Hashing.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database, or no such person.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn scope(caller: &Caller) -> Scope {
    Scope::Organization(caller.organization)
}

/// People within the caller's scope.
///
/// # Errors
/// See [`UserError`].
pub async fn list(
    store: &Store,
    caller: &Caller,
    page: &PageRequest<Uuid>,
) -> Result<Vec<User>, UserError> {
    caller.require(Permission::ReadUsers)?;
    Ok(users::list(store, scope(caller), page).await?)
}

/// One person.
///
/// # Errors
/// See [`UserError`].
pub async fn get(store: &Store, caller: &Caller, id: UserId) -> Result<User, UserError> {
    caller.require(Permission::ReadUsers)?;
    Ok(users::get(store, scope(caller), id).await?)
}

/// Adds a person.
///
/// # Errors
/// See [`UserError`].
pub async fn create(
    people: &People,
    store: &Store,
    caller: &Caller,
    new: NewUser,
    now: Timestamp,
) -> Result<User, UserError> {
    caller.require(Permission::WriteUsers)?;
    let mut fields = Fields::default();
    fields.email("email", &new.email);
    fields.name("name", &new.name);
    fields.password("password", &new.password);
    let role: Option<Role> = fields.word("role", &new.role);
    fields.finish()?;
    let role = role.unwrap_or(Role::Viewer);
    not_above(caller, role)?;
    let organization = new.organization_id.unwrap_or(caller.organization);
    organizations::get(store, scope(caller), organization).await?;

    let user = User {
        id: UserId(Uuid::now_v7()),
        organization,
        email: new.email,
        name: new.name,
        role,
        password_hash: people.passwords.hash(new.password).await?,
        version: 1,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    let tx = store.begin().await?;
    users::insert(&tx, &user).await?;
    let details = Map::from_iter([("role".to_owned(), role.as_str().into())]);
    records::change(&tx, done(caller, &user, "user.created", details, now)).await?;
    tx.commit().await?;
    Ok(user)
}

/// Changes a person, if they are at `version`. A new password ends their sessions; so does
/// switching them off.
///
/// # Errors
/// See [`UserError`].
pub async fn update(
    people: &People,
    store: &Store,
    caller: &Caller,
    id: UserId,
    version: i64,
    change: UserChange,
    now: Timestamp,
) -> Result<User, UserError> {
    caller.require(Permission::WriteUsers)?;
    let role = check(&change)?;
    let hash = match change.password.clone() {
        Some(password) => Some(people.passwords.hash(password).await?),
        None => None,
    };
    let tx = store.begin().await?;
    let before = at_version(&tx, caller, id, version).await?;
    not_above(caller, before.role)?;
    not_above(caller, role.unwrap_or(before.role))?;
    let after = changed(&before, change, role, hash, now);
    let administers = |user: &User| user.role == Role::Admin && user.disabled_at.is_none();
    if administers(&before) && !administers(&after) {
        keep_an_admin(&tx, &before).await?;
    }
    let fields = differences(&before, &after);
    if fields.is_empty() {
        tx.rollback().await?;
        return Ok(before);
    }
    users::update(&tx, scope(caller), &after).await?;
    if after.password_hash != before.password_hash || after.disabled_at.is_some() {
        sessions::revoke_all(&tx, id, None, now).await?;
    }
    let details = Map::from_iter([("changed".to_owned(), fields.into())]);
    records::change(&tx, done(caller, &after, "user.updated", details, now)).await?;
    tx.commit().await?;
    Ok(after)
}

/// Erases a person, if they are at `version`: name and address are gone, sign-in and API tokens
/// end. The id stays in the records of what they did.
///
/// # Errors
/// See [`UserError`].
pub async fn delete(
    store: &Store,
    caller: &Caller,
    id: UserId,
    version: i64,
    now: Timestamp,
) -> Result<(), UserError> {
    caller.require(Permission::WriteUsers)?;
    let tx = store.begin().await?;
    let mut user = at_version(&tx, caller, id, version).await?;
    not_above(caller, user.role)?;
    if user.role == Role::Admin && user.disabled_at.is_none() {
        keep_an_admin(&tx, &user).await?;
    }
    user.version += 1;
    users::erase(&tx, scope(caller), id, user.version, now).await?;
    sessions::revoke_all(&tx, id, None, now).await?;
    records::change(&tx, done(caller, &user, "user.deleted", Map::new(), now)).await?;
    tx.commit().await?;
    Ok(())
}

/// Changes one's own password; ends one's other sessions.
///
/// # Errors
/// See [`UserError`].
pub async fn change_own_password(
    people: &People,
    store: &Store,
    identity: &Identity,
    change: PasswordChange,
    now: Timestamp,
) -> Result<(), UserError> {
    let session = identity.session.ok_or(UserError::NotAPerson)?;
    let mut fields = Fields::default();
    fields.password("new_password", &change.new_password);
    fields.finish()?;
    let user = &identity.user;
    // Who has got hold of an access token must not try passwords either.
    people
        .take_attempt(&user.email, None, now)
        .map_err(|retry_after_s| UserError::TooMany { retry_after_s })?;
    let hash = Some(user.password_hash.clone());
    if !people.passwords.verify(change.current_password, hash).await? {
        return Err(UserError::WrongPassword);
    }
    people.give_attempt_back(&user.email, None, now);
    let after = User {
        password_hash: people.passwords.hash(change.new_password).await?,
        version: user.version + 1,
        updated_at: now,
        ..user.clone()
    };
    let tx = store.begin().await?;
    users::update(&tx, scope(&identity.caller), &after).await?;
    sessions::revoke_all(&tx, user.id, Some(session), now).await?;
    let details = Map::from_iter([("changed".to_owned(), vec!["password"].into())]);
    let record = done(&identity.caller, &after, "user.updated", details, now);
    records::change(&tx, record).await?;
    tx.commit().await?;
    Ok(())
}

fn check(change: &UserChange) -> Result<Option<Role>, InvalidFields> {
    let mut fields = Fields::default();
    if let Some(email) = &change.email {
        fields.email("email", email);
    }
    if let Some(name) = &change.name {
        fields.name("name", name);
    }
    if let Some(password) = &change.password {
        fields.password("password", password);
    }
    let role = change.role.as_ref().and_then(|role| fields.word("role", role));
    fields.finish()?;
    Ok(role)
}

fn changed(
    before: &User,
    change: UserChange,
    role: Option<Role>,
    hash: Option<PasswordHash>,
    now: Timestamp,
) -> User {
    User {
        email: change.email.unwrap_or_else(|| before.email.clone()),
        name: change.name.unwrap_or_else(|| before.name.clone()),
        role: role.unwrap_or(before.role),
        password_hash: hash.unwrap_or_else(|| before.password_hash.clone()),
        disabled_at: match change.disabled {
            Some(true) => before.disabled_at.or(Some(now)),
            Some(false) => None,
            None => before.disabled_at,
        },
        version: before.version + 1,
        updated_at: now,
        ..before.clone()
    }
}

/// The names of the fields that differ: names only, since some values are personal or secret.
fn differences(before: &User, after: &User) -> Vec<&'static str> {
    let differs = [
        ("email", before.email != after.email),
        ("name", before.name != after.name),
        ("role", before.role != after.role),
        ("password", before.password_hash != after.password_hash),
        ("disabled", before.disabled_at.is_some() != after.disabled_at.is_some()),
    ];
    differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

async fn at_version(
    tx: &Tx,
    caller: &Caller,
    id: UserId,
    version: i64,
) -> Result<User, StoreError> {
    let user = users::get_for_update(tx, scope(caller), id).await?;
    if user.version == version {
        Ok(user)
    } else {
        Err(StoreError::VersionMismatch { current: user.version })
    }
}

/// Nobody makes or changes someone who may do more than they may: else a token with few scopes
/// could make itself an administrator.
fn not_above(caller: &Caller, role: Role) -> Result<(), UserError> {
    if role.permissions().is_subset(&caller.permissions) {
        Ok(())
    } else {
        Err(UserError::AboveCaller(role))
    }
}

async fn keep_an_admin(tx: &Tx, leaving: &User) -> Result<(), UserError> {
    match users::other_admins(tx, leaving.organization, leaving.id).await? {
        0 => Err(UserError::LastAdmin),
        _ => Ok(()),
    }
}

fn done(
    caller: &Caller,
    user: &User,
    action: &'static str,
    details: Map<String, Value>,
    now: Timestamp,
) -> Done {
    let actor: Actor = caller.actor;
    Done {
        organization: user.organization,
        actor,
        action,
        subject: Subject::new("user", user.id),
        version: Some(user.version),
        details,
        at: now,
    }
}
