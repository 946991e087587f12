//! Issuing a machine's certificate: its row is written before anybody sees it.

use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::{CertificateSerial, Timestamp};
use millwright_store::machines::certificates::{self, NewCertificate};
use millwright_store::{Scope, StoreError, Tx};

use super::authority::{AuthorityError, MachineRequest, random_serial, serial_of};
use super::csr::RequestedKey;
use super::limits::MACHINE_BACKDATE_S;
use super::trust::TrustState;

const DAY_S: i64 = 86_400;

/// It can't be issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssueError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Issues a certificate to a machine for a key and records it.
pub(super) async fn issue(
    tx: &Tx,
    state: &TrustState,
    machine: &Machine,
    requested: &RequestedKey,
    days: i64,
    now: Timestamp,
) -> Result<MachineCertificate, IssueError> {
    let issuer = state.issuer();
    let serial = random_serial();
    // Whole seconds, as in the certificate.
    let second = Timestamp::from_millis(now.seconds() * 1_000);
    let request = MachineRequest {
        machine: machine.id,
        key: &requested.key,
        serial: &serial,
        not_before: second.plus_seconds(-MACHINE_BACKDATE_S),
        not_after: issuer.last_day(second.plus_seconds(days * DAY_S)),
    };
    let new = NewCertificate {
        serial: serial_of(&serial),
        machine: machine.id,
        organization: machine.organization_id,
        certificate: issuer.issue_machine(&request)?,
        key_fingerprint: requested.fingerprint,
        not_before: request.not_before,
        not_after: request.not_after,
        issued_at: now,
    };
    certificates::insert(tx, &new).await?;
    Ok(load(tx, machine, &new.serial).await?)
}

/// A certificate that was issued before.
pub(super) async fn load(
    tx: &Tx,
    machine: &Machine,
    serial: &CertificateSerial,
) -> Result<MachineCertificate, StoreError> {
    certificates::load(tx, Scope::Platform, machine.id, serial).await
}
