//! Why keys can't be read, made, rotated or retired.

use millwright_core::access::Forbidden;
use millwright_store::StoreError;

use crate::machines::authority::AuthorityError;
use crate::machines::command_key::CommandKeyError;
use crate::machines::keys::KeyFileError;
use crate::machines::limits::TRUSTED_KEYS_MAX;

/// Keys can't be read, made, rotated or retired.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Only administrators of the organization that runs the platform may.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// A CA.
    #[error("device CA {name}")]
    Authority {
        /// Its file, or "new".
        name: String,
        /// Why.
        #[source]
        source: AuthorityError,
    },
    /// A command key.
    #[error("command key {name}")]
    CommandKey {
        /// Its file, or "new".
        name: String,
        /// Why.
        #[source]
        source: CommandKeyError,
    },
    /// The newest bundle names nothing that could be used.
    #[error("trust bundle {0} can't be used: {1}")]
    Bundle(u64, &'static str),
    /// Too many keys of a kind.
    #[error("{TRUSTED_KEYS_MAX} keys of this kind are trusted; retire one first")]
    TooMany,
    /// It isn't trusted.
    #[error("{0:?} is not trusted in the current version")]
    Unknown(String),
    /// It is the one in use.
    #[error("{0:?} is the newest of its kind and in use; rotate first")]
    InUse(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TrustError {
    pub(super) fn authority(name: &str, source: AuthorityError) -> Self {
        Self::Authority { name: name.to_owned(), source }
    }

    pub(super) fn command_key(name: &str, source: CommandKeyError) -> Self {
        Self::CommandKey { name: name.to_owned(), source }
    }
}
