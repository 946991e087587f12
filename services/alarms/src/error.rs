//! Why a request about alarms is refused.

use millwright_core::access::Forbidden;
use millwright_core::alarm::Illegal;
use millwright_core::fields::InvalidFields;
use millwright_core::machine::OutOfUse;
use millwright_store::StoreError;
use millwright_store::page::InvalidPage;

/// Why a request about alarms is refused.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// The caller may not do it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Fields break their rules.
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// No such page.
    #[error(transparent)]
    Page(#[from] InvalidPage),
    /// The alarm's state doesn't allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The machine is decommissioned.
    #[error(transparent)]
    OutOfUse(#[from] OutOfUse),
    /// The organization, or all of them together, have too many backtests that haven't ended.
    #[error("too many backtests wait; try again in {retry_after_s} s")]
    TooManyBacktests {
        /// Seconds.
        retry_after_s: u32,
    },
    /// Not found in scope, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}
