//! Enrolment codes: only their hashes.

use millwright_schemas::{CertificateSerial, MachineId, OrganizationId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::entities::enrollment_code::{ActiveModel, Column, Entity, Model};
use crate::{StoreError, Tx};

/// How long a code is remembered after its end, in seconds: 30 days.
pub const KEPT_AFTER_EXPIRY_S: i64 = 30 * 86_400;

/// A code's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// The machine it enrols.
    pub machine: MachineId,
    /// Whose the machine is.
    pub organization: OrganizationId,
    /// Until when it can be used first.
    pub expires_at: Timestamp,
    /// Its use, once it has been used.
    pub used: Option<CodeUse>,
}

/// By whom and when a code was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUse {
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the public key that used it.
    pub key_fingerprint: Vec<u8>,
    /// The certificate that was answered.
    pub serial: CertificateSerial,
}

/// Adds a code for a machine in place of its unused ones.
///
/// # Errors
/// When the database refuses it.
pub async fn replace(
    tx: &Tx,
    machine: MachineId,
    organization: OrganizationId,
    code_hash: &[u8; 32],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::UsedAt.is_null())
        .exec(tx.conn())
        .await?;
    let row = ActiveModel {
        code_hash: Set(code_hash.to_vec()),
        machine_id: Set(machine.uuid()),
        organization_id: Set(organization.uuid()),
        created_at: Set(now.micros()),
        expires_at: Set(expires_at.micros()),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// The code with this hash. Who has the code has the right to it, so there is no scope.
///
/// # Errors
/// When the database can't be used or the row isn't understood.
pub async fn find(tx: &Tx, code_hash: &[u8; 32]) -> Result<Option<StoredCode>, StoreError> {
    Entity::find_by_id(code_hash.to_vec()).one(tx.conn()).await?.map(from_row).transpose()
}

/// Records a code's use. Returns false when it was used before.
///
/// # Errors
/// When the database refuses it.
pub async fn mark_used(
    tx: &Tx,
    code_hash: &[u8; 32],
    code_use: &CodeUse,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        used_at: Set(Some(code_use.at.micros())),
        key_fingerprint: Set(Some(code_use.key_fingerprint.clone())),
        certificate_serial: Set(Some(code_use.serial.as_str().to_owned())),
        ..Default::default()
    };
    let done = Entity::update_many()
        .set(row)
        .filter(Column::CodeHash.eq(code_hash.to_vec()))
        .filter(Column::UsedAt.is_null())
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected == 1)
}

/// Forgets codes that ended longer ago than [`KEPT_AFTER_EXPIRY_S`], used or not.
///
/// # Errors
/// When the database refuses it.
pub async fn forget_expired(tx: &Tx, now: Timestamp) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::ExpiresAt.lt(now.plus_seconds(-KEPT_AFTER_EXPIRY_S).micros()))
        .exec(tx.conn())
        .await?;
    Ok(())
}

fn from_row(row: Model) -> Result<StoredCode, StoreError> {
    let corrupt = |reason: &str| StoreError::corrupt("enrollment_codes", reason);
    let used = match row.used_at {
        None => None,
        Some(at) => Some(CodeUse {
            at: Timestamp::from_micros(at),
            key_fingerprint: row.key_fingerprint.ok_or_else(|| corrupt("used without a key"))?,
            serial: row
                .certificate_serial
                .and_then(|serial| serial.parse().ok())
                .ok_or_else(|| corrupt("used without a certificate"))?,
        }),
    };
    Ok(StoredCode {
        machine: MachineId(row.machine_id),
        organization: OrganizationId(row.organization_id),
        expires_at: Timestamp::from_micros(row.expires_at),
        used,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{machine, now, organization, store};

    #[tokio::test]
    async fn a_code_is_forgotten_a_month_after_its_end() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        let (older, newer) = ([1; 32], [2; 32]);
        let machines = [machine(&store, organization).await, machine(&store, organization).await];
        let tx = store.begin().await.unwrap();
        for (machine, code, ends) in [(machines[0], older, 60), (machines[1], newer, 61)] {
            let ends = now().plus_seconds(ends);
            replace(&tx, machine, organization, &code, now(), ends).await.unwrap();
        }
        forget_expired(&tx, now().plus_seconds(60 + KEPT_AFTER_EXPIRY_S)).await.unwrap();
        assert!(find(&tx, &older).await.unwrap().is_some());
        forget_expired(&tx, now().plus_seconds(61 + KEPT_AFTER_EXPIRY_S)).await.unwrap();
        assert_eq!(find(&tx, &older).await.unwrap(), None);
        assert!(find(&tx, &newer).await.unwrap().is_some());
    }
}
