//! Users. Who signs in is found over all organizations; everything else takes a scope.

use millwright_core::access::Role;
use millwright_schemas::{OrganizationId, Timestamp, UserId};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::engine::Engine;
use crate::entities::organization_tree;
use crate::entities::user::{ActiveModel, Column, Entity, Model};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError, Tx};

/// What unique values are called in errors.
const EMAIL_TAKEN: &str = "a user with this e-mail address";

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// Where they belong.
    pub organization: OrganizationId,
    /// What they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// Their password's hash.
    pub password_hash: PasswordHash,
    /// Counts up with each change.
    pub version: i64,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
    /// Since when sign-in is switched off.
    pub disabled_at: Option<Timestamp>,
}

/// A password hash in PHC form. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash in PHC form.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Adds a person.
///
/// # Errors
/// [`StoreError::Exists`] when the address is taken.
pub async fn insert(tx: &Tx, user: &User) -> Result<(), StoreError> {
    Entity::insert(to_row(user))
        .exec_without_returning(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(EMAIL_TAKEN))?;
    Ok(())
}

/// Writes a person's changed fields, if nobody was quicker. `user.version` is the new version,
/// one more than what was read.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it was changed since, [`StoreError::Exists`] when the
/// new address is taken.
pub async fn update(tx: &Tx, scope: Scope, user: &User) -> Result<(), StoreError> {
    let change = ActiveModel {
        email: Set(user.email.clone()),
        name: Set(user.name.clone()),
        role: Set(user.role.as_str().to_owned()),
        password_hash: Set(user.password_hash.0.clone()),
        version: Set(user.version),
        updated_at: Set(user.updated_at.micros()),
        disabled_at: Set(user.disabled_at.map(Timestamp::micros)),
        ..Default::default()
    };
    write(tx, scope, user.id, user.version, change).await
}

/// Erases a person's name and address and ends their sign-in for good. The row stays, because
/// the audit log names its id. `version` is the new version.
///
/// # Errors
/// [`StoreError::VersionMismatch`] when it was changed since it was read.
pub async fn erase(
    tx: &Tx,
    scope: Scope,
    id: UserId,
    version: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = ActiveModel {
        // Unique, and nobody's: `.invalid` is reserved by RFC 2606.
        email: Set(format!("{id}@deleted.invalid")),
        name: Set(String::new()),
        password_hash: Set(String::new()),
        version: Set(version),
        updated_at: Set(now.micros()),
        disabled_at: Set(Some(now.micros())),
        deleted_at: Set(Some(now.micros())),
        ..Default::default()
    };
    write(tx, scope, id, version, change).await
}

async fn write(
    tx: &Tx,
    scope: Scope,
    id: UserId,
    version: i64,
    change: ActiveModel,
) -> Result<(), StoreError> {
    let done = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::Version.eq(version - 1))
        .filter(Column::DeletedAt.is_null())
        .filter(scope.covers(Column::OrganizationId))
        .exec(tx.conn())
        .await
        .map_err(|error| StoreError::from(error).or_exists(EMAIL_TAKEN))?;
    if done.rows_affected == 1 {
        return Ok(());
    }
    let current = get_on(tx.conn(), scope, id).await?.version;
    Err(StoreError::VersionMismatch { current })
}

/// A person within the scope.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn get(store: &Store, scope: Scope, id: UserId) -> Result<User, StoreError> {
    get_on(store.readers(), scope, id).await
}

/// A person within the scope, as the transaction sees them.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn get_for_update(tx: &Tx, scope: Scope, id: UserId) -> Result<User, StoreError> {
    get_on(tx.conn(), scope, id).await
}

async fn get_on(db: &impl ConnectionTrait, scope: Scope, id: UserId) -> Result<User, StoreError> {
    let row = Entity::find_by_id(id.uuid())
        .filter(Column::DeletedAt.is_null())
        .filter(scope.covers(Column::OrganizationId))
        .one(db)
        .await?;
    from_row(row.ok_or(StoreError::NotFound("user"))?)
}

/// Who signs in with this address, wherever they belong. Upper and lower case are the same.
///
/// # Errors
/// When the database can't be used.
pub async fn by_email(store: &Store, email: &str) -> Result<Option<User>, StoreError> {
    let same = match store.engine() {
        // The column compares so by itself.
        Engine::Sqlite => Column::Email.eq(email),
        Engine::Postgres => {
            Expr::expr(Func::lower(Expr::col(Column::Email))).eq(email.to_ascii_lowercase())
        }
    };
    let row = Entity::find()
        .filter(same)
        .filter(Column::DeletedAt.is_null())
        .one(store.readers())
        .await?;
    row.map(from_row).transpose()
}

/// People, oldest first.
///
/// # Errors
/// When the database can't be used.
pub async fn list(
    store: &Store,
    scope: Scope,
    page: &PageRequest<Uuid>,
) -> Result<Vec<User>, StoreError> {
    let rows = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .filter(scope.covers(Column::OrganizationId))
        .apply_if(page.after, |query, after| query.filter(Column::Id.gt(after)))
        .order_by_asc(Column::Id)
        .limit(page.rows())
        .all(store.readers())
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Whether there is anyone at all.
///
/// # Errors
/// When the database can't be used.
pub async fn any(tx: &Tx) -> Result<bool, StoreError> {
    Ok(Entity::find().count(tx.conn()).await? > 0)
}

/// How many others can administer this organization: active admins of it or of one above it.
///
/// # Errors
/// When the database can't be used.
pub async fn other_admins(
    tx: &Tx,
    organization: OrganizationId,
    except: UserId,
) -> Result<u64, StoreError> {
    use organization_tree::Column as Tree;
    let above = organization_tree::Entity::find()
        .select_only()
        .column(Tree::AncestorId)
        .filter(Tree::DescendantId.eq(organization.uuid()))
        .into_query();
    let admins = Entity::find()
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .filter(Column::DisabledAt.is_null())
        .filter(Column::Id.ne(except.uuid()))
        .filter(Column::OrganizationId.in_subquery(above))
        .count(tx.conn())
        .await?;
    Ok(admins)
}

fn to_row(user: &User) -> ActiveModel {
    ActiveModel {
        id: Set(user.id.uuid()),
        organization_id: Set(user.organization.uuid()),
        email: Set(user.email.clone()),
        name: Set(user.name.clone()),
        role: Set(user.role.as_str().to_owned()),
        password_hash: Set(user.password_hash.0.clone()),
        version: Set(user.version),
        created_at: Set(user.created_at.micros()),
        updated_at: Set(user.updated_at.micros()),
        disabled_at: Set(user.disabled_at.map(Timestamp::micros)),
        deleted_at: Set(None),
    }
}

fn from_row(row: Model) -> Result<User, StoreError> {
    Ok(User {
        id: UserId(row.id),
        organization: OrganizationId(row.organization_id),
        email: row.email,
        name: row.name,
        role: row.role.parse().map_err(|error| StoreError::corrupt("users", error))?,
        password_hash: PasswordHash(row.password_hash),
        version: row.version,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
        disabled_at: row.disabled_at.map(Timestamp::from_micros),
    })
}
