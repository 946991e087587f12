//! Statements over many rows at once.
//!
//! On SQLite the rows stand in the text, in a few fixed sizes, so that each text is prepared once
//! a connection and a batch needs few of them. On PostgreSQL each column is one array parameter
//! and the text is always the same.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

use super::Engine;
use super::sql::{Cell, Connection, Row, bind_sqlite};
use crate::StoreError;

/// Rows per statement on SQLite, largest first; ends with 1.
const SIZES: [usize; 5] = [500, 100, 20, 4, 1];
/// Most rows per statement on PostgreSQL: bounds the message and the server's memory for it.
const POSTGRES_ROWS: usize = 10_000;

/// What a column of the rows holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Real,
    Text,
    Id,
}

impl Type {
    const fn postgres(self) -> &'static str {
        match self {
            Self::Int => "bigint[]",
            Self::Real => "double precision[]",
            Self::Text => "text[]",
            Self::Id => "uuid[]",
        }
    }
}

/// One statement over rows of `N` columns, for both databases.
#[derive(Debug)]
pub(crate) struct Bulk<const N: usize> {
    sqlite: [String; SIZES.len()],
    postgres: String,
    types: [Type; N],
}

impl<const N: usize> Bulk<N> {
    /// `{rows}` in the text stands for a query that gives the rows, such as `VALUES (1, 2), (3, 4)`.
    pub(crate) fn new(text: &str, types: [Type; N]) -> Self {
        Self::of(text, text, types)
    }

    /// The same with a text for each database. In PostgreSQL's the columns are `$1`, `$2`, ….
    pub(crate) fn of(sqlite: &str, postgres: &str, types: [Type; N]) -> Self {
        let row = format!("({})", ["?"; N].join(","));
        let sqlite = SIZES.map(|size| {
            let rows = vec![row.as_str(); size].join(",");
            sqlite.replace("{rows}", &format!("VALUES {rows}"))
        });
        let arrays: Vec<String> = types
            .iter()
            .enumerate()
            .map(|(place, kind)| format!("${}::{}", place + 1, kind.postgres()))
            .collect();
        let postgres =
            postgres.replace("{rows}", &format!("SELECT * FROM UNNEST({})", arrays.join(", ")));
        Self { sqlite, postgres, types }
    }

    /// Splits rows into pieces that there is a text for.
    pub(crate) fn pieces<'a, T>(
        &self,
        engine: Engine,
        rows: &'a [T],
    ) -> impl Iterator<Item = &'a [T]> + use<'a, T, N> {
        let mut rest = rows;
        std::iter::from_fn(move || {
            let size = match engine {
                Engine::Sqlite => *SIZES.iter().find(|size| **size <= rest.len())?,
                Engine::Postgres if rest.is_empty() => return None,
                Engine::Postgres => rest.len().min(POSTGRES_ROWS),
            };
            let (piece, after) = rest.split_at(size);
            rest = after;
            Some(piece)
        })
    }

    /// Runs it over one piece; how many rows were changed.
    pub(crate) async fn execute<T>(
        &'static self,
        connection: Connection<'_>,
        piece: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Result<u64, StoreError> {
        match connection {
            Connection::Sqlite(connection) => {
                let query = self.sqlite(piece, cells);
                Ok(query.execute(connection).await?.rows_affected())
            }
            Connection::Postgres(connection) => {
                let query = self.postgres(piece, cells)?;
                Ok(query.execute(connection).await?.rows_affected())
            }
        }
    }

    /// Runs it over one piece; what it returns.
    pub(crate) async fn fetch<T>(
        &'static self,
        connection: Connection<'_>,
        piece: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        match connection {
            Connection::Sqlite(connection) => {
                let rows = self.sqlite(piece, cells).fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(connection) => {
                let rows = self.postgres(piece, cells)?.fetch_all(connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    fn sqlite<'q, T>(
        &'static self,
        piece: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Query<'q, Sqlite, SqliteArguments> {
        let text =
            SIZES.iter().position(|size| *size == piece.len()).map(|index| &self.sqlite[index]);
        // Pieces come from `pieces`, so there is a text for their size.
        let mut query = sqlx::query(text.map_or("", String::as_str));
        for row in piece {
            for cell in cells(row) {
                query = bind_sqlite(query, cell);
            }
        }
        query
    }

    fn postgres<'q, T>(
        &'static self,
        piece: &[T],
        cells: impl Fn(&T) -> [Cell<'_>; N],
    ) -> Result<Query<'q, Postgres, PgArguments>, StoreError> {
        let mut columns = self.types.map(|kind| Column::new(kind, piece.len()));
        for row in piece {
            for (column, cell) in columns.iter_mut().zip(cells(row)) {
                column.push(cell)?;
            }
        }
        let query = sqlx::query(self.postgres.as_str());
        Ok(columns.into_iter().fold(query, |query, column| column.bind(query)))
    }
}

/// One column of all rows.
enum Column<'a> {
    Ints(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Texts(Vec<Option<&'a str>>),
    Ids(Vec<Option<Uuid>>),
}

impl<'a> Column<'a> {
    fn new(kind: Type, rows: usize) -> Self {
        match kind {
            Type::Int => Self::Ints(Vec::with_capacity(rows)),
            Type::Real => Self::Reals(Vec::with_capacity(rows)),
            Type::Text => Self::Texts(Vec::with_capacity(rows)),
            Type::Id => Self::Ids(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, cell: Cell<'a>) -> Result<(), StoreError> {
        match (self, cell) {
            (Self::Ints(column), Cell::Int(value)) => column.push(value),
            (Self::Reals(column), Cell::Real(value)) => column.push(value),
            (Self::Texts(column), Cell::Text(value)) => column.push(value),
            (Self::Ids(column), Cell::Id(value)) => column.push(value),
            (_, cell) => {
                let reason = format!("a statement's column is of another type than {cell:?}");
                return Err(StoreError::corrupt("statement", reason));
            }
        }
        Ok(())
    }

    fn bind<'q>(self, query: Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments> {
        match self {
            Self::Ints(column) => query.bind(column),
            Self::Reals(column) => query.bind(column),
            Self::Texts(column) => query.bind(column),
            Self::Ids(column) => query.bind(column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_piece_with_its_text() {
        let statement = Bulk::new("{rows} ORDER BY 1", [Type::Int, Type::Text]);
        let rows: Vec<usize> = (0..11_247).collect();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let mut seen = Vec::new();
            for piece in statement.pieces(engine, &rows) {
                assert!(engine == Engine::Postgres || SIZES.contains(&piece.len()));
                seen.extend_from_slice(piece);
            }
            assert_eq!(seen, rows);
            assert_eq!(statement.pieces::<usize>(engine, &[]).count(), 0);
        }
        assert_eq!(statement.sqlite[3], "VALUES (?,?),(?,?),(?,?),(?,?) ORDER BY 1");
        assert_eq!(statement.postgres, "SELECT * FROM UNNEST($1::bigint[], $2::text[]) ORDER BY 1");
    }
}
