//! What a backup says about itself.

use std::collections::BTreeMap;
use std::fmt;

use millwright_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// Which database a backup holds. One kind can't be restored into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseKind {
    /// The file in the data folder.
    Sqlite,
    /// `--database postgres://…`
    Postgres,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// What is in a backup. Written after all parts, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that wrote it.
    pub program: String,
    /// Which database.
    pub database: DatabaseKind,
    /// Migrations that the database had, in their order.
    pub migrations: Vec<String>,
    /// When the backup was begun; what it holds is of this moment or a little later.
    pub created_at: Timestamp,
    /// Position of the newest domain event in it; 0: none.
    pub last_position: i64,
    /// Rows by table, as counted in the copy itself.
    pub tables: BTreeMap<String, u64>,
    /// PostgreSQL: columns by table, in the order in which they were copied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Vec<String>>,
    /// PostgreSQL: days since 1970 that points may be of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<i64>,
    /// The parts, in the order of the file.
    pub parts: Vec<Part>,
}

/// A part of a backup: one zstd frame of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `database`, `table/<name>` or `keys/<file>`.
    pub name: String,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in the file.
    pub stored_bytes: u64,
    /// Its length when unpacked.
    pub bytes: u64,
    /// SHA-256 of what is unpacked, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A manifest to be filled.
    #[must_use]
    pub fn begin(database: DatabaseKind, created_at: Timestamp) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            database,
            migrations: Vec::new(),
            created_at,
            last_position: 0,
            tables: BTreeMap::new(),
            columns: BTreeMap::new(),
            days: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Whether the platform's private keys are in it.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys().next().is_some()
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().sum()
    }

    /// Length of all parts when unpacked.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The part of this name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The parts that are files of keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.name.starts_with(super::keys::PREFIX))
    }
}
