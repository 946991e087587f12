//! What people have said of a rule's alarms.

use std::collections::BTreeMap;

use millwright_schemas::api::alarms::FeedbackVerdict;
use millwright_schemas::{RuleId, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::entities::alarm::{Column, Entity};
use crate::{Scope, Store, StoreError};

/// How many alarms of a rule people have said what of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged {
    /// All alarms, those included of which nobody has said anything.
    pub alarms: i64,
    /// Something was wrong.
    pub real: i64,
    /// Nothing was wrong.
    pub nuisance: i64,
    /// It was right, but nobody had to act.
    pub expected: i64,
}

impl Judged {
    fn add(&mut self, verdict: Option<FeedbackVerdict>, count: i64) {
        self.alarms += count;
        match verdict {
            None => {}
            Some(FeedbackVerdict::Real) => self.real += count,
            Some(FeedbackVerdict::Nuisance) => self.nuisance += count,
            Some(FeedbackVerdict::Expected) => self.expected += count,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            alarms: self.alarms + other.alarms,
            real: self.real + other.real,
            nuisance: self.nuisance + other.nuisance,
            expected: self.expected + other.expected,
        }
    }
}

/// Counts a rule's alarms in scope that were raised in this time, by the version of the rule that has
/// raised them. Those of the source `about_rule` are about the rule itself, not its work.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn judged(
    store: &Store,
    scope: Scope,
    rule: RuleId,
    about_rule: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<i64, Judged>, StoreError> {
    let rows: Vec<(Option<i64>, Option<String>, i64)> = Entity::find()
        .select_only()
        .column(Column::RuleVersion)
        .column(Column::Feedback)
        .column_as(Column::Id.count(), "alarms")
        .filter(Column::RuleId.eq(rule.uuid()))
        .filter(Column::Source.ne(about_rule))
        .filter(Column::RaisedAt.gte(from.micros()))
        .filter(Column::RaisedAt.lt(to.micros()))
        .filter(scope.covers(Column::OrganizationId))
        .group_by(Column::RuleVersion)
        .group_by(Column::Feedback)
        .into_tuple()
        .all(store.readers())
        .await?;
    let mut judged: BTreeMap<i64, Judged> = BTreeMap::new();
    for (version, word, count) in rows {
        let version =
            version.ok_or_else(|| StoreError::corrupt("alarms", "of a rule without version"))?;
        let verdict = word.map(|word| word.parse::<FeedbackVerdict>()).transpose();
        let verdict = verdict.map_err(|error| StoreError::corrupt("alarms", error))?;
        judged.entry(version).or_default().add(verdict, count);
    }
    Ok(judged)
}
