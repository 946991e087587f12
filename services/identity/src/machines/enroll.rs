//! Enrolment: a code and a key become a certificate.

use std::net::IpAddr;

use millwright_core::access::Actor;
use millwright_core::audit::Subject;
use millwright_core::machine::{LifeEvent, step};
use millwright_schemas::Timestamp;
use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::api::enrollment::{ENROLLMENT_RETRY_S, EnrollRequest, EnrollResponse};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_store::changes::{self, Change};
use millwright_store::machines::enrollment_codes::{self, CodeUse, StoredCode};
use millwright_store::machines::fleet;
use millwright_store::{Scope, StoreError, Tx};
use serde_json::json;

use super::authority::{AuthorityError, sha256};
use super::csr::{self, RequestedKey};
use super::issue::{self, IssueError};
use super::service::Enrollment;
use crate::people::secrets;

/// Why a machine isn't enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// Too many failed attempts from this address.
    #[error("too many attempts from this address; try again in {0} s")]
    TooMany(u32),
    /// The code or the request isn't well formed.
    #[error("the {} can't be read: it {}", .0.field, .0.message)]
    Invalid(FieldProblem),
    /// Unknown, used, expired or replaced code, or a decommissioned machine: which, isn't said.
    #[error(
        "the enrolment code is unknown, was used, has expired or was replaced by a newer one; \
         create a new one for the machine"
    )]
    Refused,
    /// The CA can't issue.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<IssueError> for EnrollError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Authority(error) => Self::Authority(error),
            IssueError::Store(error) => Self::Store(error),
        }
    }
}

impl Enrollment {
    /// Enrols the machine that a code was made for. The same code with the same key is answered
    /// the same for 15 minutes, in case the first answer was lost; with another key it is refused.
    ///
    /// # Errors
    /// See [`EnrollError`].
    pub async fn enroll(
        &self,
        from: IpAddr,
        request: &EnrollRequest,
        now: Timestamp,
    ) -> Result<EnrollResponse, EnrollError> {
        self.take_attempt(from, now).map_err(EnrollError::TooMany)?;
        let code: EnrollmentCode = request
            .code
            .parse()
            .map_err(|_| invalid("code", "is not an enrolment code; copy it whole"))?;
        let requested =
            csr::verify(&request.csr).map_err(|error| invalid("csr", &error.to_string()))?;
        let (machine, certificate) = self.redeem(&code, &requested, now).await?;
        self.give_back_attempt(from, now);
        Ok(self.answer(&machine, certificate))
    }

    async fn redeem(
        &self,
        code: &EnrollmentCode,
        requested: &RequestedKey,
        now: Timestamp,
    ) -> Result<(Machine, MachineCertificate), EnrollError> {
        // Found by the hash of 128 random bits: how long the search takes tells nothing about
        // the code.
        let hash = sha256(code.secret().as_bytes());
        // The only writer: of two that redeem one code at once, the second finds it used.
        let tx = self.store.begin().await?;
        let stored = enrollment_codes::find(&tx, &hash).await?.ok_or(EnrollError::Refused)?;
        let machine = fleet::load(&tx, Scope::Platform, stored.machine).await?;
        if let Some(code_use) = &stored.used {
            let certificate = repeat(&tx, &machine, code_use, requested, now).await?;
            return Ok((machine, certificate));
        }
        if stored.expires_at <= now {
            return Err(EnrollError::Refused);
        }
        let (machine, certificate) =
            self.first_use(&tx, &hash, &stored, machine, requested, now).await?;
        tx.commit().await?;
        Ok((machine, certificate))
    }

    async fn first_use(
        &self,
        tx: &Tx,
        hash: &[u8; 32],
        stored: &StoredCode,
        before: Machine,
        requested: &RequestedKey,
        now: Timestamp,
    ) -> Result<(Machine, MachineCertificate), EnrollError> {
        let machine = commission(tx, before, LifeEvent::Enrolled, now).await?;
        let state = self.trust.current();
        let days = self.settings.certificate_days;
        let certificate = issue::issue(tx, &state, &machine, requested, days, now).await?;
        let code_use = CodeUse {
            at: now,
            key_fingerprint: requested.fingerprint.to_vec(),
            serial: certificate.serial.clone(),
        };
        if !enrollment_codes::mark_used(tx, hash, &code_use).await? {
            return Err(EnrollError::Refused);
        }
        let details = json!({
            "certificate_serial": certificate.serial,
            "key_fingerprint": certificate.key_fingerprint,
            "not_after": certificate.not_after,
        });
        let change = Change {
            organization: stored.organization,
            actor: Actor::Machine(machine.id),
            action: "machine.enrolled",
            subject: Subject::new("machine", machine.id),
            version: Some(machine.version),
            details: changes::fields(&details, &[])?,
            at: now,
        };
        changes::record(tx, change).await?;
        Ok((machine, certificate))
    }
}

/// The answer to a code that was used: the same to the same key, for a while.
async fn repeat(
    tx: &Tx,
    machine: &Machine,
    code_use: &CodeUse,
    requested: &RequestedKey,
    now: Timestamp,
) -> Result<MachineCertificate, EnrollError> {
    let same_key = secrets::same(&code_use.key_fingerprint, &requested.fingerprint);
    if !same_key || now > code_use.at.plus_seconds(ENROLLMENT_RETRY_S) {
        return Err(EnrollError::Refused);
    }
    let certificate = issue::load(tx, machine, &code_use.serial).await?;
    if certificate.revoked_at.is_some() {
        return Err(EnrollError::Refused);
    }
    Ok(certificate)
}

/// Commissions a machine by its first contact; nothing changes by later ones.
pub(super) async fn commission(
    tx: &Tx,
    before: Machine,
    event: LifeEvent,
    now: Timestamp,
) -> Result<Machine, EnrollError> {
    let state = step(before.state, event).map_err(|_| EnrollError::Refused)?;
    if state == before.state {
        return Ok(before);
    }
    let mut machine = before.clone();
    machine.state = state;
    machine.commissioned_at = Some(now);
    machine.updated_at = now;
    machine.version += 1;
    fleet::save(tx, Scope::Platform, &machine, before.version).await?;
    Ok(machine)
}

fn invalid(field: &str, message: &str) -> EnrollError {
    EnrollError::Invalid(FieldProblem { field: field.to_owned(), message: message.to_owned() })
}
