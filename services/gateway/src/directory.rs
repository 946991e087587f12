//! What the gateway asks of identity and store.

use std::fmt;
use std::net::SocketAddr;

use async_trait::async_trait;
use millwright_ingest::intake::Generation;
use millwright_schemas::MachineId;
use millwright_store::machines::revocations::Credential;
use tokio::sync::watch;

use crate::session::{ChildSet, Claim, Refused, Subscription};

/// It can't be said or done now.
#[derive(Debug)]
pub struct Unavailable(pub Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("directory is unavailable")
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// An opened connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Greater than that of every earlier connection of the machine, which it fences off.
    pub generation: Generation,
    /// The machines it also speaks for.
    pub children: ChildSet,
    /// The filters of the machine's session of that client id, when one is kept.
    pub earlier: Option<Vec<Subscription>>,
}

/// Which connection, and which of the machine's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// Whose connection.
    pub machine: MachineId,
    /// Which of its connections.
    pub generation: Generation,
    /// Which of its sessions.
    pub client_id: String,
}

/// A live connection, as the directory is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Whose connection.
    pub machine: MachineId,
    /// Which of its connections.
    pub generation: Generation,
    /// What it was admitted with.
    pub credential: Credential,
    /// The machines it may speak for, as far as the gateway knows.
    pub children: ChildSet,
}

/// What is no longer as it was when the connection was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The credential is revoked, or the machine may no longer connect.
    Revoked,
    /// The certificate has expired.
    Expired,
    /// A later connection was opened, at another gateway, or this one was taken for ended.
    Superseded,
    /// It has other children.
    Children(ChildSet),
}

/// Who may connect, and what is remembered of connections. The truth is the database's; nothing
/// here is cached by the gateway for longer than the review interval.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Checks who a client says it is.
    ///
    /// # Errors
    /// Why it may not connect.
    async fn admit(&self, claim: &Claim) -> Result<Credential, Refused>;

    /// Opens a connection of an admitted machine: counts its generation up, and keeps or forgets
    /// the session as the claim asks.
    ///
    /// # Errors
    /// Why it may not connect after all.
    async fn open(
        &self,
        claim: &Claim,
        credential: &Credential,
        remote: SocketAddr,
    ) -> Result<Opened, Refused>;

    /// Remembers the filters of a kept session, unless a later connection has been opened.
    ///
    /// # Errors
    /// It can't be done now.
    async fn remember(&self, key: &SessionKey, filters: &[Subscription])
    -> Result<(), Unavailable>;

    /// A connection has ended; its session lives on for `kept_s` seconds.
    ///
    /// # Errors
    /// It can't be done now.
    async fn closed(
        &self,
        key: &SessionKey,
        why: &'static str,
        kept_s: u32,
    ) -> Result<(), Unavailable>;

    /// Compares live connections with the truth.
    ///
    /// # Errors
    /// It can't be said now.
    async fn review(
        &self,
        live: &[Live],
    ) -> Result<Vec<(MachineId, Generation, Change)>, Unavailable>;

    /// The connections that are recorded as open at this gateway, whether they are or not.
    ///
    /// # Errors
    /// It can't be said now.
    async fn held(&self) -> Result<Vec<SessionKey>, Unavailable>;

    /// Changes whenever something in the database may concern a live connection. Only a wake-up:
    /// the gateway reviews by itself too.
    fn changes(&self) -> watch::Receiver<u64>;
}
