//! Table `alarm_revisions`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alarm_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub machine_id: Uuid,
    pub rule_id: Option<Uuid>,
    pub rule_version: Option<i64>,
    pub kind: String,
    pub from_ts: i64,
    pub to_ts: Option<i64>,
    pub severity: Option<String>,
    pub message: String,
    pub context: String,
    pub alarm_id: Option<Uuid>,
    pub found_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
