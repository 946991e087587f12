//! Why dispatch refuses, and why its work fails.

use millwright_core::access::Forbidden;
use millwright_core::command::Illegal;
use millwright_core::fields::InvalidFields;
use millwright_core::machine::OutOfUse;
use millwright_identity::machines::CommandKeyError;
use millwright_schemas::api::tickets::TicketState;
use millwright_schemas::wire::command::CommandClass;
use millwright_store::StoreError;
use millwright_store::jobs::JobError;
use millwright_store::page::InvalidPage;

use crate::limits::OPEN_COMMANDS_MAX;

/// Why dispatch refuses.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The caller may not do it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The organization's policy forbids commands of this class.
    #[error("the policy of the machine's organization forbids commands of class {0}")]
    ForbiddenByPolicy(CommandClass),
    /// Whoever issued a command can't approve it.
    #[error("another person than the one who issued the command must decide about it")]
    OwnCommand,
    /// Fields break a rule.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// No such page.
    #[error(transparent)]
    Page(#[from] InvalidPage),
    /// The machine is decommissioned.
    #[error(transparent)]
    OutOfUse(#[from] OutOfUse),
    /// The ticket is no longer worked on.
    #[error("ticket {number} is {state}; a command needs an open one: reopen it first")]
    TicketOver {
        /// Its number.
        number: String,
        /// Where it is.
        state: TicketState,
    },
    /// Too many commands wait.
    #[error("the machine has {OPEN_COMMANDS_MAX} open commands, no more fit: cancel some")]
    Full,
    /// The command's state doesn't allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// Not found in scope, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why dispatch's own work fails. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It can't be signed.
    #[error("a message to a machine can't be signed")]
    Sign(#[from] CommandKeyError),
    /// A rule says that what was just decided can't be.
    #[error("a command was decided about wrongly")]
    Illegal(#[from] Illegal),
}

impl From<WorkError> for JobError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Store(error) => Self::Store(error),
            WorkError::Sign(cause) => {
                Self::Later(format!("a message to a machine can't be signed: {cause}"))
            }
            WorkError::Illegal(cause) => Self::Never(cause.to_string()),
        }
    }
}
