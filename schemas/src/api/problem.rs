//! Errors, after RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of an error body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error (RFC 9457 problem details).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of error: `urn:millwright:problem:…`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The kind of error, for people.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What is wrong this time, with the value at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field, such as `samples[3].ts`.
    pub field: String,
    /// The rule that it breaks, with the value.
    pub message: String,
}
