//! Table `tickets`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub number: i64,
    pub organization_id: Uuid,
    pub machine_id: Uuid,
    pub cause: Option<String>,
    pub title: String,
    pub description: String,
    pub state: String,
    pub hold_reason: Option<String>,
    pub resolution_code: Option<String>,
    pub resolution: Option<String>,
    pub priority: String,
    pub worst: Option<String>,
    pub assignee_id: Option<Uuid>,
    pub opened_by: String,
    pub reopened: i64,
    pub external_ids: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub resolved_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub close_at: Option<i64>,
    pub began_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
