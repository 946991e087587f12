//! Table `ticket_alarms`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ticket_alarms")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub alarm_id: Uuid,
    pub ticket_id: Uuid,
    pub organization_id: Uuid,
    pub role: String,
    pub reason: String,
    pub joined_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
