//! Why a request about tickets is refused.

use millwright_core::access::Forbidden;
use millwright_core::fields::InvalidFields;
use millwright_core::ticket::IllegalMove;
use millwright_schemas::api::tickets::TicketState;
use millwright_store::StoreError;
use millwright_store::page::InvalidPage;

/// Why a request about tickets is refused.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The caller may not do it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Fields break their rules.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// No such page.
    #[error(transparent)]
    Page(#[from] InvalidPage),
    /// The ticket's state doesn't allow the move.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// Only an open ticket can be split.
    #[error("ticket {number} is {state}; only an open one can be split: reopen it first")]
    NotOpen {
        /// Its number.
        number: String,
        /// Its state.
        state: TicketState,
    },
    /// Not found in scope, changed meanwhile, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TicketError {
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(InvalidFields::one(field, message))
    }
}
