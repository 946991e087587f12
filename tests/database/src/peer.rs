//! A second connection to a test's database, for either kind with the same statements.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _,
    ValueRef as _,
};

/// SQLite's functions of these names, for PostgreSQL.
const FUNCTIONS: &str = "
CREATE OR REPLACE FUNCTION hex(uuid) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT upper(replace($1::text, '-', '')) $$;
CREATE OR REPLACE FUNCTION hex(bytea) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT upper(encode($1, 'hex')) $$;
CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS text IMMUTABLE LANGUAGE sql
    AS $$ SELECT $1::jsonb #>> string_to_array(substr($2, 3), '.') $$";

/// Tables with rows of the migrations' own.
const MADE_BY_MIGRATIONS: [&str; 2] = ["seaql_migrations", "revisions"];

/// The lock that every writer of the platform takes on PostgreSQL.
const WRITE_LOCK: i64 = 0x6d69_6c6c_0001;

/// A connection beside the store's.
#[derive(Debug)]
pub enum Peer {
    /// To the embedded database.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

impl Peer {
    /// To the database in this folder.
    pub async fn sqlite(folder: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("millwright.db"))
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true);
        Self::Sqlite(options.connect().await.expect("the database opens"))
    }

    /// To this database.
    pub async fn postgres(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.expect("the database answers");
        sqlx::raw_sql(FUNCTIONS).execute(&mut connection).await.expect("functions");
        Self::Postgres(connection)
    }

    /// Rows as text, columns joined by `|`. Booleans are 0 and 1.
    pub async fn rows(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::query(sql).fetch_all(connection).await.expect("rows");
                rows.iter().map(|row| joined(row.len(), |place| sqlite_cell(row, place))).collect()
            }
            Self::Postgres(connection) => {
                // Unprepared, so that every value comes as text.
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await.expect("rows");
                let cell = |row: &PgRow, place| postgres_cell(row, place);
                rows.iter().map(|row| joined(row.len(), |place| cell(row, place))).collect()
            }
        }
    }

    /// The only value of a query, as text.
    pub async fn value(&mut self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows.into_iter().next().expect("one row")
    }

    /// Runs statements.
    pub async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(sql).execute(connection).await.expect("it runs");
            }
            Self::Postgres(connection) => {
                sqlx::raw_sql(sql).execute(connection).await.expect("it runs");
            }
        }
    }

    /// Removes all rows but those that migrations have made. Nobody may write meanwhile.
    pub async fn clear(&mut self) {
        // Whatever refers to what: all of it goes.
        let (tables, before, after) = match self {
            Self::Sqlite(_) => (
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
                "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE",
                "COMMIT; PRAGMA foreign_keys = ON",
            ),
            Self::Postgres(_) => (
                "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
                 AND relnamespace = 'public'::regnamespace AND NOT relispartition",
                "BEGIN; SET LOCAL session_replication_role = replica",
                "COMMIT",
            ),
        };
        let mut statements = vec![before.to_owned()];
        for table in self.rows(tables).await {
            if !MADE_BY_MIGRATIONS.contains(&table.as_str()) {
                statements.push(format!("DELETE FROM {table}"));
            }
        }
        statements.push(after.to_owned());
        self.execute(&statements.join("; ")).await;
    }

    /// From now on the database refuses new rows of a table, with this message; all of them, or those
    /// of a condition on `NEW`.
    pub async fn refuse(&mut self, table: &str, when: Option<&str>, message: &str) {
        let when = when.map(|when| format!("WHEN ({when})")).unwrap_or_default();
        let sql = match self {
            Self::Sqlite(_) => format!(
                "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} {when} \
                 BEGIN SELECT RAISE(ABORT, '{message}'); END"
            ),
            Self::Postgres(_) => format!(
                "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION '{message}'; END $$; \
                 CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} FOR EACH ROW {when} \
                 EXECUTE FUNCTION refuse_{table}()"
            ),
        };
        self.execute(&sql).await;
    }

    /// Ends [`Peer::refuse`].
    pub async fn accept(&mut self, table: &str) {
        let sql = match self {
            Self::Sqlite(_) => format!("DROP TRIGGER refuse_{table}"),
            Self::Postgres(_) => format!("DROP FUNCTION refuse_{table} CASCADE"),
        };
        self.execute(&sql).await;
    }

    /// Keeps everyone else from writing until [`Peer::unlock`]; they can read.
    pub async fn lock(&mut self) {
        let sql = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            Self::Postgres(_) => format!("BEGIN; SELECT pg_advisory_xact_lock({WRITE_LOCK})"),
        };
        self.execute(&sql).await;
    }

    /// Lets others write again.
    pub async fn unlock(&mut self) {
        self.execute("ROLLBACK").await;
    }

    /// An id as a literal: `x'…'` or `'…'::uuid`.
    #[must_use]
    pub fn id(&self, id: uuid::Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        }
    }
}

fn joined(columns: usize, cell: impl Fn(usize) -> Option<String>) -> String {
    let cells: Vec<String> =
        (0..columns).map(|place| cell(place).unwrap_or_else(|| "NULL".to_owned())).collect();
    cells.join("|")
}

fn sqlite_cell(row: &SqliteRow, place: usize) -> Option<String> {
    let raw = row.try_get_raw(place).expect("a column");
    // As text it would have 15 digits only.
    if !raw.is_null() && raw.type_info().name() == "REAL" {
        return Some(format!("{:?}", row.try_get_unchecked::<f64, _>(place).expect("a number")));
    }
    row.try_get_unchecked(place).expect("a text")
}

fn postgres_cell(row: &PgRow, place: usize) -> Option<String> {
    let text: String = row.try_get_unchecked::<Option<String>, _>(place).expect("a text")?;
    Some(match row.column(place).type_info().name() {
        "BOOL" => u8::from(text == "t").to_string(),
        // As SQLite shows them: 1.0, not 1.
        "FLOAT8" => format!("{:?}", text.parse::<f64>().expect("a number")),
        "BYTEA" => String::from_utf8_lossy(&bytes(&text)).into_owned(),
        _ => text,
    })
}

/// From `\x…`.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.trim_start_matches("\\x").as_bytes();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
            u8::from_str_radix(pair, 16).expect("a byte")
        })
        .collect()
}
