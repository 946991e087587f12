//! Why a rule is refused.

use millwright_core::access::Forbidden;
use millwright_schemas::api::problem::FieldProblem;
use millwright_store::StoreError;
use millwright_store::page::InvalidPage;

/// Why a rule is refused.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The caller may not do it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Fields break a rule.
    #[error("{} of the rule's fields can't be accepted", .0.len())]
    Invalid(Vec<FieldProblem>),
    /// No such page.
    #[error(transparent)]
    Page(#[from] InvalidPage),
    /// Not found in scope, changed meanwhile, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RuleError {
    pub(super) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![problem(field, message)])
    }
}

pub(super) fn problem(field: &str, message: impl Into<String>) -> FieldProblem {
    FieldProblem { field: field.to_owned(), message: message.into() }
}
