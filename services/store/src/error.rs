//! What can go wrong between the platform and its database.

use std::borrow::Cow;

use sea_orm::{DbErr, RuntimeErr, SqlErr};
use sqlx::postgres::PgDatabaseError;

/// Why the store couldn't do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No such row within the caller's scope.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// Another row has the same unique value.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// The row has changed since it was read.
    #[error("changed meanwhile: it is now at version {current}")]
    VersionMismatch {
        /// The version that it has now.
        current: i64,
    },
    /// The database can't be used now: locked, full, unreachable. Trying again may help.
    #[error("database is not available")]
    Unavailable(#[source] DbErr),
    /// The database is newer than this program, or can't be migrated.
    #[error("database schema: {0}")]
    Schema(String),
    /// A row holds what this program doesn't understand.
    #[error("row of {table}: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What isn't understood, with the value.
        reason: String,
    },
    /// Anything else: a rule of the database was broken.
    #[error("database refused it")]
    Database(#[source] DbErr),
}

/// Whether a database that can't be used now is behind an error of another layer: trying again may help.
#[must_use]
pub fn is_unavailable(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<StoreError>() {
            return error.is_transient();
        }
        // An error that shows a store's as its own has the store's cause.
        if let Some(error) = error.downcast_ref::<DbErr>() {
            return StoreError::from(error.clone()).is_transient();
        }
        cause = error.source();
    }
    false
}

impl StoreError {
    /// Whether the same call may succeed later without any change to it.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the server had no room in memory or in its table of locks for all that was wanted at once:
    /// less of it may go through.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.sqlstate().is_some_and(|code| EXHAUSTED.contains(&&*code))
    }

    /// PostgreSQL's code, if it is an error of its.
    pub(crate) fn sqlstate(&self) -> Option<Cow<'_, str>> {
        let (Self::Unavailable(error) | Self::Database(error)) = self else { return None };
        let (DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))) = error
        else {
            return None;
        };
        let error = error.as_database_error()?;
        if error.as_error().is::<PgDatabaseError>() { error.code() } else { None }
    }

    /// Whether what was to be written is at fault. If not, the database is: away, full, damaged, without
    /// its tables or rights; or another process was quicker, which is read anew. Nothing that was sent may
    /// then be refused, only kept waiting.
    #[must_use]
    pub fn blames_data(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Schema(_) | Self::VersionMismatch { .. } => false,
            Self::Database(
                DbErr::Exec(RuntimeErr::SqlxError(error))
                | DbErr::Query(RuntimeErr::SqlxError(error)),
            ) => match &**error {
                sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                    if error.as_error().is::<PgDatabaseError>() {
                        DATA_CLASSES.iter().any(|class| code.starts_with(class))
                    } else {
                        code.parse::<i32>().is_ok_and(|code| SQLITE_DATA.contains(&(code & 0xff)))
                    }
                }),
                // It couldn't even be handed over.
                _ => true,
            },
            _ => true,
        }
    }

    /// From a row that couldn't be understood.
    pub fn corrupt(table: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, reason: reason.to_string() }
    }

    /// A unique index was hit: `what` exists already. Anything else stays what it is.
    #[must_use]
    pub fn or_exists(self, what: &'static str) -> Self {
        match &self {
            Self::Database(error)
                if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
            {
                Self::Exists(what)
            }
            _ => self,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let unavailable = match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(inner))
            | DbErr::Query(RuntimeErr::SqlxError(inner)) => is_transient(inner),
            _ => false,
        };
        if unavailable { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let unavailable = is_transient(&error);
        let error = DbErr::Exec(RuntimeErr::SqlxError(error.into()));
        if unavailable { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

/// PostgreSQL's SQLSTATEs for what is written, by class: a row twice, data, a constraint, too large, and
/// what an installed rule says.
const DATA_CLASSES: [&str; 5] = ["21", "22", "23", "54", "P0"];
/// PostgreSQL's SQLSTATEs for what was too much at once: resources, memory (also that of locks), a
/// configured limit. Not a full disk, nor too many connections: those are the same for any amount.
const EXHAUSTED: [&str; 3] = ["53000", "53200", "53400"];
/// SQLite's primary result codes for what is written: too large, a constraint, a type, a range.
const SQLITE_DATA: [i32; 4] = [18, 19, 20, 25];

/// SQLite's primary result codes for "not now": busy, locked, out of memory, read-only, I/O,
/// full, can't open.
const SQLITE_TRANSIENT: [i32; 7] = [5, 6, 7, 8, 10, 13, 14];

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // The other side went away in the middle of an answer.
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            if error.as_error().is::<PgDatabaseError>() {
                is_transient_postgres(&code)
            } else {
                code.parse::<i32>().is_ok_and(|code| SQLITE_TRANSIENT.contains(&(code & 0xff)))
            }
        }),
        _ => false,
    }
}

/// PostgreSQL's SQLSTATEs for "not now", by class: connection, transaction rolled back (deadlock),
/// resources (disk full, too many connections), operator intervention (shutdown, time out),
/// system error; and a lock that wasn't to be had, a server that only reads, a session that was
/// ended because it stood still.
fn is_transient_postgres(code: &str) -> bool {
    ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["55P03", "25006", "25P03", "25P04"].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_another_process_was_quicker_is_no_fault_of_what_is_written() {
        assert!(!StoreError::VersionMismatch { current: 2 }.blames_data());
        assert!(!StoreError::Unavailable(DbErr::Custom("away".to_owned())).blames_data());
        assert!(StoreError::Exists("machine").blames_data());
        assert!(StoreError::corrupt("rules", "no such kind").blames_data());
    }

    #[derive(Debug, thiserror::Error)]
    enum Other {
        #[error(transparent)]
        Same(StoreError),
        #[error("it can't be done")]
        Because(#[source] StoreError),
        #[error("something else")]
        Own,
    }

    #[test]
    fn a_database_that_is_away_is_found_behind_other_errors() {
        let away = || StoreError::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));
        assert!(away().is_transient());
        assert!(is_unavailable(&away()));
        assert!(is_unavailable(&Other::Same(away())));
        assert!(is_unavailable(&Other::Because(away())));
        for not in [StoreError::Exists("machine"), StoreError::NotFound("machine")] {
            assert!(!is_unavailable(&not));
            assert!(!is_unavailable(&Other::Because(not)));
        }
        assert!(!is_unavailable(&Other::Own));
    }
}
