//! What people have said of a rule's alarms.

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

/// Counts a rule's alarms in scope that were raised in this time.
///
/// # Errors
/// When the database can't be used or a row isn't understood.
pub async fn judged(
    store: &Store,
    scope: Scope,
    rule: RuleId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Judged, StoreError> {
    let rows: Vec<(Option<String>, i64)> = Entity::find()
        .select_only()
        .column(Column::Feedback)
        .column_as(Column::Id.count(), "alarms")
        .filter(Column::RuleId.eq(rule.uuid()))
        .filter(Column::RaisedAt.gte(from.micros()))
        .filter(Column::RaisedAt.lt(to.micros()))
        .filter(scope.covers(Column::OrganizationId))
        .group_by(Column::Feedback)
        .into_tuple()
        .all(store.readers())
        .await?;
    let mut judged = Judged::default();
    for (word, count) in rows {
        judged.alarms += count;
        let Some(word) = word else { continue };
        let verdict: FeedbackVerdict =
            word.parse().map_err(|error| StoreError::corrupt("alarms", error))?;
        match verdict {
            FeedbackVerdict::Real => judged.real += count,
            FeedbackVerdict::Nuisance => judged.nuisance += count,
            FeedbackVerdict::Expected => judged.expected += count,
        }
    }
    Ok(judged)
}
