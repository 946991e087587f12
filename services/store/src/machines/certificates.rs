//! Certificates issued to machines.

use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::{CertificateSerial, MachineId, OrganizationId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::entities::certificate::{ActiveModel, Column, Entity, Model};
use crate::{Scope, Store, StoreError, Tx};

const WHAT: &str = "certificate";
/// Most certificates listed of one machine; a machine renews a few times a year.
const LISTED_MAX: u64 = 500;

/// A certificate about to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCertificate {
    /// Its serial number.
    pub serial: CertificateSerial,
    /// Whose it is.
    pub machine: MachineId,
    /// Whose the machine is.
    pub organization: OrganizationId,
    /// PEM.
    pub certificate: String,
    /// SHA-256 of the public key.
    pub key_fingerprint: [u8; 32],
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Records a certificate, before it is answered.
///
/// # Errors
/// When the database refuses it, a serial that was used before included.
pub async fn insert(tx: &Tx, new: &NewCertificate) -> Result<(), StoreError> {
    let row = ActiveModel {
        serial: Set(new.serial.as_str().to_owned()),
        machine_id: Set(new.machine.uuid()),
        organization_id: Set(new.organization.uuid()),
        certificate: Set(new.certificate.clone()),
        key_fingerprint: Set(new.key_fingerprint.to_vec()),
        not_before: Set(new.not_before.micros()),
        not_after: Set(new.not_after.micros()),
        issued_at: Set(new.issued_at.micros()),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// A machine's certificate by its serial number.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn load(
    tx: &Tx,
    scope: Scope,
    machine: MachineId,
    serial: &CertificateSerial,
) -> Result<MachineCertificate, StoreError> {
    find(tx.conn(), scope, machine, serial).await
}

/// A machine's certificate by its serial number.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none in scope.
pub async fn get(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    serial: &CertificateSerial,
) -> Result<MachineCertificate, StoreError> {
    find(store.readers(), scope, machine, serial).await
}

async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    machine: MachineId,
    serial: &CertificateSerial,
) -> Result<MachineCertificate, StoreError> {
    let row = Entity::find_by_id(serial.as_str().to_owned())
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .one(db)
        .await?;
    from_row(row.ok_or(StoreError::NotFound(WHAT))?)
}

/// How many certificates a machine was issued since a time.
///
/// # Errors
/// When the database can't be used.
pub async fn count_since(tx: &Tx, machine: MachineId, time: Timestamp) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::IssuedAt.gte(time.micros()))
        .count(tx.conn())
        .await?)
}

/// The newest certificate of a machine for a public key.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn newest_for_key(
    tx: &Tx,
    machine: MachineId,
    key_fingerprint: &[u8; 32],
) -> Result<Option<MachineCertificate>, StoreError> {
    let row = Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::KeyFingerprint.eq(key_fingerprint.to_vec()))
        .order_by_desc(Column::IssuedAt)
        .one(tx.conn())
        .await?;
    row.map(from_row).transpose()
}

/// A machine's certificates, newest first.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<Vec<MachineCertificate>, StoreError> {
    let rows = Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(scope.covers(Column::OrganizationId))
        .order_by_desc(Column::IssuedAt)
        .limit(LISTED_MAX)
        .all(store.readers())
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// Records that a certificate is no longer accepted. Returns whether it was until now.
///
/// # Errors
/// When the database refuses it.
pub async fn revoke(
    tx: &Tx,
    scope: Scope,
    serial: &CertificateSerial,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        revoked_at: Set(Some(now.micros())),
        revocation_reason: Set(Some(reason.to_owned())),
        ..Default::default()
    };
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Serial.eq(serial.as_str()))
        .filter(scope.covers(Column::OrganizationId))
        .filter(Column::RevokedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected == 1)
}

fn from_row(row: Model) -> Result<MachineCertificate, StoreError> {
    let serial = row.serial.parse().map_err(|error| StoreError::corrupt("certificates", error))?;
    Ok(MachineCertificate {
        serial,
        machine_id: MachineId(row.machine_id),
        certificate: row.certificate,
        key_fingerprint: row.key_fingerprint.iter().map(|byte| format!("{byte:02x}")).collect(),
        not_before: Timestamp::from_micros(row.not_before),
        not_after: Timestamp::from_micros(row.not_after),
        issued_at: Timestamp::from_micros(row.issued_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
        revocation_reason: row.revocation_reason,
    })
}
