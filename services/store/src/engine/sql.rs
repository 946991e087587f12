//! Statements written by hand, their parameters and their rows, on either database.

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use super::Pool;
use crate::StoreError;

/// A parameter. `None`: NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<&'a str>),
    Id(Option<Uuid>),
    Bytes(Option<&'a [u8]>),
}

macro_rules! cell_from {
    ($kind:ident, $type:ty) => {
        impl<'a> From<$type> for Cell<'a> {
            fn from(value: $type) -> Self {
                Self::$kind(Some(value))
            }
        }
        impl<'a> From<Option<$type>> for Cell<'a> {
            fn from(value: Option<$type>) -> Self {
                Self::$kind(value)
            }
        }
    };
}
cell_from!(Int, i64);
cell_from!(Real, f64);
cell_from!(Text, &'a str);
cell_from!(Id, Uuid);
cell_from!(Bytes, &'a [u8]);

pub(super) fn bind_sqlite<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    cell: Cell<'_>,
) -> Query<'q, Sqlite, SqliteArguments> {
    match cell {
        Cell::Int(value) => query.bind(value),
        Cell::Real(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::Id(value) => query.bind(value),
        Cell::Bytes(value) => query.bind(value),
    }
}

fn bind_postgres<'q>(
    query: Query<'q, Postgres, PgArguments>,
    cell: Cell<'_>,
) -> Query<'q, Postgres, PgArguments> {
    match cell {
        Cell::Int(value) => query.bind(value),
        Cell::Real(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::Id(value) => query.bind(value),
        Cell::Bytes(value) => query.bind(value),
    }
}

/// A row of either database.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A column by its place.
    pub(crate) fn get<T>(&self, place: usize) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite>,
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(place)?,
            Self::Postgres(row) => row.try_get(place)?,
        })
    }
}

/// A connection of either database, within a transaction.
#[derive(Debug)]
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection<'_> {
    /// How many rows were changed.
    pub(crate) async fn execute(self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let query = cells.iter().copied().fold(sqlite_query(sql), bind_sqlite);
                Ok(query.execute(connection).await?.rows_affected())
            }
            Self::Postgres(connection) => {
                let query = cells.iter().copied().fold(postgres_query(sql), bind_postgres);
                Ok(query.execute(connection).await?.rows_affected())
            }
        }
    }

    pub(crate) async fn fetch(self, sql: &str, cells: &[Cell<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let query = cells.iter().copied().fold(sqlite_query(sql), bind_sqlite);
                let rows = query.fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(connection) => {
                let query = cells.iter().copied().fold(postgres_query(sql), bind_postgres);
                let rows = query.fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }
}

impl Pool<'_> {
    pub(crate) async fn fetch(self, sql: &str, cells: &[Cell<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                let query = cells.iter().copied().fold(sqlite_query(sql), bind_sqlite);
                let rows = query.fetch_all(pool).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(pool) => {
                let query = cells.iter().copied().fold(postgres_query(sql), bind_postgres);
                let rows = query.fetch_all(pool).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// A statement that is a transaction of its own; how many rows were changed.
    pub(crate) async fn execute(self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                let query = cells.iter().copied().fold(sqlite_query(sql), bind_sqlite);
                Ok(query.execute(pool).await?.rows_affected())
            }
            Self::Postgres(pool) => {
                let query = cells.iter().copied().fold(postgres_query(sql), bind_postgres);
                Ok(query.execute(pool).await?.rows_affected())
            }
        }
    }

    /// The first row.
    pub(crate) async fn first(
        self,
        sql: &str,
        cells: &[Cell<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, cells).await?.into_iter().next())
    }
}

fn sqlite_query<'q>(sql: &str) -> Query<'q, Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
}

fn postgres_query<'q>(sql: &str) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(numbered(sql)))
}

/// `?` becomes `$1`, `$2`, … in their order, `?3` becomes `$3`. No text of ours has a question
/// mark of its own.
pub(crate) fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut count = 0_u32;
    let mut rest = sql.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter != '?' {
            text.push(letter);
            continue;
        }
        text.push('$');
        if !rest.peek().is_some_and(char::is_ascii_digit) {
            count += 1;
            text.push_str(&count.to_string());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered() {
        assert_eq!(numbered("a = ? AND b IN (?,?)"), "a = $1 AND b IN ($2,$3)");
        assert_eq!(numbered("a = ?2 AND b = ?1 OR c = ?2"), "a = $2 AND b = $1 OR c = $2");
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }
}
