//! Table `machines`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "machines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub site_id: Option<Uuid>,
    pub parent_id: Option<Uuid>,
    pub name: String,
    pub serial_number: String,
    pub model: Option<String>,
    pub external_ids: String,
    pub state: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub commissioned_at: Option<i64>,
    pub decommissioned_at: Option<i64>,
    pub criticality: String,
    pub maintenance_since: Option<i64>,
    pub maintenance_until: Option<i64>,
    pub maintenance_reason: Option<String>,
    pub maintenance_by: Option<String>,
    pub parameters: String,
    pub learned_since: Option<i64>,
    pub maintenance_ended_at: Option<i64>,
    pub surroundings_since: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
