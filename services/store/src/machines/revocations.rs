//! Revoked credentials: ends a machine's credentials, and tells gateways which were ended.

use std::collections::HashSet;

use millwright_core::access::Actor;
use millwright_schemas::{CertificateSerial, DeviceTokenId, MachineId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::entities::{certificate, device_token, enrollment_code};
use crate::jobs::{self, NewJob};
use crate::{Store, StoreError, Tx};

/// The job that cuts a live connection. Payload: [`disconnect`].
pub const DISCONNECT_JOB: &str = "machine.disconnect";
/// Most revocations told at once.
const REVOKED_BATCH: u64 = 1_000;

/// What a machine has shown to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A certificate.
    Certificate(CertificateSerial),
    /// A device token.
    DeviceToken(DeviceTokenId),
}

/// A credential that is no longer accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whose it was.
    pub machine: MachineId,
    /// Which.
    pub credential: Credential,
    /// Since when.
    pub revoked_at: Timestamp,
}

/// Credentials revoked at or after a time, oldest first, at most 1,000 of each kind. For the
/// gateways' poll; ask again from the last time answered.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn since(store: &Store, time: Timestamp) -> Result<Vec<Revocation>, StoreError> {
    let certificates = certificate::Entity::find()
        .filter(certificate::Column::RevokedAt.gte(time.micros()))
        .order_by_asc(certificate::Column::RevokedAt)
        .limit(REVOKED_BATCH)
        .all(store.readers())
        .await?;
    let tokens = device_token::Entity::find()
        .filter(device_token::Column::RevokedAt.gte(time.micros()))
        .order_by_asc(device_token::Column::RevokedAt)
        .limit(REVOKED_BATCH)
        .all(store.readers())
        .await?;
    let mut all = Vec::with_capacity(certificates.len() + tokens.len());
    for row in certificates {
        let serial = row.serial.parse();
        let serial = serial.map_err(|error| StoreError::corrupt("certificates", error))?;
        all.push(Revocation {
            machine: MachineId(row.machine_id),
            credential: Credential::Certificate(serial),
            revoked_at: Timestamp::from_micros(row.revoked_at.unwrap_or(0)),
        });
    }
    all.extend(tokens.into_iter().map(|row| Revocation {
        machine: MachineId(row.machine_id),
        credential: Credential::DeviceToken(DeviceTokenId(row.id)),
        revoked_at: Timestamp::from_micros(row.revoked_at.unwrap_or(0)),
    }));
    all.sort_by_key(|revocation| revocation.revoked_at);
    Ok(all)
}

/// Whether a credential of a machine is accepted.
///
/// # Errors
/// When the database can't be used.
pub async fn accepts(
    tx: &Tx,
    machine: MachineId,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let asked = [(machine, credential.clone())];
    Ok(!accepted_on(tx.conn(), &asked).await?.is_empty())
}

/// Those of these credentials that are accepted. For gateways: not bound to a scope.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn accepted(
    store: &Store,
    asked: &[(MachineId, Credential)],
) -> Result<Vec<Credential>, StoreError> {
    accepted_on(store.readers(), asked).await
}

async fn accepted_on(
    db: &impl ConnectionTrait,
    asked: &[(MachineId, Credential)],
) -> Result<Vec<Credential>, StoreError> {
    let (mut serials, mut tokens) = (Vec::new(), Vec::new());
    for (_, credential) in asked {
        match credential {
            Credential::Certificate(serial) => serials.push(serial.as_str()),
            Credential::DeviceToken(id) => tokens.push(id.uuid()),
        }
    }
    let mut found: Vec<(MachineId, Credential)> = Vec::new();
    if !serials.is_empty() {
        let rows: Vec<(Uuid, String)> = certificate::Entity::find()
            .select_only()
            .columns([certificate::Column::MachineId, certificate::Column::Serial])
            .filter(certificate::Column::Serial.is_in(serials))
            .filter(certificate::Column::RevokedAt.is_null())
            .into_tuple()
            .all(db)
            .await?;
        for (machine, serial) in rows {
            let serial = serial.parse();
            let serial = serial.map_err(|error| StoreError::corrupt("certificates", error))?;
            found.push((MachineId(machine), Credential::Certificate(serial)));
        }
    }
    if !tokens.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = device_token::Entity::find()
            .select_only()
            .columns([device_token::Column::MachineId, device_token::Column::Id])
            .filter(device_token::Column::Id.is_in(tokens))
            .filter(device_token::Column::RevokedAt.is_null())
            .into_tuple()
            .all(db)
            .await?;
        let rows = rows.into_iter();
        found.extend(
            rows.map(|(machine, id)| {
                (MachineId(machine), Credential::DeviceToken(DeviceTokenId(id)))
            }),
        );
    }
    let asked: HashSet<&(MachineId, Credential)> = asked.iter().collect();
    Ok(found.into_iter().filter(|pair| asked.contains(pair)).map(|(_, found)| found).collect())
}

/// Ends all credentials of a machine, its unused enrolment codes included.
///
/// # Errors
/// When the database refuses it.
pub async fn revoke_all(
    tx: &Tx,
    machine: MachineId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = certificate::ActiveModel {
        revoked_at: Set(Some(now.micros())),
        revocation_reason: Set(Some(reason.to_owned())),
        ..Default::default()
    };
    certificate::Entity::update_many()
        .set(row)
        .filter(certificate::Column::MachineId.eq(machine.uuid()))
        .filter(certificate::Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    let row =
        device_token::ActiveModel { revoked_at: Set(Some(now.micros())), ..Default::default() };
    device_token::Entity::update_many()
        .set(row)
        .filter(device_token::Column::MachineId.eq(machine.uuid()))
        .filter(device_token::Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    enrollment_code::Entity::delete_many()
        .filter(enrollment_code::Column::MachineId.eq(machine.uuid()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Why a live connection is to be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Whose connection.
    pub machine: MachineId,
    /// Only if it was opened with this credential; `None`: in any case.
    pub credential: Option<Credential>,
    /// For the connection's record.
    pub reason: &'static str,
    /// Who caused it.
    pub actor: Actor,
}

/// Records the job that cuts a machine's live connection:
/// `{machine_id, certificate_serial?, device_token_id?, reason, actor}`.
///
/// # Errors
/// When the database refuses it.
pub async fn disconnect(tx: &Tx, cut: &Disconnect, now: Timestamp) -> Result<(), StoreError> {
    let mut payload = json!({
        "machine_id": cut.machine,
        "reason": cut.reason,
        "actor": cut.actor,
    });
    match &cut.credential {
        Some(Credential::Certificate(serial)) => payload["certificate_serial"] = json!(serial),
        Some(Credential::DeviceToken(id)) => payload["device_token_id"] = json!(id),
        None => {}
    }
    let job = NewJob {
        organization: None,
        kind: DISCONNECT_JOB,
        ordering_key: format!("machine:{}", cut.machine),
        payload,
        run_at: now,
        created_at: now,
    };
    jobs::enqueue(tx, job).await?;
    Ok(())
}
