//! Table `events`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub id: Uuid,
    pub position: Option<i64>,
    pub organization_id: Uuid,
    #[sea_orm(column_name = "type")]
    pub event_type: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub version: Option<i64>,
    pub actor: String,
    pub origin: Option<String>,
    pub data: String,
    pub occurred_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
