//! TimescaleDB, where the database has it: hypertables with columnstore in place of partitions,
//! continuous aggregates in place of rollup tables.
//!
//! Its own background jobs aren't used: refresh and compression are started by our upkeep, which
//! shows how they went.

use sqlx::{AssertSqlSafe, PgPool};

use super::layout::DAY_US;
use crate::StoreError;

/// What the tables become. Everything at once.
const ADOPT: &str = "
DROP TABLE points, points_text, rollups_1m, rollups_1h;
CREATE TABLE points (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value DOUBLE PRECISION,
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
);
CREATE TABLE points_text (
    series_id BIGINT NOT NULL,
    ts BIGINT NOT NULL,
    value TEXT COLLATE \"C\",
    quality BIGINT NOT NULL,
    PRIMARY KEY (series_id, ts)
);
SELECT create_hypertable('points', 'ts', chunk_time_interval => {day}::bigint,
    create_default_indexes => false);
SELECT create_hypertable('points_text', 'ts', chunk_time_interval => {day}::bigint,
    create_default_indexes => false);
CREATE FUNCTION millwright_now() RETURNS BIGINT LANGUAGE sql STABLE
    AS $$ SELECT (extract(epoch FROM now()) * 1000000)::bigint $$;
SELECT set_integer_now_func('points', 'millwright_now');
SELECT set_integer_now_func('points_text', 'millwright_now');
ALTER TABLE points SET (timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'ts DESC');
ALTER TABLE points_text SET (timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'ts DESC');
CREATE MATERIALIZED VIEW rollups_1m
    WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT series_id, time_bucket(60000000::bigint, ts) AS bucket, count(value) AS count,
        min(value) AS min, max(value) AS max, sum(value) AS sum,
        last(value, ts) FILTER (WHERE value IS NOT NULL) AS last
    FROM points GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW rollups_1h
    WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT series_id, time_bucket(3600000000::bigint, bucket) AS bucket,
        sum(count)::bigint AS count, min(min) AS min, max(max) AS max, sum(sum) AS sum,
        last(last, bucket) FILTER (WHERE last IS NOT NULL) AS last
    FROM rollups_1m GROUP BY 1, 2 WITH NO DATA;
";

/// Makes hypertables of empty tables, if the extension is there or can be made. A database that has
/// points keeps the form it has.
pub(crate) async fn adopt(pool: &PgPool) -> Result<(), StoreError> {
    let still_empty: bool = sqlx::query_scalar(
        "SELECT relkind = 'p' AND NOT EXISTS \
         (SELECT 1 FROM pg_inherits WHERE inhparent = pg_class.oid) \
         FROM pg_class WHERE oid = 'points'::regclass",
    )
    .fetch_one(pool)
    .await?;
    if !still_empty || !present(pool).await? {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    let sql = ADOPT.replace("{day}", &DAY_US.to_string());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    tx.commit().await?;
    tracing::info!("TimescaleDB keeps the telemetry");
    Ok(())
}

/// Whether the extension is in this database; made if the server offers it and lets us.
async fn present(pool: &PgPool) -> Result<bool, StoreError> {
    let (there, offered): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'), \
         EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')",
    )
    .fetch_one(pool)
    .await?;
    if there || !offered {
        return Ok(there);
    }
    // A connection of its own, thrown away: the extension is loaded at the start of a session.
    let mut connection = pool.acquire().await?.detach();
    let made =
        sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS timescaledb").execute(&mut connection).await;
    if let Err(error) = &made {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the server offers TimescaleDB, but it can't be used; telemetry is kept in partitions"
        );
    }
    Ok(made.is_ok())
}
