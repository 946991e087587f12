//! Revoked and expired credentials: ends a machine's credentials, and tells gateways which count.

use std::collections::HashSet;

use millwright_core::access::Actor;
use millwright_schemas::{CertificateSerial, DeviceTokenId, MachineId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::entities::{certificate, device_token, enrollment_code};
use crate::jobs::{self, NewJob};
use crate::{Store, StoreError, Tx};

/// The job that cuts a live connection. Payload: [`disconnect`].
pub const DISCONNECT_JOB: &str = "machine.disconnect";

/// What a machine has shown to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A certificate.
    Certificate(CertificateSerial),
    /// A device token.
    DeviceToken(DeviceTokenId),
}

/// What counts of credentials at a time. Those that aren't named are unknown or revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Accepted.
    pub accepted: Vec<Credential>,
    /// Certificates that have expired and weren't revoked.
    pub expired: Vec<Credential>,
}

/// Whether a credential of a machine is accepted.
///
/// # Errors
/// When the database can't be used.
pub async fn accepts(
    tx: &Tx,
    machine: MachineId,
    credential: &Credential,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let asked = [(machine, credential.clone())];
    Ok(!standing_on(tx.conn(), &asked, now).await?.accepted.is_empty())
}

/// What counts of these credentials. For gateways: not bound to a scope.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn standing(
    store: &Store,
    asked: &[(MachineId, Credential)],
    now: Timestamp,
) -> Result<Standing, StoreError> {
    standing_on(store.readers(), asked, now).await
}

async fn standing_on(
    db: &impl ConnectionTrait,
    asked: &[(MachineId, Credential)],
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let (mut serials, mut tokens) = (Vec::new(), Vec::new());
    for (_, credential) in asked {
        match credential {
            Credential::Certificate(serial) => serials.push(serial.as_str()),
            Credential::DeviceToken(id) => tokens.push(id.uuid()),
        }
    }
    let asked: HashSet<&(MachineId, Credential)> = asked.iter().collect();
    let mut standing = Standing::default();
    if !serials.is_empty() {
        for (machine, serial, not_after) in unrevoked_certificates(db, &serials).await? {
            let pair = (machine, Credential::Certificate(serial));
            // Valid up to and with its last moment (RFC 5280, 4.1.2.5).
            match asked.contains(&pair) {
                true if not_after < now => standing.expired.push(pair.1),
                true => standing.accepted.push(pair.1),
                false => {}
            }
        }
    }
    if !tokens.is_empty() {
        let found = unrevoked_tokens(db, tokens).await?.into_iter();
        let found = found.filter(|pair| asked.contains(pair));
        standing.accepted.extend(found.map(|(_, credential)| credential));
    }
    Ok(standing)
}

async fn unrevoked_certificates(
    db: &impl ConnectionTrait,
    serials: &[&str],
) -> Result<Vec<(MachineId, CertificateSerial, Timestamp)>, StoreError> {
    use certificate::Column;
    let rows: Vec<(Uuid, String, i64)> = certificate::Entity::find()
        .select_only()
        .columns([Column::MachineId, Column::Serial, Column::NotAfter])
        .filter(Column::Serial.is_in(serials.iter().copied()))
        .filter(Column::RevokedAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter().map(|(machine, serial, not_after)| {
        let serial = serial.parse();
        let serial = serial.map_err(|error| StoreError::corrupt("certificates", error))?;
        Ok((MachineId(machine), serial, Timestamp::from_micros(not_after)))
    });
    rows.collect()
}

async fn unrevoked_tokens(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<Vec<(MachineId, Credential)>, StoreError> {
    use device_token::Column;
    let rows: Vec<(Uuid, Uuid)> = device_token::Entity::find()
        .select_only()
        .columns([Column::MachineId, Column::Id])
        .filter(Column::Id.is_in(ids))
        .filter(Column::RevokedAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter();
    let rows =
        rows.map(|(machine, id)| (MachineId(machine), Credential::DeviceToken(DeviceTokenId(id))));
    Ok(rows.collect())
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
