//! Enrolment codes: what a person carries from the platform to a new machine.

use millwright_core::access::{Caller, Forbidden, Permission};
use millwright_core::audit::Subject;
use millwright_core::machine::{LifeEvent, OutOfUse, step};
use millwright_schemas::api::credentials::{
    CreateEnrollmentCode, ENROLLMENT_CODE_DEFAULT_S, ENROLLMENT_CODE_MAX_S, ENROLLMENT_CODE_MIN_S,
};
use millwright_schemas::api::enrollment::EnrollmentCodeCreated;
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::changes::{self, Change};
use millwright_store::machines::{enrollment_codes as rows, fleet};
use millwright_store::{Scope, Store, StoreError};
use serde_json::json;

use super::Trust;
use super::authority::sha256;

/// Why no code is made.
#[derive(Debug, thiserror::Error)]
pub enum CreateCodeError {
    /// The caller may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Not within the bounds.
    #[error("expires_in_s is {0}, not between {ENROLLMENT_CODE_MIN_S} and {ENROLLMENT_CODE_MAX_S}")]
    Expiry(i64),
    /// The machine is decommissioned.
    #[error(transparent)]
    OutOfUse(#[from] OutOfUse),
    /// Not found in scope, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a code for a machine. Unused ones made before stop working.
///
/// # Errors
/// See [`CreateCodeError`].
pub async fn create(
    store: &Store,
    trust: &Trust,
    caller: &Caller,
    machine: MachineId,
    input: &CreateEnrollmentCode,
    now: Timestamp,
) -> Result<EnrollmentCodeCreated, CreateCodeError> {
    caller.require(Permission::EnrollMachines)?;
    let expires_in_s = input.expires_in_s.unwrap_or(ENROLLMENT_CODE_DEFAULT_S);
    if !(ENROLLMENT_CODE_MIN_S..=ENROLLMENT_CODE_MAX_S).contains(&expires_in_s) {
        return Err(CreateCodeError::Expiry(expires_in_s));
    }
    let code = EnrollmentCode::new(rand::random(), trust.current().fingerprint());
    let expires_at = now.plus_seconds(expires_in_s);
    let tx = store.begin().await?;
    let found = fleet::load(&tx, Scope::Organization(caller.organization), machine).await?;
    step(found.state, LifeEvent::Enrolled)?;
    let hash = sha256(code.secret().as_bytes());
    rows::replace(&tx, machine, found.organization_id, &hash, now, expires_at).await?;
    let change = Change {
        organization: found.organization_id,
        actor: caller.actor,
        action: "machine.enrollment_code_created",
        subject: Subject::new("machine", machine),
        version: None,
        details: changes::fields(&json!({"expires_at": expires_at}), &[])?,
        at: now,
    };
    changes::record(&tx, change).await?;
    tx.commit().await?;
    Ok(EnrollmentCodeCreated { code: code.to_string(), expires_at })
}
