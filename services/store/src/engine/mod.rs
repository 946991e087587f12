//! The two databases behind the store, and what differs between them.
//!
//! Statements of sea-orm are built for either. What is written by hand is one text with `?` for
//! both: [`sql`] numbers the parameters for PostgreSQL, [`bulk`] hands over many rows at once in
//! the way that suits each.

pub(crate) mod bulk;
pub(crate) mod copy;
pub(crate) mod postgres;
pub(crate) mod sql;
pub(crate) mod sqlite;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};
use sqlx::{PgPool, SqlitePool};

pub(crate) use bulk::{Bulk, Type};
pub(crate) use sql::{Cell, Connection, Row};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one: one file in the data folder.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    pub(crate) fn of(db: &impl ConnectionTrait) -> Self {
        match db.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            _ => Self::Sqlite,
        }
    }

    /// One of two texts.
    pub(crate) const fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// The time by the database's own clock, on which all processes agree: microseconds, to a second.
    pub(crate) const fn clock(self) -> &'static str {
        self.choose(
            "(unixepoch() * 1000000)",
            "(CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT) * 1000000)",
        )
    }

    /// Names the index that a query must use, where the planner would rather walk the table.
    /// PostgreSQL has no such word; it keeps statistics.
    pub(crate) const fn indexed_by(self, clause: &'static str) -> &'static str {
        self.choose(clause, "")
    }
}

/// Connections to either.
#[derive(Debug, Clone)]
pub(crate) enum Pools {
    Sqlite(sqlite::SqlitePools),
    Postgres(postgres::PostgresPools),
}

/// A pool of either.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pool<'a> {
    Sqlite(&'a SqlitePool),
    Postgres(&'a PgPool),
}

impl Pools {
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    pub(crate) const fn writers(&self) -> Pool<'_> {
        match self {
            Self::Sqlite(pools) => Pool::Sqlite(&pools.writer),
            Self::Postgres(pools) => Pool::Postgres(&pools.writers),
        }
    }

    pub(crate) const fn readers(&self) -> Pool<'_> {
        match self {
            Self::Sqlite(pools) => Pool::Sqlite(&pools.readers),
            Self::Postgres(pools) => Pool::Postgres(&pools.readers),
        }
    }

    pub(crate) fn orm_writers(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite(pools) => pools.orm_writer(),
            Self::Postgres(pools) => pools.orm_writers(),
        }
    }

    pub(crate) fn orm_readers(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite(pools) => pools.orm_readers(),
            Self::Postgres(pools) => pools.orm_readers(),
        }
    }

    /// Closes all connections, after what runs has ended.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Self::Postgres(pools) => {
                pools.readers.close().await;
                pools.writers.close().await;
            }
        }
    }
}

/// A statement written by hand with `?` or `?1`, for whichever database it is.
pub(crate) fn statement(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let text = match Engine::of(db) {
        Engine::Sqlite => sql.to_owned(),
        Engine::Postgres => sql::numbered(sql),
    };
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}
