//! The first start: a root organization and its administrator.

use std::collections::BTreeMap;

use millwright_core::access::{Actor, Role};
use millwright_core::audit::Subject;
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::{OrganizationId, Secret, Timestamp, UserId};
use millwright_store::machines::organizations;
use millwright_store::people::users;
use millwright_store::people::users::User;
use millwright_store::{Store, StoreError, Tx};
use serde_json::Map;
use uuid::Uuid;

use super::limits::{PASSWORD_MAX_BYTES, PASSWORD_MIN_BYTES};
use super::passwords::PasswordError;
use super::records::{self, Done};
use super::secrets;
use super::sign_in::People;

/// What the first administrator signs in with.
pub const ADMIN_EMAIL: &str = "admin@localhost";
const ROOT_NAME: &str = "Millwright";

/// What the first start has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// The organization that everything else is below.
    pub organization: OrganizationId,
    /// The first administrator; `None` when there are people already.
    pub admin: Option<FirstAdmin>,
}

/// The first administrator, just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAdmin {
    /// Their id.
    pub id: UserId,
    /// The password that was made up because none was given: print it once.
    pub generated_password: Option<Secret>,
}

/// Why the first start failed.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The given password can't be one.
    #[error("the administrator's password has {0} bytes; allowed: 1 to {PASSWORD_MAX_BYTES}")]
    Password(usize),
    /// Hashing.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates the root organization and, when there is nobody yet, its administrator. Does nothing
/// at later starts: `password` is then ignored.
///
/// # Errors
/// See [`BootstrapError`].
pub async fn bootstrap(
    people: &People,
    store: &Store,
    password: Option<Secret>,
    now: Timestamp,
) -> Result<Bootstrap, BootstrapError> {
    let (password, generated_password) = match password {
        Some(given) => {
            let bytes = given.expose().len();
            if !(1..=PASSWORD_MAX_BYTES).contains(&bytes) {
                return Err(BootstrapError::Password(bytes));
            }
            (given, None)
        }
        None => {
            let made = secrets::random("");
            (made.clone(), Some(made))
        }
    };
    // Several processes may start at once on an empty database: one after the other gets here.
    let tx = store.begin().await?;
    let organization = match organizations::load_root(&tx).await? {
        Some(root) => root,
        None => create_root(&tx, now).await?,
    };
    if users::any(&tx).await? {
        tx.commit().await?;
        return Ok(Bootstrap { organization, admin: None });
    }
    if password.expose().len() < PASSWORD_MIN_BYTES {
        tracing::warn!("the administrator's password is shorter than {PASSWORD_MIN_BYTES} bytes");
    }
    let admin = User {
        id: UserId(Uuid::now_v7()),
        organization,
        email: ADMIN_EMAIL.to_owned(),
        name: "Administrator".to_owned(),
        role: Role::Admin,
        // Within the transaction, unlike elsewhere: nobody else writes yet.
        password_hash: people.passwords.hash(password).await?,
        version: 1,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    users::insert(&tx, &admin).await?;
    let done = Done {
        organization,
        actor: Actor::Platform,
        action: "user.created",
        subject: Subject::new("user", admin.id),
        version: Some(admin.version),
        details: Map::from_iter([("role".to_owned(), Role::Admin.as_str().into())]),
        at: now,
    };
    records::change(&tx, done).await?;
    tx.commit().await?;
    Ok(Bootstrap { organization, admin: Some(FirstAdmin { id: admin.id, generated_password }) })
}

async fn create_root(tx: &Tx, now: Timestamp) -> Result<OrganizationId, StoreError> {
    let root = Organization {
        id: OrganizationId(Uuid::now_v7()),
        parent_id: None,
        name: ROOT_NAME.to_owned(),
        external_ids: BTreeMap::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    organizations::insert(tx, &root).await?;
    let done = Done {
        organization: root.id,
        actor: Actor::Platform,
        action: "organization.created",
        subject: Subject::new("organization", root.id),
        version: Some(root.version),
        details: Map::from_iter([("name".to_owned(), root.name.into())]),
        at: now,
    };
    records::change(tx, done).await?;
    Ok(root.id)
}
