//! An empty database for one test: SQLite in a folder of its own, or a database of a PostgreSQL
//! server that the test run has started. The same tests run on both.
//!
//! `MILLWRIGHT_TEST_DATABASE` says which: `sqlite` (the default) or `postgres`; with the latter
//! `MILLWRIGHT_TEST_POSTGRES` is the server's URL. `scripts/postgres.sh` starts one. With
//! `MILLWRIGHT_TEST_TEMPLATE`, the name of a database there that has all tables and no rows, tests get a
//! copy of it, which is sooner made than all tables.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
#![allow(clippy::missing_panics_doc, reason = "a test that can't have its database fails")]

mod peer;

use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use uuid::Uuid;

pub use peer::Peer;

/// The setting that says which database tests use.
pub const DATABASE: &str = "MILLWRIGHT_TEST_DATABASE";
/// The setting with the URL of the server.
pub const SERVER: &str = "MILLWRIGHT_TEST_POSTGRES";
/// The setting with the name of a database to be copied.
pub const TEMPLATE: &str = "MILLWRIGHT_TEST_TEMPLATE";

/// A database that goes with the test.
#[derive(Debug)]
pub struct TestDatabase {
    folder: TempDir,
    url: Option<String>,
}

impl TestDatabase {
    /// One without rows, maybe with all tables.
    pub async fn new() -> Self {
        let template = std::env::var(TEMPLATE).unwrap_or_else(|_| EMPTY.to_owned());
        Self::of(&template).await
    }

    /// One without tables.
    pub async fn empty() -> Self {
        Self::of(EMPTY).await
    }

    async fn of(template: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = match server() {
            None => None,
            Some(server) => Some(copy(&server, template).await),
        };
        Self { folder, url }
    }

    /// The same, for whoever can't wait.
    #[must_use]
    pub fn blocking() -> Self {
        apart(async { Ok(Self::new().await) }).expect("a database")
    }

    /// A folder of the test's own: of the database, if it is SQLite, and for anything else.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The URL, if it is PostgreSQL.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Another connection, to look at the tables or change them.
    pub async fn peer(&self) -> Peer {
        match &self.url {
            None => Peer::sqlite(self.folder.path()).await,
            Some(url) => Peer::postgres(url).await,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(url) = self.url.take() else { return };
        if let Err(error) = apart(async move { remove(&url).await }) {
            eprintln!("the test's database stays: {error}");
        }
    }
}

/// Runs it in a thread of its own: within a runtime nothing may block on another one.
fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, sqlx::Error> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(work)
    };
    std::thread::spawn(run).join().expect("the thread ends")
}

/// The server, if tests use one.
#[must_use]
pub fn server() -> Option<String> {
    match std::env::var(DATABASE).as_deref() {
        Err(_) | Ok("" | "sqlite") => None,
        Ok("postgres") => Some(std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{DATABASE} is postgres, but {SERVER} isn't set: see scripts/postgres.sh")
        })),
        Ok(other) => panic!("{DATABASE} is {other:?}, not sqlite or postgres"),
    }
}

/// PostgreSQL's own empty database.
const EMPTY: &str = "template0";

/// Makes an empty database on a server; its URL.
pub async fn create(server: &str) -> String {
    copy(server, EMPTY).await
}

async fn copy(server: &str, template: &str) -> String {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let options = PgConnectOptions::from_str(server).expect("the server's URL");
    let mut connection = options.connect().await.expect("the server for tests answers");
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect("a new database");
    connection.close().await.expect("goodbye");
    let (rest, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{rest}/{name}")
}

async fn remove(url: &str) -> Result<(), sqlx::Error> {
    let (server, name) = url.rsplit_once('/').expect("a URL with a database");
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await?;
    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}
