//! What other systems call a row: a JSON object of system → id in one column.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, SimpleExpr};

use crate::StoreError;
use crate::engine::Engine;

pub(crate) fn to_column(ids: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(ids).map_err(|error| StoreError::corrupt("external_ids", error))
}

pub(crate) fn from_column(
    table: &'static str,
    text: &str,
) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(table, error))
}

/// The condition that the row is called `id` by `system`.
pub(crate) fn equals(engine: Engine, column: &'static str, system: &str, id: &str) -> SimpleExpr {
    match engine {
        Engine::Sqlite => {
            let path = format!("$.{}", serde_json::Value::from(system));
            let sql = format!("json_extract({column}, ?) = ?");
            Expr::cust_with_values(sql, [path, id.to_owned()])
        }
        Engine::Postgres => Expr::cust_with_values(
            format!("({column}::jsonb ->> $1) = $2"),
            [system.to_owned(), id.to_owned()],
        ),
    }
}
