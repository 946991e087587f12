//! Table `machine_clocks`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "machine_clocks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub machine_id: Uuid,
    pub ahead_us: i64,
    pub begins_ts: Option<i64>,
    pub doubt_us: Option<i64>,
    pub doubt_messages: i64,
    pub doubt_since: Option<i64>,
    pub doubt_ts: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
