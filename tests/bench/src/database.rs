//! The databases that the platform is measured with.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;
use sqlx::AssertSqlSafe;

use crate::postgres::{Postgres, has_extension};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Timescale,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Timescale => "timescale",
        }
    }
}

/// A database that the platform can use.
#[derive(Debug)]
pub(crate) struct Database {
    kind: Kind,
    server: Option<Postgres>,
}

/// The platform's database on the private server.
pub(crate) const NAME: &str = "millwright";

impl Database {
    /// Starts what it needs; an error says why it can't be measured here.
    pub(crate) async fn start(kind: Kind, scratch: &Path) -> Result<Self> {
        let server = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Postgres::start(scratch, "").await?),
            Kind::Timescale => {
                if !has_extension("timescaledb") {
                    bail!("the installed PostgreSQL has no extension timescaledb");
                }
                Some(Postgres::start(scratch, "timescaledb").await?)
            }
        };
        let database = Self { kind, server };
        if let Some(server) = &database.server {
            database.create(server, NAME).await?;
        }
        Ok(database)
    }

    async fn create(&self, server: &Postgres, name: &str) -> Result<()> {
        server.create(name).await?;
        if self.kind == Kind::Timescale {
            let pool = server.pool(name).await?;
            let sql = AssertSqlSafe("CREATE EXTENSION IF NOT EXISTS timescaledb".to_owned());
            sqlx::query(sql).execute(&pool).await?;
            pool.close().await;
        }
        Ok(())
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.kind.name()
    }

    pub(crate) const fn server(&self) -> Option<&Postgres> {
        self.server.as_ref()
    }

    /// What `millwright serve` is told.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.server
            .as_ref()
            .map_or_else(Vec::new, |server| vec!["--database".to_owned(), server.url(NAME)])
    }

    /// Processes of its own.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.server.iter().map(Postgres::pid).collect()
    }
}
