//! The directory on the platform's database.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use millwright_identity::machines::admission;
use millwright_identity::machines::connections::{
    self, Closing, OpenError, Opening, Register, Remembering, Review,
};
use millwright_identity::machines::proof::{self, ProofError};
use millwright_ingest::intake::Generation;
use millwright_schemas::{MachineId, topics};
use millwright_store::machines::connections::{Held, NewConnection, held_by};
use millwright_store::machines::revocations::Credential;
use millwright_store::machines::sessions::Filters;
use millwright_store::{Store, StoreError};
use tokio::sync::watch;

use crate::connection::now;
use crate::directory::{Change, Directory, Live, Opened, SessionKey, Unavailable};
use crate::session::{ChildSet, Claim, Presented, Refused, Subscription};
use crate::wire::Version;

/// The directory of a gateway with this name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreDirectory {
    store: Store,
    register: Register,
    gateway: String,
    /// By which hosts machines know this platform.
    hosts: Arc<[String]>,
    changes: watch::Sender<u64>,
}

impl StoreDirectory {
    /// A directory on this store. The name tells this gateway from others on the same database.
    ///
    /// # Errors
    /// When connections that a former run left open can't be closed.
    pub async fn open(store: Store, gateway: impl Into<String>) -> Result<Self, StoreError> {
        let gateway = gateway.into();
        connections::reset(&store, &gateway, now()).await?;
        let (register, hosts) = (Register::start(store.clone()), Arc::from([]));
        Ok(Self { store, register, gateway, hosts, changes: watch::Sender::new(0) })
    }

    /// By which hosts machines know this platform: who proves the key of a certificate says to
    /// which of them. Without any, no such proof is accepted.
    #[must_use]
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        self
    }

    /// Something may have changed that concerns live connections: a credential was revoked, a
    /// machine got another parent. The gateway looks at once instead of at its next review.
    pub fn wake(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[async_trait]
impl Directory for StoreDirectory {
    async fn admit(&self, claim: &Claim) -> Result<Credential, Refused> {
        match &claim.presented {
            Presented::Certificate(serial) => {
                let accepted =
                    admission::accepts_certificate(&self.store, claim.machine, serial).await;
                if accepted.map_err(|error| unavailable(&error))? {
                    Ok(Credential::Certificate(serial.clone()))
                } else {
                    Err(Refused::NotAuthorized)
                }
            }
            Presented::Token(token) => {
                let found = admission::find_token(&self.store, claim.machine, token.expose()).await;
                let id =
                    found.map_err(|error| unavailable(&error))?.ok_or(Refused::BadCredentials)?;
                Ok(Credential::DeviceToken(id))
            }
            Presented::Proof(proof) => {
                let (machine, proof) = (claim.machine, proof.expose());
                match proof::check(&self.store, machine, proof, &self.hosts, now()).await {
                    Ok(serial) => Ok(Credential::Certificate(serial)),
                    Err(error) => Err(refused(machine, &error)),
                }
            }
        }
    }

    async fn open(
        &self,
        claim: &Claim,
        credential: &Credential,
        remote: SocketAddr,
    ) -> Result<Opened, Refused> {
        let connection = NewConnection {
            machine: claim.machine,
            gateway: self.gateway.clone(),
            client_id: claim.client_id.clone(),
            protocol: protocol(claim.version).to_owned(),
            remote_address: remote.to_string(),
            at: now(),
        };
        let opening = Opening {
            connection,
            credential: credential.clone(),
            clean_start: claim.clean_start,
            kept: claim.kept_s > 0,
        };
        let opened = match self.register.open(opening).await {
            Ok(opened) => opened,
            Err(OpenError::Revoked) => return Err(Refused::NotAuthorized),
            Err(OpenError::Busy) => return Err(Refused::Unavailable),
            Err(OpenError::Store(error)) => return Err(unavailable(&error)),
        };
        Ok(Opened {
            generation: Generation(opened.generation),
            children: opened.children.into_iter().collect(),
            earlier: opened.earlier.map(|filters| read_filters(claim.machine, &filters)),
        })
    }

    async fn remember(
        &self,
        key: &SessionKey,
        filters: &[Subscription],
    ) -> Result<(), Unavailable> {
        let SessionKey { machine, generation, client_id } = key;
        let remembering = Remembering {
            machine: *machine,
            generation: generation.0,
            client_id: client_id.clone(),
            filters: write_filters(filters),
            at: now(),
        };
        let remembered = self.register.remember(remembering).await;
        remembered.map_err(|error| Unavailable(Box::new(error)))?;
        Ok(())
    }

    async fn closed(
        &self,
        key: &SessionKey,
        why: &'static str,
        kept_s: u32,
    ) -> Result<(), Unavailable> {
        let closing = Closing {
            machine: key.machine,
            generation: key.generation.0,
            client_id: key.client_id.clone(),
            reason: why,
            kept_s,
            at: now(),
        };
        let closed = self.register.close(closing).await;
        closed.map_err(|error| Unavailable(Box::new(error)))?;
        Ok(())
    }

    async fn review(
        &self,
        live: &[Live],
    ) -> Result<Vec<(MachineId, Generation, Change)>, Unavailable> {
        let asked: Vec<_> =
            live.iter().map(|live| (live.machine, live.credential.clone())).collect();
        let review = connections::review(&self.store, &asked, now()).await;
        let review = review.map_err(|error| Unavailable(Box::new(error)))?;
        let changes = live.iter().filter_map(|live| {
            compare(live, &review).map(|change| (live.machine, live.generation, change))
        });
        Ok(changes.collect())
    }

    async fn held(&self) -> Result<Vec<SessionKey>, Unavailable> {
        let held = held_by(&self.store, &self.gateway).await;
        let held = held.map_err(|error| Unavailable(Box::new(error)))?;
        let key = |Held { machine, generation, client_id }| SessionKey {
            machine,
            generation: Generation(generation),
            client_id,
        };
        Ok(held.into_iter().map(key).collect())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

fn compare(live: &Live, review: &Review) -> Option<Change> {
    if review.expired.contains(&live.credential) {
        return Some(Change::Expired);
    }
    if !review.accepted.contains(&live.credential) {
        return Some(Change::Revoked);
    }
    let current = review.generations.get(&live.machine).copied();
    if current.is_none_or(|current| current > live.generation.0) {
        return Some(Change::Superseded);
    }
    let children = review.children.get(&live.machine);
    let children: ChildSet = children.into_iter().flatten().copied().collect();
    (children != live.children).then_some(Change::Children(children))
}

/// Filters are kept as clients write them.
fn write_filters(filters: &[Subscription]) -> Filters {
    let texts = filters.iter().map(|subscription| {
        let filter = &subscription.filter;
        let text = match (filter.alias, filter.channel) {
            (true, None) => topics::down_me_filter(),
            (true, Some(channel)) => topics::down_me(channel),
            (false, None) => topics::down_filter(filter.machine),
            (false, Some(channel)) => topics::down(filter.machine, channel),
        };
        (text, subscription.qos)
    });
    texts.collect()
}

/// What is no longer understood is left out. Whether a child is still one is checked at each
/// delivery.
fn read_filters(machine: MachineId, filters: &Filters) -> Vec<Subscription> {
    let read = filters.iter().filter_map(|(text, qos)| {
        let filter = topics::parse_down_filter(text, machine).ok()?;
        Some(Subscription { filter, qos: (*qos).min(1) })
    });
    read.collect()
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::V3 => "3.1.1",
        Version::V5 => "5",
    }
}

/// The reason stands in the log only: whoever asks may be a stranger.
fn refused(machine: MachineId, error: &ProofError) -> Refused {
    match error {
        ProofError::Store(error) => return unavailable(error),
        // An operator must find this: every machine behind the proxy is refused.
        ProofError::Audience { .. } => tracing::warn!(machine.id = %machine, %error, "refused"),
        _ => tracing::debug!(machine.id = %machine, %error, "refused"),
    }
    if matches!(error, ProofError::Ended(_)) {
        Refused::NotAuthorized
    } else {
        Refused::BadCredentials
    }
}

fn unavailable(error: &StoreError) -> Refused {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "connection neither let in nor refused"
    );
    Refused::Unavailable
}
