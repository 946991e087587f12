//! Opens the keys, changes them, and tells who uses them.

use std::path::Path;
use std::sync::Arc;

use millwright_core::access::{Actor, Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_schemas::api::credentials::{RetireTrust, RotateTrust, TrustPart, TrustVersion};
use millwright_schemas::api::enrollment::TrustChain;
use millwright_schemas::wire::trust::TrustBundle;
use millwright_schemas::{OrganizationId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{organizations, trust as rows};
use millwright_store::{Store, StoreError, Tx};
use tokio::sync::{Mutex, watch};

use super::state::load;
use super::{TrustError, TrustState, bundle};
use crate::machines::keys::KeyFolder;
use crate::machines::limits::{TRUSTED_KEYS_MAX, UNUSED_KEY_AFTER_S};
use crate::machines::{authority, command_key};

/// The keys of one platform. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trust {
    store: Store,
    folder: KeyFolder,
    state: Arc<watch::Sender<Arc<TrustState>>>,
    /// One change at a time.
    changing: Arc<Mutex<()>>,
}

impl Trust {
    /// Opens the keys in this data folder; makes them and the first bundle when there are none.
    ///
    /// # Errors
    /// When a key is missing, can be read by others or isn't understood, or the database can't.
    pub async fn open(store: Store, data: &Path, now: Timestamp) -> Result<Self, TrustError> {
        let folder = KeyFolder::open(data)?;
        let bundle = match rows::newest(&store).await? {
            Some(bundle) => bundle,
            None => create_first(&store, &folder, now).await?,
        };
        let state = load(&folder, bundle)?;
        let used = bundle::files(state.bundle())?;
        let prefixes = [authority::FILE_PREFIX, command_key::FILE_PREFIX];
        let before = now.plus_seconds(-UNUSED_KEY_AFTER_S);
        for name in folder.set_aside_unused(&prefixes, &used, before)? {
            tracing::warn!(file = name, "key file set aside: nobody trusts this key");
        }
        Ok(Self {
            store,
            folder,
            state: Arc::new(watch::Sender::new(Arc::new(state))),
            changing: Arc::default(),
        })
    }

    /// The keys now.
    #[must_use]
    pub fn current(&self) -> Arc<TrustState> {
        Arc::clone(&self.state.borrow())
    }

    /// Follows the keys: the gateway takes new roots and a new certificate when they change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<TrustState>> {
        self.state.subscribe()
    }

    /// The signed bundles after a version.
    ///
    /// # Errors
    /// When the database can't.
    pub async fn chain(&self, after: u64) -> Result<TrustChain, TrustError> {
        let bundles = rows::after(&self.store, after).await?;
        Ok(TrustChain { bundles, version: self.current().bundle().version })
    }

    /// Adds a new key beside the ones that are trusted.
    ///
    /// # Errors
    /// Not permitted, too many, or it can't be made or stored.
    pub async fn rotate(
        &self,
        caller: &Caller,
        input: &RotateTrust,
        now: Timestamp,
    ) -> Result<TrustVersion, TrustError> {
        self.authorize(caller).await?;
        let _changing = self.changing.lock().await;
        let state = self.refreshed().await?;
        let mut next = bundle::successor(state.bundle(), now);
        match input.what {
            TrustPart::CommandKey => bundle::add_command_key(&self.folder, &mut next)?,
            TrustPart::Ca if state.issuers().len() >= TRUSTED_KEYS_MAX => {
                return Err(TrustError::TooMany);
            }
            TrustPart::Ca => bundle::add_authority(&self.folder, &mut next, now)?,
        }
        self.publish(&state, next, caller, "trust.rotated", now).await
    }

    /// Ends the trust in an old key.
    ///
    /// # Errors
    /// Not permitted, unknown, in use, or it can't be stored.
    pub async fn retire(
        &self,
        caller: &Caller,
        input: &RetireTrust,
        now: Timestamp,
    ) -> Result<TrustVersion, TrustError> {
        self.authorize(caller).await?;
        let _changing = self.changing.lock().await;
        let state = self.refreshed().await?;
        let version = state.version();
        let trusted = match input.what {
            TrustPart::CommandKey => &version.command_keys,
            TrustPart::Ca => &version.cas,
        };
        if !trusted.contains(&input.id) {
            return Err(TrustError::Unknown(input.id.chars().take(64).collect()));
        }
        if trusted.last() == Some(&input.id) {
            return Err(TrustError::InUse(input.id.clone()));
        }
        let mut next = bundle::successor(state.bundle(), now);
        match input.what {
            TrustPart::CommandKey => next.command_keys.keys.retain(|key| key.kid != input.id),
            TrustPart::Ca => next.ca_certificates = bundle::without(state.issuers(), &input.id),
        }
        self.publish(&state, next, caller, "trust.retired", now).await
    }

    /// The platform's keys are not a customer's: only administrators of the organization at the
    /// top, which runs the platform, change them.
    async fn authorize(&self, caller: &Caller) -> Result<(), TrustError> {
        caller.require(Permission::OperatePlatform)?;
        if organizations::root(&self.store).await? == Some(caller.organization) {
            Ok(())
        } else {
            Err(Forbidden(Permission::OperatePlatform).into())
        }
    }

    /// The newest bundle, in case a commit succeeded whose outcome was never learned.
    async fn refreshed(&self) -> Result<Arc<TrustState>, TrustError> {
        match rows::newest(&self.store).await? {
            Some(newest) if newest.version != self.current().bundle().version => {
                self.state.send_replace(Arc::new(load(&self.folder, newest)?));
            }
            _ => {}
        }
        Ok(self.current())
    }

    /// Signs the next bundle by a key of the current one, commits it, and uses it.
    async fn publish(
        &self,
        state: &TrustState,
        next: TrustBundle,
        caller: &Caller,
        action: &'static str,
        now: Timestamp,
    ) -> Result<TrustVersion, TrustError> {
        let next_state = load(&self.folder, next)?;
        let jws = state.sign_bundle(next_state.bundle())?;
        let version = next_state.version();
        let tx = self.store.begin().await?;
        rows::insert(&tx, next_state.bundle(), &jws, now).await?;
        record(&tx, (caller.organization, caller.actor), action, &version, now).await?;
        tx.commit().await?;
        self.state.send_replace(Arc::new(next_state));
        Ok(version)
    }
}

async fn record(
    tx: &Tx,
    (organization, actor): (OrganizationId, Actor),
    action: &'static str,
    version: &TrustVersion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let change = Change {
        organization,
        actor,
        action,
        subject: Subject::new("trust_bundle", version.version),
        version: i64::try_from(version.version).ok(),
        details: changes::fields(version, &["version"])?,
        at,
    };
    changes::record(tx, change).await
}

async fn create_first(
    store: &Store,
    folder: &KeyFolder,
    now: Timestamp,
) -> Result<TrustBundle, TrustError> {
    // Several processes may start at once on an empty database: one after the other gets here.
    let tx = store.begin().await?;
    if let Some(made) = rows::load_newest(&tx).await? {
        return Ok(made);
    }
    let state = load(folder, bundle::first(folder, now)?)?;
    let jws = state.sign_bundle(state.bundle())?;
    rows::insert(&tx, state.bundle(), &jws, now).await?;
    // Without an organization there is nobody whose log it could be in.
    if let Some(root) = organizations::load_root(&tx).await? {
        let by = (root, Actor::Platform);
        record(&tx, by, "trust.created", &state.version(), now).await?;
    }
    tx.commit().await?;
    Ok(state.bundle().clone())
}
