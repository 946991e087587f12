//! Audit records and domain events of people's changes.

use millwright_store::audit::{self, NewRecord};
pub(crate) use millwright_store::changes::{Change as Done, record as change};
use millwright_store::{StoreError, Tx};

/// Writes the audit record of something that isn't a change that others follow, such as a
/// sign-in.
pub(crate) async fn audit_only(tx: &Tx, done: Done) -> Result<(), StoreError> {
    let record = NewRecord {
        organization: done.organization,
        actor: done.actor,
        action: done.action,
        subject: done.subject,
        details: done.details,
        at: done.at,
    };
    audit::append(tx, record).await
}
