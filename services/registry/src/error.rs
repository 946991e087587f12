//! Why the registry refuses.

use millwright_core::access::Forbidden;
use millwright_core::fields::InvalidFields;
use millwright_core::machine::OutOfUse;
use millwright_schemas::api::problem::FieldProblem;
use millwright_store::StoreError;
use millwright_store::page::InvalidPage;

/// Why the registry refuses.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The caller may not do it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Fields break a rule.
    #[error("{} of the request's fields can't be accepted", .0.len())]
    Invalid(Vec<FieldProblem>),
    /// No such page.
    #[error(transparent)]
    Page(#[from] InvalidPage),
    /// The machine is decommissioned.
    #[error(transparent)]
    OutOfUse(#[from] OutOfUse),
    /// Not found in scope, exists already, changed meanwhile, or the database can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<InvalidFields> for RegistryError {
    fn from(error: InvalidFields) -> Self {
        Self::Invalid(error.0)
    }
}

impl RegistryError {
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field: field.to_owned(), message: message.into() }])
    }
}
