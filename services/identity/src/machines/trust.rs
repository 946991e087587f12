//! What machines trust: command keys and CAs, their rotation and their retirement.
//!
//! A rotation adds a key beside the ones that are trusted, as a new version of the signed bundle.
//! From then on
//! - the newest command key signs commands. A machine on an older version doesn't know it, asks
//!   for `GET /trust?after=n` and follows the chain, each version signed by a key of the one
//!   before;
//! - the newest CA issues machines' certificates (they are answered with the new bundle), while
//!   the MQTT server goes on showing a certificate of the oldest CA that isn't retired, so that a
//!   machine that was offline connects without knowing the newer one.
//!
//! A retirement ends the trust in an old key. Machines that only know a retired CA fail in TLS,
//! ask for `GET /trust?after=n` over HTTP, and come back. The last of a kind can't be retired.
//!
//! A key file is on disk before the bundle that names it is committed. What a crash leaves
//! between the two is set aside at the next start.

use std::path::Path;
use std::sync::Arc;

use millwright_core::access::{Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_schemas::Timestamp;
use millwright_schemas::api::credentials::{RetireTrust, RotateTrust, TrustPart, TrustVersion};
use millwright_schemas::api::enrollment::TrustChain;
use millwright_schemas::wire::trust::{BUNDLE_TYP, Jwks, TrustBundle};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{organizations, trust as rows};
use millwright_store::{Store, StoreError, Tx};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use super::authority::{self, Authority, AuthorityError, ServerCertificate};
use super::command_key::{self, CommandKey, CommandKeyError};
use super::keys::{KeyFileError, KeyFolder};
use super::limits::TRUSTED_KEYS_MAX;

/// Keys can't be read, made, rotated or retired.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Only administrators of the organization that runs the platform may.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// A CA.
    #[error("device CA {name}")]
    Authority {
        /// Its file, or "new".
        name: String,
        /// Why.
        #[source]
        source: AuthorityError,
    },
    /// A command key.
    #[error("command key {name}")]
    CommandKey {
        /// Its file, or "new".
        name: String,
        /// Why.
        #[source]
        source: CommandKeyError,
    },
    /// The newest bundle names nothing that could be used.
    #[error("trust bundle {0} can't be used: {1}")]
    Bundle(u64, &'static str),
    /// Too many keys of a kind.
    #[error("{TRUSTED_KEYS_MAX} keys of this kind are trusted; retire one first")]
    TooMany,
    /// It isn't trusted.
    #[error("{0:?} is not trusted in the current version")]
    Unknown(String),
    /// It is the one in use.
    #[error("{0:?} is the newest of its kind and in use; rotate first")]
    InUse(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys as they are now.
#[derive(Debug)]
pub struct TrustState {
    bundle: TrustBundle,
    signer: CommandKey,
    /// Oldest first; never empty.
    authorities: Vec<Authority>,
    newest: usize,
}

impl TrustState {
    /// What machines trust now.
    #[must_use]
    pub fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// The CAs of machines' certificates: the roots of the gateway's client authentication.
    #[must_use]
    pub fn authorities(&self) -> Vec<CertificateDer<'static>> {
        self.authorities.iter().map(|authority| authority.certificate().clone()).collect()
    }

    /// SHA-256 of the CA that enrolment codes name.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        authority::fingerprint(self.issuer().certificate())
    }

    /// Issues a certificate for the MQTT server to these hosts and this computer's own names, by
    /// the oldest CA that is trusted.
    ///
    /// # Errors
    /// When a host isn't a host name or address.
    pub fn issue_server_certificate(
        &self,
        hosts: &[String],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let valid = |authority: &&Authority| authority.last_day(now.plus_seconds(1)) > now;
        self.authorities.iter().find(valid).unwrap_or(self.issuer()).issue_server(hosts, now)
    }

    /// Signs what machines obey: a compact JWS of this `typ`.
    ///
    /// # Errors
    /// When the claims can't be written as JSON.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, CommandKeyError> {
        self.signer.sign(typ, claims)
    }

    pub(super) fn issuer(&self) -> &Authority {
        &self.authorities[self.newest]
    }

    /// The version and its keys' names.
    #[must_use]
    pub fn version(&self) -> TrustVersion {
        let fingerprint =
            |authority: &Authority| hex::encode(authority::fingerprint(authority.certificate()));
        TrustVersion {
            version: self.bundle.version,
            command_keys: kids(&self.bundle),
            cas: self.authorities.iter().map(fingerprint).collect(),
        }
    }
}

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
        let used = files(&state.bundle)?;
        let prefixes = [authority::FILE_PREFIX, command_key::FILE_PREFIX];
        for name in folder.set_aside_unused(&prefixes, &used)? {
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
        Ok(TrustChain { bundles, version: self.current().bundle.version })
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
        let state = self.current();
        let mut next = successor(&state.bundle, now);
        match input.what {
            TrustPart::CommandKey => add_command_key(&self.folder, &mut next)?,
            TrustPart::Ca if state.authorities.len() >= TRUSTED_KEYS_MAX => {
                return Err(TrustError::TooMany);
            }
            TrustPart::Ca => add_authority(&self.folder, &mut next, now)?,
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
        let state = self.current();
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
        let mut next = successor(&state.bundle, now);
        match input.what {
            TrustPart::CommandKey => next.command_keys.keys.retain(|key| key.kid != input.id),
            TrustPart::Ca => next.ca_certificates = without(&state.authorities, &input.id),
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
        let jws = sign_bundle(&state.signer, &next_state.bundle)?;
        let version = next_state.version();
        let tx = self.store.begin().await?;
        rows::insert(&tx, &next_state.bundle, &jws, now).await?;
        record(&tx, caller, action, &version, now).await?;
        tx.commit().await?;
        self.state.send_replace(Arc::new(next_state));
        Ok(version)
    }
}

async fn record(
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    version: &TrustVersion,
    at: Timestamp,
) -> Result<(), StoreError> {
    let change = Change {
        organization: caller.organization,
        actor: caller.actor,
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
    let mut bundle = TrustBundle {
        version: 1,
        iat: now.seconds(),
        command_keys: Jwks { keys: Vec::new() },
        ca_certificates: String::new(),
    };
    add_command_key(folder, &mut bundle)?;
    add_authority(folder, &mut bundle, now)?;
    let state = load(folder, bundle)?;
    let jws = sign_bundle(&state.signer, &state.bundle)?;
    let tx = store.begin().await?;
    rows::insert(&tx, &state.bundle, &jws, now).await?;
    tx.commit().await?;
    Ok(state.bundle)
}

fn successor(bundle: &TrustBundle, now: Timestamp) -> TrustBundle {
    TrustBundle { version: bundle.version + 1, iat: now.seconds(), ..bundle.clone() }
}

fn add_command_key(folder: &KeyFolder, bundle: &mut TrustBundle) -> Result<(), TrustError> {
    if bundle.command_keys.keys.len() >= TRUSTED_KEYS_MAX {
        return Err(TrustError::TooMany);
    }
    let (key, text) = CommandKey::generate().map_err(|source| command_key_error("new", source))?;
    folder.write(&command_key::file_name(&key.jwk().kid), &text)?;
    bundle.command_keys.keys.push(key.jwk().clone());
    Ok(())
}

fn add_authority(
    folder: &KeyFolder,
    bundle: &mut TrustBundle,
    now: Timestamp,
) -> Result<(), TrustError> {
    let authority = Authority::generate(now).map_err(|source| authority_error("new", source))?;
    let name = authority::file_name(&authority::fingerprint(authority.certificate()));
    folder.write(&name, &authority.to_key_file())?;
    bundle.ca_certificates.push_str(authority.certificate_pem());
    Ok(())
}

fn without(authorities: &[Authority], fingerprint: &str) -> String {
    authorities
        .iter()
        .filter(|authority| {
            hex::encode(authority::fingerprint(authority.certificate())) != fingerprint
        })
        .map(Authority::certificate_pem)
        .collect()
}

/// Reads the private keys of a bundle.
fn load(folder: &KeyFolder, bundle: TrustBundle) -> Result<TrustState, TrustError> {
    let newest_key = kids(&bundle).pop();
    let kid = newest_key.ok_or(TrustError::Bundle(bundle.version, "it has no command key"))?;
    let name = command_key::file_name(&kid);
    let signer = CommandKey::from_key_file(&folder.read(&name)?)
        .map_err(|source| command_key_error(&name, source))?;
    let mut authorities = Vec::new();
    for certificate in certificates(&bundle)? {
        let name = authority::file_name(&authority::fingerprint(&certificate));
        let authority = Authority::from_key_file(&folder.read(&name)?)
            .map_err(|source| authority_error(&name, source))?;
        authorities.push(authority);
    }
    let newest = authorities.len().checked_sub(1);
    let newest = newest.ok_or(TrustError::Bundle(bundle.version, "it has no CA"))?;
    Ok(TrustState { bundle, signer, authorities, newest })
}

fn sign_bundle(signer: &CommandKey, bundle: &TrustBundle) -> Result<String, TrustError> {
    signer.sign(BUNDLE_TYP, bundle).map_err(|source| command_key_error(&signer.jwk().kid, source))
}

fn kids(bundle: &TrustBundle) -> Vec<String> {
    bundle.command_keys.keys.iter().map(|key| key.kid.clone()).collect()
}

fn certificates(bundle: &TrustBundle) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(bundle.ca_certificates.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TrustError::Bundle(bundle.version, "its CAs aren't certificates"))
}

/// The key files that a bundle needs.
fn files(bundle: &TrustBundle) -> Result<Vec<String>, TrustError> {
    let keys = bundle.command_keys.keys.iter().map(|key| command_key::file_name(&key.kid));
    let cas = certificates(bundle)?;
    let cas = cas.iter().map(|der| authority::file_name(&authority::fingerprint(der)));
    Ok(keys.chain(cas).collect())
}

fn authority_error(name: &str, source: AuthorityError) -> TrustError {
    TrustError::Authority { name: name.to_owned(), source }
}

fn command_key_error(name: &str, source: CommandKeyError) -> TrustError {
    TrustError::CommandKey { name: name.to_owned(), source }
}
