//! Back-up and restore of a PostgreSQL database, without programs of PostgreSQL's.
//!
//! A backup is one transaction that only reads and sees one moment; every table is copied out in
//! it (`COPY … TO STDOUT`), whatever it consists of: partitions and hypertables are copied as one
//! table. A restore makes the tables by this program's migrations, and fills them in one
//! transaction.

mod restore;
mod save;
mod schema;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
mod tests;

use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

pub use restore::{Restore, restore};
pub use save::{Backup, backup, verify};

use super::BackupError;
use super::error::database;

/// What names of parts with tables begin with.
const PREFIX: &str = "table/";
/// How our connections are called in `pg_stat_activity`.
const NAME: &str = "millwright backup";

/// Connects for long work. `place` is what errors name: never the URL, which may hold a password.
async fn connect(url: &str, place: &Path) -> Result<PgConnection, BackupError> {
    const FAILED: &str = "the database can't be reached";
    let options = PgConnectOptions::from_str(url).map_err(database(place, FAILED))?;
    let options = options.application_name(NAME).options([
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("lock_timeout", "30s"),
        // Texts that every server reads back as the same values.
        ("client_encoding", "UTF8"),
        ("extra_float_digits", "1"),
        ("bytea_output", "hex"),
        ("DateStyle", "ISO"),
        ("TimeZone", "UTC"),
    ]);
    options.disable_statement_logging().connect().await.map_err(database(place, FAILED))
}

/// Runs a statement without parameters.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Where a database is, without its password.
fn place(url: &str) -> String {
    match PgConnectOptions::from_str(url) {
        Ok(options) => {
            format!("database {} on {}", options.get_database().unwrap_or("?"), options.get_host())
        }
        Err(_) => "the database".to_owned(),
    }
}
