//! Whether a credential is accepted, for the gateway.

use millwright_schemas::{CertificateSerial, DeviceTokenId, MachineId};
use millwright_store::machines::{certificates, device_tokens};
use millwright_store::{Scope, Store, StoreError};

use super::authority::sha256;
use crate::people::secrets;

/// Whether this certificate was issued to this machine and isn't revoked. (Decommissioning
/// revokes all.) Its signature and validity are TLS's to check.
///
/// # Errors
/// When the database can't say.
pub async fn accepts_certificate(
    store: &Store,
    machine: MachineId,
    serial: &CertificateSerial,
) -> Result<bool, StoreError> {
    match certificates::get(store, Scope::Platform, machine, serial).await {
        Ok(certificate) => Ok(certificate.revoked_at.is_none()),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Which of the machine's tokens this is; `None`: none that is accepted. Compares with each in
/// constant time.
///
/// # Errors
/// When the database can't say.
pub async fn find_token(
    store: &Store,
    machine: MachineId,
    token: &str,
) -> Result<Option<DeviceTokenId>, StoreError> {
    let hash = sha256(token.as_bytes());
    let mut found = None;
    for (id, stored) in device_tokens::active(store, machine).await? {
        if secrets::same(&stored, &hash) {
            found = Some(id);
        }
    }
    Ok(found)
}
