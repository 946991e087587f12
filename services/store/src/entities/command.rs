//! Table `commands`.

#![allow(missing_docs, reason = "columns are described in the migration")]

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "commands")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub machine_id: Uuid,
    pub ord: i64,
    pub name: String,
    pub args: String,
    pub class: Option<String>,
    pub state: String,
    pub ticket_id: Option<Uuid>,
    pub purpose: Option<String>,
    pub issued_by: String,
    pub issued_by_name: String,
    pub approved_by: Option<String>,
    pub expires_at: i64,
    pub deadline_s: i64,
    pub ledger: Option<Uuid>,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
    pub result: Option<String>,
    pub error: Option<String>,
    pub output: Option<String>,
    pub output_parts: i64,
    pub output_cut: bool,
    pub cancel_requested_at: Option<i64>,
    pub cancel_by_name: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub sent_at: Option<i64>,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
