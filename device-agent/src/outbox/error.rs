//! What can go wrong with the outbox.

use std::io::ErrorKind;

use millwright_schemas::CommandId;

use crate::orders::Illegal;

/// Why the outbox didn't do it. Nothing is half-done.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// No space left on the device, or over quota.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// The database can't be read or written.
    #[error("the outbox can't be read or written")]
    Storage(#[source] Box<redb::Error>),
    /// The disk failed at the end of a commit and can't be read now to see what it did.
    #[error("the disk has failed; it isn't known whether this is stored: {0}")]
    InDoubt(String),
    /// Events fill all of the outbox, its reserve included.
    #[error("the outbox is full: {used} of {max} bytes are events that wait for the platform")]
    EventsFull {
        /// Bytes of waiting events.
        used: u64,
        /// The bound.
        max: u64,
    },
    /// One more fault can't be active.
    #[error("{max} faults are active already; clear some first")]
    TooManyFaults {
        /// The bound.
        max: usize,
    },
    /// The event is larger than a message may be.
    #[error("the event has {bytes} bytes, more than {max}; shorten its context or message")]
    EventTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The ledger holds no such command.
    #[error("command {0} isn't in the ledger")]
    UnknownCommand(CommandId),
    /// A command isn't where this could happen to it.
    #[error(transparent)]
    Command(#[from] Illegal),
    /// A stored row isn't what this version writes.
    #[error("the outbox holds something this version can't read: {0}")]
    Corrupt(String),
    /// There is a file without content.
    #[error("the outbox is empty (0 bytes): what waited in it is lost")]
    Emptied,
    /// The outbox's thread has ended; the agent is stopping.
    #[error("the outbox is closed")]
    Closed,
}

impl OutboxError {
    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::DiskFull(_) | Self::Storage(_) | Self::InDoubt(_))
    }

    /// Whether the file itself is broken, so that no attempt will ever succeed.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Corrupt(_) => true,
            Self::Storage(error) => match error.as_ref() {
                redb::Error::Corrupted(_) => true,
                redb::Error::Io(io) => {
                    matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub(super) fn from_redb(error: impl Into<redb::Error>) -> Self {
        let error = error.into();
        if let redb::Error::Io(io) = &error
            && matches!(
                io.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            )
        {
            return Self::DiskFull(io.to_string());
        }
        Self::Storage(Box::new(error))
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for OutboxError {
            fn from(error: $error) -> Self {
                Self::from_redb(error)
            }
        })*
    };
}

from_redb!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError
);
