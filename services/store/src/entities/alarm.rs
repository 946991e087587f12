//! Table `alarms`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alarms")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub machine_id: Uuid,
    pub origin: String,
    pub source: String,
    pub code: String,
    pub rule_id: Option<Uuid>,
    pub rule_version: Option<i64>,
    pub severity: String,
    pub message: String,
    pub context: String,
    pub active: bool,
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<i64>,
    pub shelved_until: Option<i64>,
    pub suppressed_by: Option<String>,
    pub out_of_service: bool,
    pub count: i64,
    pub raised_at: i64,
    pub changed_at: i64,
    pub cleared_at: Option<i64>,
    pub clear_reason: Option<String>,
    pub received_at: i64,
    pub ticket_id: Option<Uuid>,
    pub feedback: Option<String>,
    pub feedback_note: Option<String>,
    pub feedback_by: Option<String>,
    pub feedback_at: Option<i64>,
    pub version: i64,
    pub flapping_since: Option<i64>,
    pub flapping_count: Option<i64>,
    pub flapping_until: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
