//! What a caller may see.

use millwright_schemas::OrganizationId;
use sea_orm::sea_query::{Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, Condition};

use crate::entities::organization_tree;

/// Which customers' rows a repository call may touch. Every such call takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This organization and all below it.
    Organization(OrganizationId),
    /// Every row: only for the platform's own work (intake, sequencer, jobs), never for a request.
    Platform,
}

impl Scope {
    /// The condition that `column` (an organization id) is within the scope.
    pub fn covers<C: ColumnTrait>(self, column: C) -> Condition {
        match self {
            Self::Platform => Condition::all(),
            Self::Organization(id) => Condition::all().add(column.in_subquery(below(id))),
        }
    }
}

/// The ids of an organization and all below it.
fn below(id: OrganizationId) -> SelectStatement {
    use organization_tree::Column;
    let condition: SimpleExpr = Column::AncestorId.eq(id.uuid());
    let mut query = Query::select();
    query.column(Column::DescendantId).from(organization_tree::Entity).and_where(condition);
    query
}
