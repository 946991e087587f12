//! A write transaction of either kind: a use case's ([`Tx`]) or ingest's ([`BatchTx`]).
//!
//! Alarms, audit records, domain events and jobs are written in both, by the same functions.

use millwright_schemas::MachineId;
use sea_orm::sea_query::{
    DeleteStatement, InsertStatement, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder,
    UpdateStatement,
};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult};
use sea_query_sqlx::SqlxBinder;
use sqlx::AssertSqlSafe;

use crate::engine::Engine;
use crate::engine::sql::Connection;
use crate::telemetry::BatchTx;
use crate::{StoreError, Tx};

/// A write transaction of either kind.
#[derive(Debug)]
pub enum Conn<'a> {
    /// A use case's.
    Tx(&'a Tx),
    /// Of a batch of telemetry.
    Batch(&'a mut BatchTx),
}

impl<'a> From<&'a Tx> for Conn<'a> {
    fn from(tx: &'a Tx) -> Self {
        Self::Tx(tx)
    }
}

impl<'a> From<&'a mut BatchTx> for Conn<'a> {
    fn from(tx: &'a mut BatchTx) -> Self {
        Self::Batch(tx)
    }
}

/// So that a function that was given one can hand it on more than once.
impl<'a, 'b> From<&'a mut Conn<'b>> for Conn<'a>
where
    'b: 'a,
{
    fn from(conn: &'a mut Conn<'b>) -> Self {
        match conn {
            Conn::Tx(tx) => Conn::Tx(tx),
            Conn::Batch(tx) => Conn::Batch(tx),
        }
    }
}

macro_rules! execute {
    ($name:ident, $statement:ty) => {
        pub(crate) async fn $name(&mut self, statement: &$statement) -> Result<u64, StoreError> {
            match self {
                Self::Tx(tx) => Ok(tx.conn().execute(statement).await?.rows_affected()),
                Self::Batch(tx) => match tx.conn() {
                    Connection::Sqlite(connection) => {
                        let (sql, values) = statement.build_sqlx(SqliteQueryBuilder);
                        let query = sqlx::query_with(AssertSqlSafe(sql), values);
                        Ok(query.execute(connection).await?.rows_affected())
                    }
                    Connection::Postgres(connection) => {
                        let (sql, values) = statement.build_sqlx(PostgresQueryBuilder);
                        let query = sqlx::query_with(AssertSqlSafe(sql), values);
                        Ok(query.execute(connection).await?.rows_affected())
                    }
                },
            }
        }
    };
}

impl Conn<'_> {
    /// From here on to its end no other transaction changes anything of this machine. Use cases
    /// write alone anyway; of batches several may run on PostgreSQL.
    ///
    /// # Errors
    /// When the database can't be used.
    pub async fn hold_machine(&mut self, machine: MachineId) -> Result<(), StoreError> {
        if let Self::Batch(tx) = self
            && tx.engine() == Engine::Postgres
        {
            let sql = "SELECT id FROM machines WHERE id = ? FOR NO KEY UPDATE";
            tx.conn().fetch(sql, &[machine.uuid().into()]).await?;
        }
        Ok(())
    }
}

#[allow(dead_code, reason = "which statements are needed is the repositories' business")]
impl Conn<'_> {
    execute!(insert, InsertStatement);
    execute!(update, UpdateStatement);
    execute!(delete, DeleteStatement);

    pub(crate) async fn all(
        &mut self,
        query: &SelectStatement,
    ) -> Result<Vec<QueryResult>, StoreError> {
        match self {
            Self::Tx(tx) => Ok(tx.conn().query_all(query).await?),
            Self::Batch(tx) => match tx.conn() {
                Connection::Sqlite(connection) => {
                    let (sql, values) = query.build_sqlx(SqliteQueryBuilder);
                    let rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection);
                    Ok(rows.await?.into_iter().map(QueryResult::from).collect())
                }
                Connection::Postgres(connection) => {
                    let (sql, values) = query.build_sqlx(PostgresQueryBuilder);
                    let rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection);
                    Ok(rows.await?.into_iter().map(QueryResult::from).collect())
                }
            },
        }
    }

    /// Rows of an entity: `Entity::find()….into_query()`.
    pub(crate) async fn models<M: FromQueryResult>(
        &mut self,
        query: &SelectStatement,
    ) -> Result<Vec<M>, StoreError> {
        let rows = self.all(query).await?;
        rows.iter().map(|row| Ok(M::from_query_result(row, "")?)).collect()
    }

    pub(crate) fn mark_events(&mut self) {
        match self {
            Self::Tx(tx) => tx.mark_events(),
            Self::Batch(tx) => tx.mark_events(),
        }
    }

    pub(crate) fn mark_jobs(&mut self, kind: &str) {
        match self {
            Self::Tx(tx) => tx.mark_jobs(kind),
            Self::Batch(tx) => tx.mark_jobs(kind),
        }
    }
}
