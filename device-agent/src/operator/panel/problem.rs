//! Errors of the panel's API, after RFC 9457.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use millwright_schemas::api::problem::{PROBLEM_JSON, Problem};

use crate::operator::DeskError;

/// An error as it is answered: kind, status, what is wrong.
#[derive(Debug)]
pub(super) struct PanelError {
    kind: &'static str,
    status: StatusCode,
    detail: String,
}

impl PanelError {
    pub(super) fn new(kind: &'static str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self { kind, status, detail: detail.into() }
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new("forbidden", StatusCode::FORBIDDEN, detail)
    }
}

impl From<DeskError> for PanelError {
    fn from(error: DeskError) -> Self {
        let (kind, status) = match error {
            DeskError::NotAsked(_) | DeskError::NotRunning(_) | DeskError::NothingRuns => {
                ("conflict", StatusCode::CONFLICT)
            }
            DeskError::Message(_) => ("validation", StatusCode::UNPROCESSABLE_ENTITY),
            DeskError::Outbox(_) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        };
        Self::new(kind, status, error.to_string())
    }
}

impl IntoResponse for PanelError {
    fn into_response(self) -> Response {
        let problem = Problem {
            problem_type: format!("urn:millwright:problem:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: Some(self.detail),
            errors: Vec::new(),
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let media_type = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}
