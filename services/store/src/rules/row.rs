//! A rule and its row.

use millwright_schemas::api::rules::Rule;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::Serialize;

use crate::StoreError;
use crate::entities::rule::{ActiveModel, Model};

const TABLE: &str = "rules";

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt(TABLE, error)
}

pub(super) fn to_row(rule: &Rule) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(rule.id.uuid()),
        organization_id: Set(rule.organization_id.uuid()),
        name: Set(rule.name.clone()),
        machine_id: Set(rule.machine_id.map(MachineId::uuid)),
        model: Set(rule.model.clone()),
        condition: Set(serde_json::to_string(&rule.condition).map_err(corrupt)?),
        severity: Set(rule.severity.as_str().to_owned()),
        message: Set(rule.message.clone()),
        enabled: Set(rule.enabled),
        version: Set(rule.version),
        created_at: Set(rule.created_at.micros()),
        updated_at: Set(rule.updated_at.micros()),
        deleted_at: NotSet,
    })
}

/// Stored rules, as far as this program understands them. What a newer one has written, beside this one or
/// before it, mustn't keep the others from watching.
#[derive(Debug, Default)]
pub struct Understood {
    /// Those that it understands.
    pub rules: Vec<Rule>,
    /// The others, each with what isn't understood.
    pub strange: Vec<(RuleId, StoreError)>,
}

impl Understood {
    pub(crate) fn of(rows: Vec<Model>) -> Self {
        let mut found = Self::default();
        for row in rows {
            let id = RuleId(row.id);
            match Stored::from(row).understood() {
                Ok(rule) => found.rules.push(rule),
                Err(error) => found.strange.push((id, error)),
            }
        }
        found
    }
}

/// A rule as it is stored, whether or not its condition is understood: what is enough to delete or replace it.
/// As JSON it has a rule's fields, with the condition as a text.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// Its id.
    pub id: RuleId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// The only machine that it watches.
    pub machine_id: Option<MachineId>,
    /// The model of the machines that it watches.
    pub model: Option<String>,
    /// What it watches, as the program that wrote it has put it.
    pub condition: String,
    /// Of its alarms.
    pub severity: Severity,
    /// Of its alarms.
    pub message: Option<String>,
    /// Whether it watches where it is understood.
    pub enabled: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Stored {
    /// The rule.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when this program doesn't understand its condition.
    pub fn understood(self) -> Result<Rule, StoreError> {
        Ok(Rule {
            condition: serde_json::from_str(&self.condition).map_err(corrupt)?,
            id: self.id,
            organization_id: self.organization_id,
            name: self.name,
            machine_id: self.machine_id,
            model: self.model,
            severity: self.severity,
            message: self.message,
            enabled: self.enabled,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl From<Model> for Stored {
    fn from(row: Model) -> Self {
        Self {
            id: RuleId(row.id),
            organization_id: OrganizationId(row.organization_id),
            name: row.name,
            machine_id: row.machine_id.map(MachineId),
            model: row.model,
            condition: row.condition,
            severity: Severity::from_word(&row.severity),
            message: row.message,
            enabled: row.enabled,
            version: row.version,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}
