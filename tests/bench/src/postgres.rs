//! A private PostgreSQL from the system's programs, gone with the run.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// What an operator would set on a machine of this size; all else as PostgreSQL comes.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "max_connections=200",
    "logging_collector=off",
];
/// The role and owner of everything.
const ROLE: &str = "bench";

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    child: std::process::Child,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Makes a cluster below `scratch` and starts it, with these libraries preloaded.
    pub(crate) async fn start(scratch: &Path, preload: &str) -> Result<Self> {
        let programs = programs().context("no initdb: PostgreSQL isn't installed")?;
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir_in(scratch)?;
        let user = ordinary_user()?;
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder.path()).stdin(Stdio::null());
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command
        };
        let made = command("initdb")
            .args(["-D", "data", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port()?;
        let mut server = command("postgres");
        server.args(["-D", "data", "-p", &port.to_string()]);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        if !preload.is_empty() {
            server.args(["-c", &format!("shared_preload_libraries={preload}")]);
        }
        let log = folder.path().join("postgres.log");
        let child = server.stdout(Stdio::null()).stderr(std::fs::File::create(log)?).spawn()?;
        let server = Self { child, port, _folder: folder };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// The postmaster.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where a database is.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database.
    pub(crate) async fn create(&self, database: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let sql = format!("CREATE DATABASE {database}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Makes an empty database, in place of an earlier one of that name.
    pub(crate) async fn create_anew(&self, database: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let sql = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await?;
        self.create(database).await
    }

    /// One connection to a database.
    pub(crate) async fn pool(&self, database: &str) -> Result<PgPool> {
        let options = PgPoolOptions::new().max_connections(1);
        Ok(options.connect(&self.url(database)).await?)
    }

    async fn wait_until_ready(&self) -> Result<()> {
        for _ in 0..300 {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                return Ok(connection.close().await?);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("PostgreSQL wasn't ready within 30 seconds")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Fast shutdown: connections are ended.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        let _ = self.child.wait();
    }
}

/// Where the newest installed server's programs are.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places =
        found.into_iter().rev().map(|(_, path)| path).chain(std::env::split_paths(&path));
    places.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Whether the newest installed server has this extension.
pub(crate) fn has_extension(name: &str) -> bool {
    let Some(programs) = programs() else { return false };
    let Ok(answer) = Command::new(programs.join("pg_config")).arg("--sharedir").output() else {
        return false;
    };
    let folder = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    folder.join("extension").join(format!("{name}.control")).is_file()
}

/// PostgreSQL refuses to run as root: somebody else then.
fn ordinary_user() -> Result<Option<User>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL doesn't run as root, and there is no user postgres or nobody")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
