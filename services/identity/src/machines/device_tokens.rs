//! Device tokens: MQTT passwords for devices that can't have a certificate.

use millwright_core::access::{Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_core::machine::{LifeEvent, OutOfUse, step};
use millwright_schemas::api::credentials::{DeviceTokenCreated, DeviceTokenList};
use millwright_schemas::{DeviceTokenId, MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::revocations::{self, Credential, Disconnect};
use millwright_store::machines::{device_tokens as rows, fleet};
use millwright_store::{Scope, Store, StoreError, Tx};
use serde_json::json;
use uuid::Uuid;

use super::authority::sha256;
use super::limits::DEVICE_TOKENS_MAX;
use crate::people::secrets;

/// What a token begins with.
const PREFIX: &str = "mwd_";

/// Why a token isn't made, shown or revoked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceTokenError {
    /// The caller may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The machine is decommissioned.
    #[error(transparent)]
    OutOfUse(#[from] OutOfUse),
    /// Too many.
    #[error("the machine has {DEVICE_TOKENS_MAX} device tokens; revoke one first")]
    TooMany,
    /// Not found in scope, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token for a machine.
///
/// # Errors
/// See [`DeviceTokenError`].
pub async fn create(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    now: Timestamp,
) -> Result<DeviceTokenCreated, DeviceTokenError> {
    caller.require(Permission::EnrollMachines)?;
    let secret = secrets::random(PREFIX);
    let hash = sha256(secret.expose().as_bytes());
    let id = DeviceTokenId(Uuid::now_v7());
    let tx = store.begin().await?;
    let found = fleet::load(&tx, Scope::Organization(caller.organization), machine).await?;
    step(found.state, LifeEvent::Connected)?;
    if rows::count_active(&tx, machine).await? >= DEVICE_TOKENS_MAX {
        return Err(DeviceTokenError::TooMany);
    }
    rows::insert(&tx, id, machine, found.organization_id, &hash, now).await?;
    record(&tx, caller, &found, "machine.device_token_created", id, now).await?;
    tx.commit().await?;
    Ok(DeviceTokenCreated { id, token: secret })
}

/// A machine's tokens, newest first, without their secrets.
///
/// # Errors
/// See [`DeviceTokenError`].
pub async fn list(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
) -> Result<DeviceTokenList, DeviceTokenError> {
    caller.require(Permission::ReadMachines)?;
    let scope = Scope::Organization(caller.organization);
    fleet::get(store, scope, machine).await?;
    Ok(DeviceTokenList { items: rows::list(store, scope, machine).await? })
}

/// Revokes a token and cuts a connection that was opened with it. Doing it again changes nothing.
///
/// # Errors
/// See [`DeviceTokenError`].
pub async fn revoke(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    id: DeviceTokenId,
    now: Timestamp,
) -> Result<(), DeviceTokenError> {
    caller.require(Permission::EnrollMachines)?;
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let found = fleet::load(&tx, scope, machine).await?;
    rows::load(&tx, scope, machine, id).await?;
    if rows::revoke(&tx, scope, id, now).await? {
        let cut = Disconnect {
            machine,
            credential: Some(Credential::DeviceToken(id)),
            reason: "device token revoked",
            actor: caller.actor,
        };
        revocations::disconnect(&tx, &cut, now).await?;
        record(&tx, caller, &found, "machine.device_token_revoked", id, now).await?;
    }
    Ok(tx.commit().await?)
}

async fn record(
    tx: &Tx,
    caller: &Caller,
    machine: &millwright_schemas::api::machines::Machine,
    action: &'static str,
    id: DeviceTokenId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let change = Change {
        organization: machine.organization_id,
        actor: caller.actor,
        action,
        subject: Subject::new("machine", machine.id),
        version: None,
        details: changes::fields(&json!({"device_token_id": id}), &[])?,
        at,
    };
    changes::record(tx, change).await
}
