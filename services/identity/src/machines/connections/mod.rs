//! Machines' connections, as gateways open, close and review them.

mod register;

use std::collections::{HashMap, HashSet};

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_core::machine::LifeEvent;
use millwright_schemas::api::machines::{Machine, MachineState};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::events::{self, NewEvent};
use millwright_store::machines::connections::{self as rows, NewConnection};
use millwright_store::machines::revocations::{self, Credential};
use millwright_store::machines::sessions::{self, Filters};
use millwright_store::machines::{device_tokens, fleet};
use millwright_store::{Scope, Store, StoreError, Tx};
use serde_json::{Map, Value, json};

use super::enroll::{EnrollError, commission};
use super::limits::LEFT_SESSION_S;
pub use register::Register;

/// Why a connection isn't opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The credential was revoked or has expired since it was checked, or the machine may not connect.
    #[error("the credential is no longer accepted")]
    Revoked,
    /// Too many wait, or it has waited too long.
    #[error("too many connections wait to be opened")]
    Busy,
    /// The database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A connection that begins, after its credential was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whose, where, how.
    pub connection: NewConnection,
    /// What it was admitted with.
    pub credential: Credential,
    /// Whether an earlier session is to be forgotten.
    pub clean_start: bool,
    /// Whether the session is kept after the connection: then it exists from now on, filters or
    /// not.
    pub kept: bool,
}

/// An opened connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Greater than that of every earlier connection of the machine.
    pub generation: i64,
    /// The machines it also speaks for.
    pub children: Vec<MachineId>,
    /// The filters of the earlier session that goes on.
    pub earlier: Option<Filters>,
}

/// Opens a connection: fences earlier ones off, takes up or forgets the session, and commissions
/// the machine if it is its first contact. Nothing is written when it is refused.
async fn open(tx: &Tx, opening: Opening) -> Result<Opened, OpenError> {
    let Opening { connection, credential, clean_start, kept } = opening;
    let (id, now) = (connection.machine, connection.at);
    let client_id = connection.client_id.clone();
    let machine = match fleet::load(tx, Scope::Platform, id).await {
        Err(StoreError::NotFound(_)) => return Err(OpenError::Revoked),
        other => other?,
    };
    if !revocations::accepts(tx, id, &credential, now).await? {
        return Err(OpenError::Revoked);
    }
    let machine = first_contact(tx, machine, now).await?;
    if let Credential::DeviceToken(token) = &credential {
        device_tokens::touch(tx, *token, now).await?;
    }
    let data = json!({"protocol": connection.protocol, "gateway": connection.gateway});
    let generation = rows::open(tx, connection).await?;
    let earlier = if clean_start {
        sessions::delete(tx, id).await?;
        None
    } else {
        sessions::resume(tx, id, &client_id, now).await?
    };
    if kept && earlier.is_none() {
        sessions::put(tx, id, &client_id, &Filters::new(), now).await?;
    }
    presence(tx, &machine, "machine.connected", changes::fields(&data, &[])?, now).await?;
    let children = fleet::load_children(tx, id).await?;
    Ok(Opened { generation, children, earlier })
}

async fn first_contact(tx: &Tx, before: Machine, now: Timestamp) -> Result<Machine, OpenError> {
    let was = before.state;
    let machine = match commission(tx, before, LifeEvent::Connected, now).await {
        Ok(machine) => machine,
        Err(EnrollError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(OpenError::Revoked),
    };
    if was == MachineState::Registered {
        let change = Change {
            organization: machine.organization_id,
            actor: Actor::Machine(machine.id),
            action: "machine.commissioned",
            subject: Subject::new("machine", machine.id),
            version: Some(machine.version),
            details: Map::new(),
            at: now,
        };
        changes::record(tx, change).await?;
    }
    Ok(machine)
}

/// The filters of a connection's session, to be remembered unless a later connection was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembering {
    /// Whose they are.
    pub machine: MachineId,
    /// Of which of its connections.
    pub generation: i64,
    /// Of which of its sessions.
    pub client_id: String,
    /// All of them.
    pub filters: Filters,
    /// When.
    pub at: Timestamp,
}

/// Returns whether it was the current connection.
async fn remember(tx: &Tx, remembering: &Remembering) -> Result<bool, StoreError> {
    let Remembering { machine, generation, client_id, filters, at } = remembering;
    if !rows::is_current(tx, *machine, *generation).await? {
        return Ok(false);
    }
    sessions::put(tx, *machine, client_id, filters, *at).await?;
    Ok(true)
}

/// A connection that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Whose it was.
    pub machine: MachineId,
    /// Which of its connections.
    pub generation: i64,
    /// Which of its sessions.
    pub client_id: String,
    /// Why it ended.
    pub reason: &'static str,
    /// How long the session is kept, in seconds.
    pub kept_s: u32,
    /// When it ended.
    pub at: Timestamp,
}

/// Records the end of a connection, unless a later one has taken its place. Returns whether it
/// was the current one.
async fn close(tx: &Tx, closing: &Closing) -> Result<bool, StoreError> {
    let Closing { machine, generation, client_id, reason, kept_s, at } = closing;
    let (machine, at) = (*machine, *at);
    if !rows::close(tx, machine, *generation, reason, at).await? {
        return Ok(false);
    }
    if *kept_s == 0 {
        sessions::delete(tx, machine).await?;
    } else {
        sessions::expire(tx, machine, client_id, at.plus_seconds(i64::from(*kept_s))).await?;
    }
    let found = fleet::load(tx, Scope::Platform, machine).await?;
    let data = changes::fields(&json!({"reason": reason}), &[])?;
    presence(tx, &found, "machine.disconnected", data, at).await?;
    Ok(true)
}

/// Records that all connections of a gateway have ended, because it starts anew or is gone. Their
/// sessions are kept for [`LEFT_SESSION_S`]. Returns whose they were.
///
/// # Errors
/// When the database can't.
pub async fn reset(
    store: &Store,
    gateway: &str,
    now: Timestamp,
) -> Result<Vec<MachineId>, StoreError> {
    let tx = store.begin().await?;
    let machines = rows::reset(&tx, gateway, now).await?;
    let kept_until = now.plus_seconds(i64::from(LEFT_SESSION_S));
    sessions::expire_all(&tx, &machines, kept_until).await?;
    let reason = changes::fields(&json!({"reason": rows::GATEWAY_RESTARTED}), &[])?;
    for machine in &machines {
        let found = fleet::load(&tx, Scope::Platform, *machine).await?;
        presence(&tx, &found, "machine.disconnected", reason.clone(), now).await?;
    }
    tx.commit().await?;
    Ok(machines)
}

/// Presence is an event but no audit record: nobody has changed anything.
async fn presence(
    tx: &Tx,
    machine: &Machine,
    event_type: &'static str,
    data: Map<String, Value>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let event = NewEvent {
        organization: machine.organization_id,
        event_type,
        subject: Subject::new("machine", machine.id),
        version: None,
        actor: Actor::Machine(machine.id),
        origin: None,
        data,
        occurred_at: at,
    };
    events::append(tx, event).await
}

/// What is true now of live connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    /// Each machine's current generation.
    pub generations: HashMap<MachineId, i64>,
    /// The credentials, of those asked about, that are accepted.
    pub accepted: HashSet<Credential>,
    /// The certificates, of those asked about, that have expired and weren't revoked.
    pub expired: HashSet<Credential>,
    /// Each machine's children; machines without any are left out.
    pub children: HashMap<MachineId, HashSet<MachineId>>,
}

/// Reads what is true now of live connections and their credentials.
///
/// # Errors
/// When the database can't say.
pub async fn review(
    store: &Store,
    live: &[(MachineId, Credential)],
    now: Timestamp,
) -> Result<Review, StoreError> {
    let mut review = Review::default();
    for part in live.chunks(REVIEWED_AT_ONCE) {
        let machines: Vec<MachineId> = part.iter().map(|(machine, _)| *machine).collect();
        review.generations.extend(rows::generations(store, &machines).await?);
        let standing = revocations::standing(store, part, now).await?;
        review.accepted.extend(standing.accepted);
        review.expired.extend(standing.expired);
        for (parent, child) in fleet::children_of(store, &machines).await? {
            review.children.entry(parent).or_default().insert(child);
        }
    }
    Ok(review)
}

/// Connections that one query asks about.
const REVIEWED_AT_ONCE: usize = 1_000;
