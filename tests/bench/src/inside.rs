//! The platform's database from inside: for what would take days over MQTT or the API.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _};

use crate::database::{Database, Kind, NAME};

/// Rows of one statement.
const ROWS_MAX: usize = 1_000;

/// One connection to it.
pub(crate) enum Inside {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Timescale(PgPool),
}

impl Inside {
    /// Opens the database of a platform with this data folder.
    pub(crate) async fn open(database: &Database, folder: &Path) -> Result<Self> {
        if let Some(server) = database.server() {
            let pool = server.pool(NAME).await?;
            return Ok(match database.kind() {
                Kind::Timescale => Self::Timescale(pool),
                Kind::Sqlite | Kind::Postgres => Self::Postgres(pool),
            });
        }
        let options = SqliteConnectOptions::new()
            .filename(folder.join("millwright.db"))
            .busy_timeout(Duration::from_secs(60));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Self::Sqlite(pool))
    }

    /// An id as it stands in a statement.
    pub(crate) fn literal(&self, id: uuid::Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
            Self::Postgres(_) | Self::Timescale(_) => format!("CAST('{id}' AS uuid)"),
        }
    }

    /// Runs statements, in one transaction.
    pub(crate) async fn execute(&self, text: String) -> Result<()> {
        match self {
            Self::Sqlite(pool) => {
                let text = format!("BEGIN IMMEDIATE; {text}; COMMIT");
                sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await?;
            }
            Self::Postgres(pool) | Self::Timescale(pool) => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await?;
            }
        }
        Ok(())
    }

    /// Inserts rows, each as it stands in a statement with its parentheses.
    pub(crate) async fn insert(&self, into: &str, rows: &[String]) -> Result<()> {
        let mut text = String::new();
        for rows in rows.chunks(ROWS_MAX) {
            let semicolon = if text.is_empty() { "" } else { "; " };
            let rows = rows.join(",");
            let _ =
                write!(text, "{semicolon}INSERT INTO {into} VALUES {rows} ON CONFLICT DO NOTHING");
        }
        if text.is_empty() { Ok(()) } else { self.execute(text).await }
    }

    /// The first column of the first row, a whole number.
    pub(crate) async fn number(&self, text: &str) -> Result<i64> {
        let sql = AssertSqlSafe(text.to_owned());
        let number = match self {
            Self::Sqlite(pool) => {
                sqlx::query(sql).fetch_optional(pool).await?.map(|row| row.try_get::<i64, _>(0))
            }
            Self::Postgres(pool) | Self::Timescale(pool) => {
                sqlx::query(sql).fetch_optional(pool).await?.map(|row| row.try_get::<i64, _>(0))
            }
        };
        Ok(number.with_context(|| format!("no row: {text}"))??)
    }

    /// Bytes of the whole database; without what SQLite keeps free within its file.
    pub(crate) async fn size(&self) -> Result<u64> {
        let size = match self {
            Self::Sqlite(_) => {
                self.number(
                    "SELECT (page_count - freelist_count) * page_size \
                     FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
                )
                .await?
            }
            Self::Postgres(_) | Self::Timescale(_) => {
                self.number(&format!("SELECT pg_database_size('{NAME}')")).await?
            }
        };
        Ok(u64::try_from(size)?)
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) | Self::Timescale(pool) => pool.close().await,
        }
    }
}
