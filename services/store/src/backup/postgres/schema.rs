//! Which tables there are, in which order they can be filled, and how they are cut into days.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;

use crate::telemetry::layout;

/// What migrations there were stands in the manifest; the table is filled by running them.
const MIGRATIONS: &str = "seaql_migrations";

/// A table that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// About how many rows it has, as the server last counted.
    pub(super) about: u64,
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Its columns, as a list in SQL.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
    }
}

/// The tables of the connection's schema, each after those that it refers to. Partitions are part of
/// their table; what a removal of one that was broken off has left is nothing's.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, sqlx::Error> {
    let rows: Vec<(String, Vec<String>, f64)> = sqlx::query_as(
        "SELECT c.relname::text, \
            (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             AND a.attgenerated = ''), \
            GREATEST(c.reltuples, 0)::float8 + COALESCE((SELECT SUM(GREATEST(p.reltuples, 0)) \
                FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid \
                WHERE i.inhparent = c.oid), 0)::float8 \
         FROM pg_class c \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
         AND NOT c.relispartition AND c.relname !~ $1 ORDER BY c.relname",
    )
    .bind(layout::NAMES)
    .fetch_all(&mut *connection)
    .await?;
    let references: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT f.relname::text, t.relname::text FROM pg_constraint r \
         JOIN pg_class f ON f.oid = r.conrelid JOIN pg_class t ON t.oid = r.confrelid \
         WHERE r.contype = 'f' AND f.relnamespace = current_schema()::regnamespace \
         AND r.conrelid <> r.confrelid",
    )
    .fetch_all(connection)
    .await?;
    let tables = rows
        .into_iter()
        .filter(|(name, ..)| name != MIGRATIONS)
        .map(|(name, columns, about)| Table { name, columns, about: about as u64 })
        .collect();
    Ok(in_order(tables, &references))
}

/// Each table after those that it refers to. In a circle, which our schema doesn't have, the order of
/// names: filling it would then fail, not go wrong.
fn in_order(tables: Vec<Table>, references: &[(String, String)]) -> Vec<Table> {
    let names: BTreeSet<String> = tables.iter().map(|table| table.name.clone()).collect();
    let mut waiting: BTreeMap<String, Table> =
        tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let ready = |name: &String| {
            !references
                .iter()
                .any(|(from, to)| from == name && names.contains(to) && waiting.contains_key(to))
        };
        let next = waiting.keys().find(|name| ready(name)).or_else(|| waiting.keys().next());
        let Some(table) = next.cloned().and_then(|name| waiting.remove(&name)) else { break };
        ordered.push(table);
    }
    ordered
}

/// Migrations that the database has, in their order; none when it has no tables of ours.
pub(super) async fn migrations(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let there: bool = sqlx::query_scalar("SELECT to_regclass('seaql_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT version::text FROM seaql_migrations ORDER BY version")
        .fetch_all(connection)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_that_they_refer_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new(), about: 0 };
        let tables = ["alarms", "machines", "organizations", "tickets", "z"].map(table).to_vec();
        let references = [
            ("alarms", "tickets"),
            ("tickets", "machines"),
            ("machines", "organizations"),
            ("machines", "elsewhere"),
        ]
        .map(|(from, to)| (from.to_owned(), to.to_owned()));
        let ordered: Vec<_> =
            in_order(tables, &references).into_iter().map(|table| table.name).collect();
        assert_eq!(ordered, ["organizations", "machines", "tickets", "alarms", "z"]);
        let circle = [("a", "b"), ("b", "a")].map(|(x, y)| (x.to_owned(), y.to_owned()));
        assert_eq!(in_order(vec![table("a"), table("b")], &circle).len(), 2);
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a\"; DROP"), "\"a\"\"; DROP\"");
    }
}
