//! Certificates of machines, as people see and revoke them.

use millwright_core::access::{Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_schemas::api::credentials::{
    CertificateList, MachineCertificate, RevokeCertificate,
};
use millwright_schemas::{CertificateSerial, MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::revocations::{self, Credential, Disconnect};
use millwright_store::machines::{certificates as rows, fleet};
use millwright_store::{Scope, Store, StoreError};
use serde_json::json;

use super::limits::REASON_MAX_CHARS;

/// Why a certificate isn't shown or revoked.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The caller may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// No reason, or too long a one.
    #[error("reason has {0} characters, not 1 to {REASON_MAX_CHARS}")]
    Reason(usize),
    /// Not found in scope, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A machine's certificates, newest first.
///
/// # Errors
/// See [`CertificateError`].
pub async fn list(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
) -> Result<CertificateList, CertificateError> {
    caller.require(Permission::ReadMachines)?;
    let scope = Scope::Organization(caller.organization);
    fleet::get(store, scope, machine).await?;
    Ok(CertificateList { items: rows::list(store, scope, machine).await? })
}

/// Revokes a certificate and cuts a connection that was opened with it. Doing it again changes
/// nothing.
///
/// # Errors
/// See [`CertificateError`].
pub async fn revoke(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    serial: &CertificateSerial,
    input: &RevokeCertificate,
    now: Timestamp,
) -> Result<MachineCertificate, CertificateError> {
    caller.require(Permission::EnrollMachines)?;
    let length = input.reason.trim().chars().count();
    if length == 0 || length > REASON_MAX_CHARS {
        return Err(CertificateError::Reason(length));
    }
    let scope = Scope::Organization(caller.organization);
    let tx = store.begin().await?;
    let found = fleet::load(&tx, scope, machine).await?;
    rows::load(&tx, scope, machine, serial).await?;
    if rows::revoke(&tx, scope, serial, input.reason.trim(), now).await? {
        let cut = Disconnect {
            machine,
            credential: Some(Credential::Certificate(serial.clone())),
            reason: "certificate revoked",
            actor: caller.actor,
        };
        revocations::disconnect(&tx, &cut, now).await?;
        let details = json!({"certificate_serial": serial, "reason": input.reason.trim()});
        let change = Change {
            organization: found.organization_id,
            actor: caller.actor,
            action: "machine.certificate_revoked",
            subject: Subject::new("machine", machine),
            version: None,
            details: changes::fields(&details, &[])?,
            at: now,
        };
        changes::record(&tx, change).await?;
    }
    let revoked = rows::load(&tx, scope, machine, serial).await?;
    tx.commit().await?;
    Ok(revoked)
}
