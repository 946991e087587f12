//! One state of the database, for several queries.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::engine::{Cell, Connection, Pool, Row};
use crate::{Store, StoreError};

/// Queries that all see the same state, whatever is written meanwhile. Ends when it is dropped.
#[derive(Debug)]
pub(crate) enum Snapshot {
    /// Of the embedded database: the state at the first query.
    Sqlite(Transaction<'static, Sqlite>),
    /// Of a server.
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Begins to look at one state. Not for long: what is written meanwhile can't be tidied up.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(match self.reader_pool() {
            Pool::Sqlite(pool) => Snapshot::Sqlite(pool.begin().await?),
            Pool::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Snapshot::Postgres(pool.begin_with(begin).await?)
            }
        })
    }
}

impl Snapshot {
    pub(crate) async fn fetch(
        &mut self,
        sql: &str,
        cells: &[Cell<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let connection = match self {
            Self::Sqlite(inner) => Connection::Sqlite(inner),
            Self::Postgres(inner) => Connection::Postgres(inner),
        };
        connection.fetch(sql, cells).await
    }

    /// The first row.
    pub(crate) async fn first(
        &mut self,
        sql: &str,
        cells: &[Cell<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, cells).await?.into_iter().next())
    }

    /// Gives the connection back at once.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(inner) => inner.commit().await?,
            Self::Postgres(inner) => inner.commit().await?,
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::testing::{machine, organization, store};
    use crate::upkeep::rollups::tests::{new_series, write};

    #[tokio::test]
    async fn all_queries_see_one_state() {
        let (store, _folder) = store().await;
        let top = organization(&store, None).await;
        let machine = machine(&store, top).await;
        let series = new_series(&store, machine).await;
        let count = "SELECT count(*) FROM points";
        let mut snapshot = store.snapshot().await.unwrap();
        let before: i64 = snapshot.first(count, &[]).await.unwrap().unwrap().get(0).unwrap();
        write(&store, series, &[(1_000_000, Some(1.0))], true).await;
        let after: i64 = snapshot.first(count, &[]).await.unwrap().unwrap().get(0).unwrap();
        assert_eq!((before, after), (0, 0));
        snapshot.end().await.unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let now: i64 = snapshot.first(count, &[]).await.unwrap().unwrap().get(0).unwrap();
        assert_eq!(now, 1);
    }
}
